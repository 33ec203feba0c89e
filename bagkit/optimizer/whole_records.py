"""Says why whole records are made where a few fields might do, for people who look at a plan. Runs do not use it."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, KeysView
from itertools import islice
from types import CodeType
from typing import Any

from bagkit.ops._paths_read import WholeRecord
from bagkit.ops.elementwise import ParseJson
from bagkit.ops.fields_read import fields_read, why_whole
from bagkit.ops.reductions import Row, whole_records
from bagkit.optimizer import optimize
from bagkit.optimizer.push_fields import wanted_of_each
from bagkit.plan.columns import ColumnSource
from bagkit.plan.kinds import ALL, Fields, Op, PerPartition
from bagkit.plan.node import Plan
from bagkit.visible import printable

_NOTHING: Fields = frozenset()
_WIDTH = 60


def why_whole_records(roots: tuple[Plan, ...]) -> Iterator[str]:
    """Yield why parsers give whole records to functions; nothing where somebody wants them whatever functions read."""
    roots = optimize(roots, until="push_fields")
    wanted = wanted_of_each(roots)
    users: dict[Plan, list[Plan]] = {plan: [] for plan in wanted}
    for plan in wanted:
        for below in plan.inputs:
            users[below].append(plan)
    about = _AboutOps()
    for plan in wanted:
        if isinstance(plan.op, (ParseJson, ColumnSource)) and wanted[plan] is ALL:
            handed_on = _handed_on(plan, users, wanted, about)
            takers = [user.op for each in handed_on for user in users[each] if about.needs_all(user.op)]
            if handed_on.isdisjoint(roots) and all(map(about.functions, takers)):
                yield from map(about.reason, takers)


class _AboutOps:
    """What is asked of ops, once of each: code is read for it, and many plans may have one op. Mutable."""

    def __init__(self) -> None:
        self._needs_all: dict[int, bool] = {}
        self._functions: dict[int, list[Any]] = {}
        self._reasons: dict[int, str] = {}

    def needs_all(self, op: Op) -> bool:
        """Return whether an op needs all of a record, whatever is needed of what it gives."""
        if id(op) not in self._needs_all:
            self._needs_all[id(op)] = op.demand(_NOTHING) is ALL
        return self._needs_all[id(op)]

    def functions(self, op: Op) -> list[Any]:
        """Return the functions of the user's that may need whole records, if what they read makes a difference."""
        if id(op) not in self._functions:
            self._functions[id(op)] = _functions(op)
        return self._functions[id(op)]

    def reason(self, op: Op) -> str:
        """Return why whole records are parsed for an op."""
        if id(op) not in self._reasons:
            self._reasons[id(op)] = _reason(op, self.functions(op))
        return self._reasons[id(op)]


def _handed_on(
    plan: Plan, users: dict[Plan, list[Plan]], wanted: dict[Plan, Fields], about: _AboutOps
) -> KeysView[Plan]:
    """Return the plan, and all those that give its whole records to others, in order."""
    found: dict[Plan, None] = {}
    waiting = [plan]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found[each] = None
            waiting += [user for user in users[each] if wanted[user] is ALL and _hands_on(user.op, about)]
    return found.keys()


def _hands_on(op: Op, about: _AboutOps) -> bool:
    """Whether the records that an op gives may be those that it takes."""
    if not about.needs_all(op):
        return op.demand(ALL) is ALL
    return isinstance(op, PerPartition) and op.per_record in ("some", "same")


def _functions(op: Op) -> list[Any]:
    if type(op).demand is Op.demand or (isinstance(op, Row) and op.reads is whole_records):
        return []
    known = [function for function in op.user_functions() if function is not None]
    return [function for function in known if fields_read(function) is ALL and fields_read(function, 2) is ALL]


def _reason(op: Op, functions: list[Any]) -> str:
    whys = [why for why in map(why_whole, functions) if why is not None]
    told = [f": {_words(why)}" for why in whys[:1]]
    return f"parsing only some fields: {op.label} may need all of a record{''.join(told)}"


def _words(why: WholeRecord) -> str:
    place = "" if why.offset is None else _place(why.code, why.offset)
    return ", ".join(filter(None, [why.words, place]))


def _place(code: CodeType, offset: int) -> str:
    """Return the expression around an instruction, as it is written, and its line."""
    places = list(code.co_positions())  # fewer than there are instructions in code whose table of lines was cut off
    line, last, begin, end = next(islice(places, offset // 2, None), (None, None, None, None))
    if line is None:
        return f"line {code.co_firstlineno}"
    if line != last or begin is None or end is None:
        return f"line {line}"
    around = [
        (stop - start, start, stop)
        for first, final, start, stop in places
        if first == final == line and start is not None and stop is not None
        and start <= begin and end <= stop and stop - start > end - begin
    ]  # fmt: skip
    _, start, stop = min(around, default=(0, begin, end))
    text = _line(code.co_filename, line).encode(errors="replace")[start:stop].decode(errors="replace")
    return f"{printable(text, _WIDTH)} in line {line}" if text else f"line {line}"


def _line(filename: str, number: int) -> str:
    try:
        return linecache.getline(filename, number)
    except ValueError:  # of a name that no file can have, before Python 3.13
        return ""
