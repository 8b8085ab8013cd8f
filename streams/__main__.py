"""`python -m streams` is `baton`."""

from streams.cli.main import main

main()
