"""`shimlet`, also as `python -m shimlet_host`. The command line itself is in cli/."""

import sys

from shimlet_host.starting import load_quietly, open_standard_streams

INTERRUPTED = 130  # exit status of what Ctrl-C ended, as shells have it


def main() -> None:
    """Entry point of the `shimlet` command."""
    open_standard_streams()
    with load_quietly():
        from shimlet_host.cli import main as run
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
