"""Tests of many small cases: one test for all of them, since what pytest does for each takes longer than they do."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

APART = os.environ.get("BAGKIT_CASES") == "apart"
"""Whether each case is a test of its own, which can be run alone."""


def each_case(
    names: str | Sequence[str], cases: Iterable[Any], ids: Iterable[Any] | Callable[[Any], Any] | None = None
) -> Callable[[Any], Any]:
    """Run a test for each of `cases`, as `pytest.mark.parametrize` does, but as one test that names those that fail.

    All cases run, also those behind one that fails. They share the fixtures of the test, but for `tmp_path`: each has
    a directory in it.
    """
    cases = list(cases)
    if ids is not None and not callable(ids):
        ids = list(ids)
    if APART:
        return pytest.mark.parametrize(names, cases, ids=ids)
    asked = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def test_of_all(*args: Any, **fixtures: Any) -> None:
            failed: list[BaseException] = []
            for number, case in enumerate(cases):
                given = {**fixtures, **dict(zip(asked, [case] if len(asked) == 1 else case, strict=True))}
                if "tmp_path" in fixtures:
                    given["tmp_path"] = fixtures["tmp_path"] / str(number)
                    given["tmp_path"].mkdir()
                try:
                    test(*args, **given)
                except (Exception, pytest.fail.Exception) as error:
                    name = (ids(case) if callable(ids) else ids[number]) if ids else repr(case)[:300]
                    error.add_note(f"case {number}: {name}")
                    failed.append(error)
            if len(failed) == 1:
                raise failed[0]
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(cases)} cases failed", failed)

        signature = inspect.signature(test)
        left = [parameter for name, parameter in signature.parameters.items() if name not in asked]
        test_of_all.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]  # pytest reads it
        return test_of_all

    return decorate
