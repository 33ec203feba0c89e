"""Prints, for `pip install -r`, the lowest version that pyproject.toml allows of each package, and the test tools.

Packages that bagkit needs or can use are pinned to the version behind their `>=`. Those of the `dev` group that are
neither are as they are: they test.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

CHECKERS = {"ruff", "mypy", "basedpyright"}
"""What looks at the code only, which the newest versions do once."""


def name_of(requirement: str) -> str:
    """Return the name of the package, without its extras."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


def main() -> None:
    """Print a requirement a line."""
    content = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    project = content["project"]
    own = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    used = {each for each in own if name_of(each) != project["name"]}
    names = set(map(name_of, used)) | CHECKERS
    pinned = {re.sub(r">=\s*", "==", each, count=1) for each in used}
    tools = {
        each for each in content["dependency-groups"]["dev"] if isinstance(each, str) and name_of(each) not in names
    }
    print("\n".join(sorted(pinned | tools)))


if __name__ == "__main__":
    main()
