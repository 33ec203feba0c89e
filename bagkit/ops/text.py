"""Operations on records that are text: str's own methods, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import translate
from operator import methodcaller
from re import compile as compile_pattern
from typing import Any

from bagkit.errors import PlanError, one_line
from bagkit.plan.kinds import PerPartition


@dataclass(frozen=True)
class CallMethod(PerPartition):
    """`str.name(*args)`: what a method of each record returns."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    elementwise = True
    keeps_plain = True
    keeps_length = True

    @property
    def label(self) -> str:
        shown = [repr(arg) for arg in self.args] + [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"str.{self.name}({', '.join(shown)})"

    def run(self, records: Iterator[Any]) -> Iterator[Any]:
        return map(methodcaller(self.name, *self.args, **self.kwargs), records)


@dataclass(frozen=True)
class MatchGlob(PerPartition):
    """`str.match(pattern)`: the records that a shell's pattern matches."""

    pattern: str

    elementwise = True
    keeps_plain = True

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, str):
            raise PlanError(f"str.match: the pattern is {one_line(self.pattern, 80)}; expected text such as 'a*.json'")

    @property
    def label(self) -> str:
        return f"str.match({self.pattern!r})"

    def run(self, records: Iterator[Any]) -> Iterator[Any]:
        return filter(compile_pattern(translate(self.pattern)).match, records)
