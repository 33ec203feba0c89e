"""Generators of random numbers: no two tasks draw the same.

A generator that the user has seeded is not copied, since all tasks would draw the same numbers. A task gets one of its
own, whose seed is drawn from the user's and mixed with the name of the task. The ones behind the functions of `random`
and `numpy.random` belong to each process.

Imported where a generator crosses, in the process that sends and in the one that receives; light.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PROTOCOL = 5

_MODULES = frozenset(
    ("random", "numpy.random", "numpy.random.mtrand", "numpy.random._generator", "numpy.random._mt19937",
     "numpy.random._pcg64", "numpy.random._philox", "numpy.random._sfc64")
)  # fmt: skip
"""The modules with the classes of generators of random numbers."""

_generators: list[tuple[Any, str]] = []
"""The generators that this process was sent, each with its seed."""
_MANY = 50
"""From this number on it is asked which are still in use: in processes of executors nobody says that a run is over."""
_UNUSED = (object(), "")
_ALONE = sys.getrefcount(_UNUSED[0])


def is_generator(value: Any) -> bool:
    """Return whether a value is a generator of random numbers, of a class of the user's too."""
    if type(value).__module__ in _MODULES:
        return True
    random = sys.modules.get("random")
    return random is not None and isinstance(value, random.Random)


def belongs_to_process(generator: Any) -> bool:
    """Return whether a generator has no seed of the user's: another process has its own in its place."""
    import random

    if generator is random._inst or isinstance(generator, random.SystemRandom):
        return True
    mtrand = sys.modules.get("numpy.random.mtrand")
    return mtrand is not None and generator is mtrand._rand


def generator_reduce(value: Any, spawns: bool) -> Any:
    """Return how a generator of random numbers is made again; None for other values.

    The ones behind the functions of `random` and `numpy.random` belong to the process that receives them.
    """
    import random

    if type(value) is random.Random:
        if value is random._inst:
            return _attribute, ("random", "_inst")
        return (_spawn, (random.Random, str(value.getrandbits(128)))) if spawns else None
    if isinstance(value, random.SystemRandom):
        return _make_system_random, (type(value), vars(value))
    if isinstance(value, random.Random):
        if not spawns:
            return None
        make, arguments, *state = value.__reduce_ex__(PROTOCOL)  # type: ignore[str-unpack, unused-ignore]
        return _spawn, (make, str(value.getrandbits(128)), *arguments), *state
    return _numpy_reduce(value, spawns) if type(value).__module__.startswith("numpy.random") else None


def _numpy_reduce(value: Any, spawns: bool) -> Any:
    from numpy.random import BitGenerator, Generator, RandomState, mtrand

    if value is mtrand._rand:
        return _attribute, ("numpy.random.mtrand", "_rand")
    if not spawns:
        return None
    if type(value) is Generator:
        return _spawn, (_spawn_numpy, str(value.integers(1 << 62)), type(value.bit_generator))
    if type(value) is RandomState:
        return _spawn, (RandomState, str(value.randint(1 << 31)))
    if isinstance(value, BitGenerator):
        return _spawn, (type(value), str(value.random_raw()))
    return None


def _attribute(module: str, name: str) -> Any:
    return getattr(__import__(module, fromlist=[name]), name)


def _spawn(make: Callable[..., Any], seed: str, *arguments: Any) -> Any:
    made = make(*arguments)
    if len(_generators) >= _MANY:
        _generators[:] = [pair for pair in _generators if sys.getrefcount(pair[0]) > _ALONE]
    _generators.append((made, seed))
    return made


def _make_system_random(kind: type, attributes: dict[str, Any]) -> Any:
    made = kind()
    vars(made).update(attributes)
    return made


def _spawn_numpy(kind: Any) -> Any:
    from numpy.random import Generator

    return Generator(kind())


def seed_generators(task: str) -> None:
    """Give the generators of this process the seeds that belong to `task`, which is about to run."""
    if not _generators:
        return
    import random

    for generator, seed in _generators:
        mixed = random.Random(f"{seed}/{task}").getrandbits(128)  # of a text, so that neighbours are not alike
        if isinstance(generator, random.Random):
            generator.seed(mixed)
        elif hasattr(generator, "bit_generator"):
            generator.bit_generator.state = type(generator.bit_generator)(mixed).state
        elif hasattr(generator, "random_raw"):
            generator.state = type(generator)(mixed).state
        else:
            generator.seed(mixed & 0xFFFFFFFF)


def forget_generators() -> None:
    """Let go of the generators, whose run is over."""
    _generators.clear()
