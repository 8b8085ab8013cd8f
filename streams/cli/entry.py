"""Where the process starts: nothing heavy is imported before Ctrl-C can be answered."""

import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run `baton`; exits the process."""
    try:
        from streams.cli.main import run

        run()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
