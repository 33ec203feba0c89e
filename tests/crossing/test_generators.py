"""Random numbers of tasks: no two draw the same, and a seed of the user's gives the same numbers again."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.schedulers import pool

pytestmark = pytest.mark.usefixtures("workers_end")


def generators() -> dict[str, Callable[[], Any]]:
    import random

    import numpy as np

    class Loaded(random.Random):
        def roll(self) -> float:
            return self.random() + 1

    python, numbers, old = random.Random(5), np.random.default_rng(5), np.random.RandomState(5)
    loaded, bits, system = Loaded(5), np.random.PCG64(5), random.SystemRandom()
    uniform, choice, rand = python.uniform, random.choice, np.random.rand
    return {
        "the function of random": random.random,
        "another function of random": lambda: choice(range(1 << 60)),
        "numpy's function": lambda: float(rand()),
        "a seeded generator": lambda: python.random(),
        "its bound method": lambda: uniform(0, 1),
        "numpy's generator": lambda: float(numbers.random()),
        "numpy's old generator": lambda: float(old.rand()),
        "a generator of a class of the user's": lambda: loaded.roll(),
        "numpy's source of bits": lambda: bits.random_raw(),
        "the system's generator": lambda: system.random(),
    }


@pytest.mark.parametrize("name", generators())
def test_random_numbers_differ_between_partitions_and_computes(name: str) -> None:
    draw = generators()[name]
    bag = bk.from_sequence(range(400), npartitions=8).map(lambda _: draw())
    one, two = (bag.compute(scheduler="processes", workers=2) for _ in "ab")
    assert len({*one, *two}) == 800


SEEDED = ["a seeded generator", "numpy's generator", "numpy's old generator", "a generator of a class of the user's"]


@pytest.mark.parametrize("name", [*SEEDED, "numpy's source of bits"])
def test_a_seeded_generator_gives_the_same_on_any_number_of_workers(name: str) -> None:
    def numbers(workers: int) -> list[float]:
        draw = generators()[name]
        bag = bk.from_sequence(range(40), npartitions=8).map(lambda _: draw())
        return bag.compute(scheduler="processes", workers=workers)

    assert numbers(1) == numbers(2)


def test_all_of_a_hundred_generators_have_their_seeds() -> None:
    def numbers(workers: int) -> list[list[float]]:
        import random

        several = [random.Random(seed) for seed in range(100)]
        bag = bk.from_sequence(range(8), npartitions=8).map(lambda _: [each.random() for each in several])
        return bag.compute(scheduler="processes", workers=workers)

    one = numbers(1)
    assert one == numbers(2)
    assert len({number for each in one for number in each}) == 800


# Generators in the user's modules, which workers import


MODULE = """
import functools, random
import numpy as np
random.seed(0)
np.random.seed(0)
R = random.Random(7)
B = R.random
D = np.random.default_rng(7)
S = np.random.RandomState(7)
class Loaded(random.Random):
    def roll(self): return self.random() + 1
class Sampler:
    shared = random.Random(7)
    def __init__(self): self.own = random.Random(7)
    def draw(self): return self.own.random() + self.shared.random()
def roll(generator): return generator.random()
L = Loaded(7)
A = Sampler()
P = functools.partial(roll, random.Random(7))
T = {"a": [random.Random(7)]}
def process(_): return random.random()
def numpys_process(_): return float(np.random.rand())
def generator(_): return R.random()
def bound_method(_): return B()
def numpys(_): return float(D.random())
def old(_): return float(S.rand())
def of_a_class(_): return L.roll()
def in_objects(_): return A.draw()
def in_a_partial(_): return P()
def in_a_table(_): return T["a"][0].random()
def default(_, chance=random.Random(7)): return chance.random()
def keyword(_, *, chance=random.Random(7)): return chance.random()
"""
NAMES = [line.split("(")[0].split()[1] for line in MODULE.splitlines() if line.startswith("def ") and "(_" in line]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "generators_of_users.py").write_text(MODULE)

    def make() -> Any:
        sys.modules.pop("generators_of_users", None)
        return importlib.import_module("generators_of_users")

    yield make
    sys.modules.pop("generators_of_users", None)


def test_generators_of_a_module_differ_between_partitions_and_computes(load: Any) -> None:
    module = load()
    for name in NAMES:
        bag = bk.from_sequence(range(40), npartitions=8).map(getattr(module, name))
        one, two = (bag.compute(scheduler="processes", workers=2) for _ in "ab")
        assert len({*one, *two}) == 80, name


def test_a_seed_in_a_module_gives_the_same_on_any_number_of_workers(load: Any) -> None:
    def numbers(workers: int) -> list[list[float]]:
        module = load()
        bag = bk.from_sequence(range(16), npartitions=8)
        names = [name for name in NAMES if name not in ("process", "numpys_process")]
        bags = [bag.map(getattr(module, name)) for name in names]
        return [each.compute(scheduler="processes", workers=workers) for each in bags]

    assert numbers(1) == numbers(2)


def test_a_module_that_is_imported_by_functions_may_seed_what_it_likes(load: Any, tmp_path: Path) -> None:
    (tmp_path / "seeds_of_users.py").write_text("import random\nrandom.seed(0)\ndef draw(): return random.random()\n")
    importlib.import_module("seeds_of_users")
    content: dict[str, Any] = {"__name__": "__main__"}
    exec("def f(_):\n    import seeds_of_users\n    return seeds_of_users.draw()", content)
    pool.end_workers()
    bag = bk.from_sequence(range(40), npartitions=8).map(content["f"])
    one, two = (bag.compute(scheduler="processes", workers=2) for _ in "ab")
    del sys.modules["seeds_of_users"]
    assert len({*one, *two}) == 80


def test_generators_of_a_module_on_an_executor(load: Any) -> None:
    module = load()
    with ProcessPoolExecutor(2) as executor:
        for name in ("generator", "numpys", "default"):
            bag = bk.from_sequence(range(40), npartitions=8).map(getattr(module, name))
            one, two = (bag.compute(scheduler=executor) for _ in "ab")
            assert len({*one, *two}) == 80, name


def drawing_everywhere(draw: Callable[[], float]) -> Iterator[Any]:
    """Yield what draws numbers in tasks that are not told apart by a place: calls, and partitions of an exchange."""
    yield bk.from_delayed([bk.delayed(lambda: [draw()])() for _ in range(8)])
    yield bk.range(8, npartitions=2).groupby(lambda n: n, npartitions=4).map(lambda pair: draw())


def test_generators_on_an_executor_differ_between_calls_and_partitions_that_were_made() -> None:
    draw = generators()["a seeded generator"]
    with ProcessPoolExecutor(2) as executor:
        for bag in drawing_everywhere(draw):
            assert len(set(bag.compute(scheduler=executor))) == 8
        call = bk.delayed(draw)
        assert len(set(bk.compute(*[call() for _ in range(8)], scheduler=executor))) == 8


def test_generators_on_a_scheduler_of_dasks_differ_between_partitions_that_were_made() -> None:
    import dask

    for bag in drawing_everywhere(generators()["a seeded generator"]):
        assert len(set(dask.compute(bag, scheduler="processes")[0])) == 8


def test_an_executor_gives_the_numbers_that_processes_give() -> None:
    def numbers(scheduler: Any) -> list[float]:
        draw = generators()["a seeded generator"]
        return bk.range(8, npartitions=4).map(lambda _: draw()).compute(scheduler=scheduler)

    with ProcessPoolExecutor(1) as executor:
        assert numbers(executor) == numbers("processes")
