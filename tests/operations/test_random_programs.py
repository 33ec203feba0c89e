"""Random programs: bags made of bags made of bags, each what plain lists say, however and together with what it runs.

A program keeps all bags that it makes, so later ones share earlier ones, and combine any two of them. What plain lists
say of a bag is checked when it is made, partition by partition; from then on these partitions are what it must be:
optimised or as written, in one process or in several, with memory enough or so little that exchanges wait on disk.
`BAGKIT_EXAMPLES=100 pytest tests/operations/test_random_programs.py` tries a hundred times as many.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule, run_state_machine_as_test

import bagkit as bk
from bagkit.exchange import mostly_distinct, spill, tables, weight
from tests.examples import examples
from tests.operations.cases import CASES, RECORDS, Case
from tests.operations.cases_of_sequences import flat
from tests.operations.compare import assert_same, outcome
from tests.operations.partitionings import PARTITIONINGS
from tests.operations.steps import GOING_ON, STEPS, Step

BY_KIND: dict[str, list[Case]] = {}
for _case in [*CASES, *GOING_ON]:
    if not _case.of_all and "numbers" not in _case.name:
        BY_KIND.setdefault(_case.takes, []).append(_case)

STEPS_BY_KIND: dict[str, list[Step]] = {}
for _step in STEPS:
    STEPS_BY_KIND.setdefault(_step.takes[0], []).append(_step)

AS_WRITTEN = {"scheduler": "sync", "optimize": False}
WAYS: list[dict[str, Any]] = [
    {"scheduler": "sync"},
    {"scheduler": "sync", "memory_limit": 2_000},
    {"scheduler": "sync", "optimize": False, "memory_limit": 8_000},
    {"scheduler": "threads", "workers": 2, "memory_limit": 40_000},
    {"scheduler": "processes", "workers": 2, "memory_limit": 8_000},
    {"scheduler": "processes", "workers": 2, "optimize": False},
]
"""Ways to run what a program has made; with the least memory every exchange writes, and splits again."""

LARGEST = 6_000
"""Characters of a bag's partitions that a program goes on with."""


@dataclass(frozen=True)
class Made:
    """A bag, and the records of each of its partitions."""

    bag: Any = field(repr=False)
    parts: list[list[Any]]
    kind: str

    @property
    def goes_on(self) -> bool:
        """Whether a program that goes on with it will not take for ever: `range(10**9)` is a step away."""
        ints = [x for part in self.parts for record in part for x in _inside(record) if isinstance(x, int)]
        return self.kind != "" and len(repr(self.parts)) <= LARGEST and all(-200 <= x <= 200 for x in ints)


def partitions_of(bag: Any, **options: Any) -> list[list[Any]]:
    parts: list[list[Any]] = bag.map_partitions(lambda records: [records]).compute(**options)
    return parts


def _inside(record: Any) -> Any:
    return record if isinstance(record, (tuple, list)) else record.values() if isinstance(record, dict) else (record,)


def check_keyed(parts: list[list[Any]], expected: list[Any]) -> None:
    """Fail unless each of `expected` is there once, all of a key in one partition, in the order that one would have."""
    for part in parts:
        mine = set(map(repr, part))
        assert repr(part) == repr([record for record in expected if repr(record) in mine])
    assert sum(map(len, parts)) == len(expected)


