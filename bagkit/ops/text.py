"""Operations on records that are text: str's own methods, by name."""

from __future__ import annotations

from dataclasses import field
from fnmatch import translate
from functools import partial
from operator import methodcaller
from re import compile as compile_pattern
from typing import Any

from bagkit.errors import PlanError, one_line
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import OnRecords, PerPartition


@dataclass(frozen=True)
class CallMethod(PerPartition):
    """`str.name(*args)`: what a method of each record returns."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    per_record = "one"
    plain = "as given"

    @property
    def label(self) -> str:
        shown = [one_line(arg) for arg in self.args]
        shown += [f"{name}={one_line(value)}" for name, value in self.kwargs.items()]
        return f"str.{self.name}({', '.join(shown)})"

    def begin(self) -> OnRecords:
        return partial(map, methodcaller(self.name, *self.args, **self.kwargs))


@dataclass(frozen=True)
class MatchGlob(PerPartition):
    """`str.match(pattern)`: the records that a shell's pattern matches."""

    pattern: str

    per_record = "some"
    plain = "as given"

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, str):
            raise PlanError(f"str.match: the pattern is {one_line(self.pattern, 80)}; expected text such as 'a*.json'")

    @property
    def label(self) -> str:
        return f"str.match({self.pattern!r})"

    def begin(self) -> OnRecords:
        return partial(map, compile_pattern(translate(self.pattern)).match)
