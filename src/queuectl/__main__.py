"""The program's entrance: `queuectl` and `python -m queuectl`."""

from queuectl.cli.entry import main

if __name__ == "__main__":
    main()