class Programs(RuleBasedStateMachine):
    """A random program; what it has made is computed once more at its end, all of it in one run."""

    bags = Bundle("bags")

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Made] = []
        self.folder = tempfile.TemporaryDirectory()
        self.options = bk.options(temporary_directory=self.folder.name)
        self.options.__enter__()
        self.patch = pytest.MonkeyPatch()
        # Look after a few records whether there is memory for more; else so short a bag is not looked at at all.
        self.patch.setattr(spill, "LEAST_AT_ONCE", 1)
        self.patch.setattr(weight, "_AT_FIRST", 3)
        self.patch.setattr(weight, "MOST_AT_ONCE", 3)
        self.patch.setattr(tables, "_TRIED", 3)
        self.patch.setattr(mostly_distinct, "_MANY", 3)
        self.patch.setattr(mostly_distinct, "_CHECKED", 2)

    # Bags to begin with -----------------------------------------------------------------------------------------------

    @rule(
        target=bags, kind=st.sampled_from(sorted(RECORDS)), how=st.sampled_from(sorted(PARTITIONINGS)), data=st.data()
    )
    def begin(self, kind: str, how: str, data: st.DataObject) -> Any:
        records = data.draw(st.lists(st.sampled_from(RECORDS[kind]), max_size=14))
        return self.checked(lambda: PARTITIONINGS[how](records), kind, lambda: records)

    @rule(target=bags, data=st.data(), items=st.booleans())
    def begin_delayed(self, data: st.DataObject, items: bool) -> Any:
        kind = data.draw(st.sampled_from(["ints", "pairs", "strings"]))
        parts = data.draw(st.lists(st.lists(st.sampled_from(RECORDS[kind]), max_size=4), min_size=1, max_size=5))
        if items:
            values: list[Any] = [bk.from_sequence(part, npartitions=2).reduction(list, flat) for part in parts]
        else:
            values = [bk.delayed(list)(part) for part in parts]
        return self.checked(lambda: bk.from_delayed(values), kind, lambda: flat(parts))

    # What is made of bags ---------------------------------------------------------------------------------------------

    @rule(target=bags, of=bags, data=st.data())
    def go_on(self, of: Made, data: st.DataObject) -> Any:
        case = data.draw(st.sampled_from(BY_KIND[of.kind]))
        return self.checked(
            lambda: case.on_bag(of.bag), case.gives, lambda: case.expected(of.parts), approximate=case.approximate
        )

    @rule(target=bags, of=bags, npartitions=st.integers(1, 5), data=st.data())
    def exchange_or_combine(self, of: Made, npartitions: int, data: st.DataObject) -> Any:
        step = data.draw(st.sampled_from(STEPS_BY_KIND[of.kind]))
        made = [of]
        for kind in step.takes[1:]:
            others = [each for each in self.made if each.kind == kind and each.goes_on]
            if not others:
                return multiple()
            made.append(data.draw(st.sampled_from(others)))
        event(step.name)
        return self.checked(
            lambda: step.on_bags(*[each.bag for each in made], npartitions),
            step.gives,
            lambda: step.expected(*[each.parts for each in made]),
            by_key=step.by_key and npartitions > 1,
        )

    def checked(
        self,
        make: Callable[[], Any],
        kind: str,
        expected: Callable[[], Any],
        *,
        by_key: bool = False,
        approximate: bool = False,
    ) -> Any:
        """Check what is made; return it, if it is a bag to go on with."""
        wanted = outcome(expected)
        with bk.options(**AS_WRITTEN):
            bag = outcome(make)
            computed = isinstance(bag[1], (bk.Bag, bk.Item))
            got = outcome(lambda: self.computed(bag[1])) if computed else bag
        if wanted[0] == "error" or got[0] == "error" or not isinstance(bag[1], bk.Bag):
            assert_same(got, wanted, approximate)
            if computed and wanted[0] == "error":
                assert_same(outcome(lambda: bag[1].compute(scheduler="sync")), wanted)
            return multiple()
        assert len(got[1]) == bag[1].npartitions
        if by_key:
            check_keyed(got[1], wanted[1])
        else:
            assert_same(("value", flat(got[1])), ("value", list(wanted[1])), approximate)
        made = Made(bag[1], got[1], kind)
        self.made.append(made)
        return made if made.goes_on else multiple()

    @staticmethod
    def computed(made: Any) -> Any:
        return partitions_of(made) if isinstance(made, bk.Bag) else made.compute()

    # All of it --------------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            for way in WAYS if self.made else ():
                bags = [made.bag.map_partitions(lambda records: [records]) for made in self.made]
                try:
                    got = bk.compute(*bags, **way)
                except bk.GroupTooLargeError:  # the answer to some records with so little memory
                    assert "memory_limit" in way
                    event("too little memory for a group")
                    continue
                for one, made in zip(got, self.made, strict=True):
                    assert repr(one) == repr(made.parts), way
            assert os.listdir(self.folder.name) == []
        finally:
            self.patch.undo()
            self.options.__exit__(None, None, None)
            self.folder.cleanup()


def test_random_programs() -> None:
    run_state_machine_as_test(Programs, settings=examples(15, stateful_step_count=10))
