"""What is published: one version, the Pythons that are tested, the extras; and that each check has one place."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import bagkit

ROOT = Path(bagkit.__file__).parent.parent


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return content


def test_there_is_one_version(project: dict[str, Any]) -> None:
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    # Where this fails after a change of the version, the editable install is older: install it again.
    assert importlib.metadata.version("bagkit") == bagkit.__version__


def test_the_pythons_that_are_promised_are_tested(project: dict[str, Any]) -> None:
    promised = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert project["requires-python"] == f">={promised[0]}"
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    (tested,) = re.findall(r"^ +python: \[(.+)\]$", workflow, re.MULTILINE)
    assert re.findall(r"3\.\d+", tested) == promised


def test_all_is_all_extras(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    names = ",".join(re.findall(r"\[(.+)\]", "\n".join(extras["all"])))
    # avro-codecs is more than avro; the samples are no part of the library; ray has no wheels for the newest Python.
    assert set(names.split(",")) == set(extras) - {"all", "avro", "samples", "ray"}


def test_hooks_and_ci_make_the_same_checks() -> None:
    script = (ROOT / ".ci/check").read_text()
    checks = re.findall(r"^(\w+)\(\) \{ tool ", script, re.MULTILINE)
    hooks = re.findall(r"^ +entry: \.ci/check (\w+)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    assert hooks == checks


@pytest.mark.parametrize("script", ["check", "run"])
def test_a_check_that_is_none_is_refused(script: str) -> None:
    run = subprocess.run([ROOT / ".ci" / script, "nothing"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert "got 'nothing'; expected" in run.stderr
