"""Warnings point at the user's line, and Python's filters decide about them."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

import bagkit as bk
from bagkit.diagnostics.observer import listen, stop_listening

SKIPS = """
import warnings
import bagkit as bk
b = bk.from_sequence(["1", "x"], npartitions=1).map(int)
with bk.options(scheduler="sync", on_error="skip"):
    for _ in range(2):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            b.compute()
        print(len(told))
"""


SKIPS_ONCE = """import bagkit as bk
bk.set_options(scheduler="sync")
bk.from_sequence(["1", "x"], npartitions=1).map(int).compute(on_error="skip")
bk.range(1, npartitions=1).take(2)
"""


def test_filters_of_the_context_count() -> None:  # which Pythons before 3.14 do not have
    done = subprocess.run(
        [sys.executable, "-X", "context_aware_warnings=1", "-c", SKIPS], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.parametrize("given", [["-c", SKIPS_ONCE], ["-"]])
def test_programs_without_a_file_are_warned_too(given: list[str]) -> None:
    done = subprocess.run([sys.executable, *given], input=SKIPS_ONCE, capture_output=True, text=True, check=True)
    assert ":3: SkippedRecordsWarning: 1 record skipped" in done.stderr
    assert ":4: ShortTakeWarning: take: asked for 2 records, and found 1" in done.stderr


def test_a_line_is_told_once_by_default() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(2):
            bk.range(2, npartitions=1).take(3, scheduler="sync")
        bk.range(2, npartitions=1).take(3, scheduler="sync")
    lines = [each.lineno for each in told]
    assert lines == [lines[0], lines[0] + 1]
    assert {each.filename for each in told} == {__file__}


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("it has no text")


class Odd:
    def emit(self, event: object) -> None:
        raise Unspeakable

    def __repr__(self) -> str:
        raise ValueError("it has no repr")

    def __getattr__(self, name: str) -> object:
        raise ValueError("it has no attributes")


def test_an_observer_that_can_not_be_named_does_not_end_the_run() -> None:
    odd = Odd()
    listen(odd)
    try:
        with pytest.warns(UserWarning, match=r"<Odd whose repr raises ValueError> raised Unspeakable: <its str\(\)"):
            assert bk.range(3, npartitions=1).compute(scheduler="sync") == [0, 1, 2]
    finally:
        stop_listening(odd)


def test_an_error_that_nobody_asks_for_is_told_at_the_line_that_said_so() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with bk.Client(workers=1) as client:
            bk.fire_and_forget(client.submit(int, "x"))
    (warning,) = told
    assert (warning.filename, "ValueError: invalid literal" in str(warning.message)) == (__file__, True)
