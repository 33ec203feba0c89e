"""`python -m bagkit`: the shell command `bagkit`."""

import sys

from bagkit.shell.main import main

if __name__ == "__main__":
    sys.exit(main())
