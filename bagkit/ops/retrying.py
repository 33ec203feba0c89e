"""Operations that take up records where they have failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from bagkit.flow.blocks import Place
from bagkit.flow.rejected import Resuming
from bagkit.light_classes import dataclass
from bagkit.ops.rejects import for_json
from bagkit.plan.kinds import OnRecords, Op, Pairing, PerPartition, Placing, Returning


@dataclass(frozen=True)
class AsRejects(PerPartition):
    """`read_errors(...)`: dicts of a file that are rejects; any other record is an error."""

    per_record = "one"
    label = "read_errors"

    def begin(self) -> OnRecords:
        return partial(map, _as_reject)


_KEYS = tuple(for_json(dict.fromkeys(("error", "message", "operation", "input", "record"))))


def _as_reject(record: Any) -> Any:
    if not isinstance(record, dict) or not set(_KEYS).issubset(record):
        raise ValueError(
            f"read_errors: a line is no reject; got {type(record).__name__}; expected a dict with {', '.join(_KEYS)}; "
            "hint: bad.to_jsonl(...) of good, bad = bag.split_errors() writes them"
        )
    return record


@dataclass(frozen=True)
class TakenUp(Returning):
    """Makes the record of a reject again, which waits for the operation in which it failed."""

    label = "retry"

    def begin(self) -> Placing:
        return _TakingUp()


class _TakingUp:
    """What a TakenUp does with the rejects of a partition."""

    def __call__(self, records: Sequence[Any]) -> Iterable[Any]:
        return map(_taken_up, records)

    def place(self, record: Any) -> Place:
        if not isinstance(record, Mapping):
            return Place(record=record)
        known = {name: record.get(name) for name in ("partition", "line", "offset", "index")}
        return Place(record.get("path"), record=record.get("input"), **known)


def _taken_up(reject: Mapping[str, Any]) -> Resuming:
    step, given = reject.get("step"), reject.get("elements", 0)
    if step is not None and "record_repr" not in reject:
        return Resuming(step, reject["record"], step, given)
    if "input_repr" not in reject:
        return Resuming(0, reject["input"], step or 0, given)
    raise ValueError("retry: the record is not in the file, for JSON has no such record; its text is in 'input_repr'")


@dataclass(frozen=True)
class Resumed(PerPartition):
    """An operation of a plan for records that wait for it, or come from the one before; others pass."""

    op: PerPartition
    step: int
    """Its number in the plan."""

    per_record = "many"

    @property
    def label(self) -> str:
        return self.op.label

    @property
    def error_label(self) -> str:
        return self.op.error_label

    @property
    def opaque(self) -> bool:
        return self.op.opaque

    def user_functions(self) -> tuple[Any, ...]:
        return self.op.user_functions()

    def begin(self) -> OnRecords:
        return partial(map, partial(_resumed, self.step, self.op.per_record, self.op.begin()))


@dataclass(frozen=True)
class ResumedPairing(Pairing):
    """The same of an operation that takes single values beside the records."""

    op: Pairing
    step: int

    bags = 1
    per_record = "many"

    @property
    def label(self) -> str:
        return self.op.label

    def user_functions(self) -> tuple[Any, ...]:
        return self.op.user_functions()

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        return partial(map, partial(_resumed, self.step, self.op.per_record, self.op.begin(read, values)))


def _resumed(step: int, per_record: str, function: Callable[..., Any], record: Any) -> Sequence[Any] | Iterator[Any]:
    """Return the records that an operation makes of one."""
    given = 0
    if type(record) is Resuming:
        if record.step > step:
            return (record,)
        if record.failed_in > step:
            return _on_its_way(record, per_record, function)
        record, given = record.record, record.given
    made = _made(function, record)
    if per_record == "one":
        return made
    if per_record == "some":
        return (record,) if made[0] else ()
    elements: Iterator[Any] = iter(made[0])
    return islice(elements, given, None) if given else elements


def _made(function: Callable[..., Any], record: Any) -> list[Any]:
    made = list(function([record]))
    if not made:
        raise StopIteration  # of the user's function, as `map` has it
    return made


def _on_its_way(record: Resuming, per_record: str, function: Callable[..., Any]) -> Sequence[Resuming]:
    """Return what an operation makes of a record that comes from its input to where it failed."""
    (made,) = _made(function, record.record)
    if per_record == "some":
        return (record.passed_on(record.record),) if made else ()
    if per_record == "many":
        elements = list(made)
        if len(elements) > 1:  # the others went on when it failed
            raise ValueError(
                "retry: the record can't be had again: it is one of several elements that flatten made of its input, "
                "and was an iterator, or a value that JSON does not have; its text is in 'record_repr'; "
                "hint: functions that return lists and dicts can be tried again"
            )
        return [record.passed_on(element) for element in elements]
    return (record.passed_on(made),)


def op_of(op: Op) -> Op:
    """Return an operation as it stands in the plan, also where it is resumed."""
    while isinstance(op, (Resumed, ResumedPairing)):
        op = op.op
    return op
