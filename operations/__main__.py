"""Entry point: `python -m operations <command>`."""

import sys

from operations.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
