"""The `baton` command: one module a subcommand."""
