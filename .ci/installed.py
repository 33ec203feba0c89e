"""Runs the README's examples with the bagkit that is installed, and fails where they print something else.

It is run by an interpreter that has a built wheel of bagkit and nothing else of this checkout.
"""

from __future__ import annotations

import doctest
import importlib.metadata
import sys
from pathlib import Path

import bagkit

CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Exit with a message that says what is wrong, or with none."""
    installed = Path(bagkit.__file__)
    if installed.parent.parent == CHECKOUT:
        sys.exit(f"bagkit comes from the checkout, {installed}; expected the installed package")
    version = importlib.metadata.version("bagkit")
    if version != bagkit.__version__:
        sys.exit(f"bagkit.__version__ is {bagkit.__version__}; the package that is installed says {version}")
    if not installed.with_name("py.typed").exists():
        sys.exit("py.typed is not installed: type checkers would not read the annotations")
    failed, tried = doctest.testfile(str(CHECKOUT / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS)
    if failed or not tried:
        sys.exit(f"{failed} of {tried} examples of the README failed")
    print(f"bagkit {version}: {tried} examples of the README print what they should")


if __name__ == "__main__":
    main()
