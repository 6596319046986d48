"""``python -m gameday``."""

from gameday.cli.main import main

if __name__ == "__main__":
    main()
