"""What persist does on an engine that replaces its workers. A subclass gives `engine`, and `end_workers`."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.io.input.persisted import Persisted
from tests.schedulers import works

LARGE = 30_000


def large(n: int) -> dict[str, Any]:
    """Return a record that no other call returns."""
    return {"n": n, "text": f"{random.random()}" + "x" * LARGE}


class PersistContract:
    """What holds for records that an engine has made."""

    @pytest.fixture
    def engine(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def end_workers(self) -> Callable[[], None]:
        """Return what kills each worker."""
        raise NotImplementedError

    def test_records_wait_in_files_until_nobody_wants_them(self, engine: Any, tmp_path: Path) -> None:
        with bk.options(scheduler=engine, temporary_directory=tmp_path, progress=False):
            kept = bk.range(20, npartitions=4).map(large).persist()
            assert kept.map(lambda record: record["n"]).sum().compute() == 190
            assert in_memory(kept) == 0
            assert bytes_in(tmp_path) > 0
            one, other = kept.filter(lambda record: record["n"] == 7).compute(), kept.compute()[7:8]
            assert one == other, "they were made once"
            kept.unpersist()
            assert works.wait_for(lambda: not list(tmp_path.iterdir()))
            with pytest.raises(bk.TaskError, match=r"let go of by unpersist\(\)"):
                kept.map(len).compute()
            again = bk.range(20, npartitions=4).map(large).persist()
            assert again.count().compute() == 20
            del again
            gc.collect()
            assert works.wait_for(lambda: not list(tmp_path.iterdir()))

    def test_workers_that_die_take_nothing_along(
        self, engine: Any, end_workers: Callable[[], None], tmp_path: Path
    ) -> None:
        with bk.options(scheduler=engine, temporary_directory=tmp_path, progress=False):
            kept = bk.range(20, npartitions=4).map(large).persist()
            texts = kept.pluck("text")
            before = texts.map(lambda text: text[:20]).compute()
            end_workers()
            assert texts.map(lambda text: text[:20]).compute() == before
            end_workers()
            assert [text[:20] for text in texts.compute(scheduler="sync")] == before
            assert texts.map(lambda text: text[:20]).compute(scheduler="processes", workers=2) == before

    def test_objects_are_of_the_class_that_the_program_has(self, engine: Any) -> None:
        class Shape:
            def __init__(self, n: int) -> None:
                self.n = n

        def name(shape: Any) -> str:
            return f"{shape.prefix} {shape.n}"

        cls: Any = Shape
        with bk.options(scheduler=engine, progress=False):
            cls.prefix = "old"
            kept = bk.range(4, npartitions=2).map(cls).persist()
            assert kept.map(name).compute() == [f"old {n}" for n in range(4)]
            cls.prefix = "new"
            assert kept.map(name).compute() == [f"new {n}" for n in range(4)]
            assert {type(shape) for shape in kept.compute()} == {cls}


def in_memory(bag: bk.Bag[Any]) -> int:
    """Return how many records of a persisted bag this process has."""
    assert isinstance(bag.plan.op, Persisted)
    return sum(len(kept.local or ()) for kept in bag.plan.op.parts)


def bytes_in(folder: Path) -> int:
    return sum(os.path.getsize(os.path.join(where, name)) for where, _, names in os.walk(folder) for name in names)
