"""`python -m streams` is `baton`."""

from streams.cli.entry import main

main()
