"""What `baton doctor` looks at: each module asks one part of a set-up and says what it found."""
