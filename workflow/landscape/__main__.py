"""`python -m landscape STAGE …`."""

import sys

from landscape.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
