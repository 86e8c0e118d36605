"""`shimlet`, also as `python -m shimlet_host`. The command line itself is in cli/."""

import sys

from shimlet_host.starting import open_standard_streams

INTERRUPTED = 130  # exit status of what Ctrl-C ended, as shells have it


def main() -> None:
    """Entry point of the `shimlet` command."""
    open_standard_streams()
    try:
        from shimlet_host.cli import main as run
    except KeyboardInterrupt:  # it loads for a moment
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
