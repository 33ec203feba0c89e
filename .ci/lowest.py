"""Prints, for `pip install -r`, the lowest version that pyproject.toml allows of each package, and the test tools.

Packages that bagkit needs or can use are pinned to the version behind their `>=`. Where that one is older than this
Python, and so has no wheel for it, they are pinned to the lowest that has one. Those of the `dev` group that are
neither are as they are: they test.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKERS = {"ruff", "mypy", "basedpyright"}
"""What looks at the code only, which the newest versions do once."""
OLDEST = (3, 11)
"""The Python for which all of the versions in pyproject.toml have wheels."""


def name_of(requirement: str) -> str:
    """Return the name of the package, without its extras."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


def numbers(version: str) -> list[int]:
    """Return a version in a form that can be compared; without the zeros at its end."""
    found = [int(number) for number in re.findall(r"\d+", version)]
    while found and not found[-1]:
        found.pop()
    return found


def pinned(requirement: str) -> str:
    """Return the requirement with the lowest version that can be installed here without a compiler."""
    bound = re.search(r">=\s*([0-9.]+)", requirement)
    if bound is None:
        return requirement
    version = bound[1]
    if sys.version_info[:2] > OLDEST:
        pip = [sys.executable, "-m", "pip", "index", "versions", "--only-binary", ":all:", "--json"]
        answer = subprocess.run([*pip, name_of(requirement)], stdout=subprocess.PIPE, text=True, check=False)
        known = json.loads(answer.stdout)["versions"] if answer.returncode == 0 else []
        version = min((each for each in known if numbers(each) >= numbers(version)), key=numbers, default=version)
    return requirement.replace(bound[0], f"=={version}", 1)


def main() -> None:
    """Print a requirement a line."""
    content = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    project = content["project"]
    own = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    used = {each for each in own if name_of(each) != project["name"]}
    names = set(map(name_of, used)) | CHECKERS
    tools = {
        each for each in content["dependency-groups"]["dev"] if isinstance(each, str) and name_of(each) not in names
    }
    print("\n".join(sorted({*map(pinned, used), *tools})))


if __name__ == "__main__":
    main()
