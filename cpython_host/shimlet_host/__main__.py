"""`shimlet`, also as `python -m shimlet_host`. The command line itself is in cli/."""

from shimlet_host.cli import main

if __name__ == "__main__":
    main()
