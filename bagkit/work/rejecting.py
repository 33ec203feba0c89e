"""Records that fail on their way to a split_errors: what is known of each goes on in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from bagkit.errors import ValidationError, Violation, text_of
from bagkit.flow.blocks import Block, Place, Placed, placed
from bagkit.flow.rejected import Rejected, RejectedFrom, Resuming
from bagkit.flow.report import Figures
from bagkit.plan.kinds import BlockParser, Completion, Op, Pairing, PerPartition, Placing, Returning
from bagkit.plan.split_errors import Bad, Choosing, SplitErrors
from bagkit.work.failures import failed_operation
from bagkit.work.steps import Step

LONGEST = 10_000
"""Characters of a message that are kept."""
ENOUGH = 64
"""Records that have failed and are handed on together."""
LONG = 0.1
"""Seconds after which they are handed on, however few there are."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is the same for all records that fail in one operation of a step."""

    label: str
    number: int | None
    """Of the operation in the plan as written."""
    record: Callable[[Any, Place], Any]
    """Gives the record that the operation was given, whole, of what the step was given and its place."""


class Waiting:
    """What failed below one Rejecting since it gave the last block; mutable, of one run."""

    def __init__(self, written: Sequence[Op]) -> None:
        self._written = written
        self._found: list[tuple[Placed, int, Any, str, str, list[Violation], _Known]] = []
        self._known: dict[tuple[int, str], _Known] = {}
        self.by_block = True
        """Whether a block comes as one block through all steps: what has failed of it is known when it comes."""

    def add(self, step: Step, ops: Sequence[Op], block: Block, index: int, error: BaseException) -> bool:
        """Take the record number `index` of `block`, which has failed in `step`, in one of its `ops`.

        Its reject is made when several are handed on: code that has just run is quick.
        Return whether there are enough to be handed on, though no record may come that does not fail.
        """
        key = id(step), "" if len(ops) == 1 else failed_operation(error, ops)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._of(step, ops, key[1])
        violations = error.violations if isinstance(error, ValidationError) else []
        said = type(error).__name__, text_of(error)[:LONGEST], violations
        self._found.append((placed(block), index, block.records[index], *said, known))
        return len(self._found) >= ENOUGH

    def _of(self, step: Step, ops: Sequence[Op], label: str) -> _Known:
        """Return what is known of the operation of `step` with that label; of the only one without."""
        label = label or ops[0].error_label
        op = next((op for op in ops if op.error_label == label), None)
        return _Known(label, None if op is None else _number(op, self._written), _record(step, op))

    def __len__(self) -> int:
        return len(self._found)

    def taken(self) -> Iterator[Block]:
        """Yield a block of what has failed, if there is any, and forget it."""
        if self._found:
            waiting, self._found = self._found, []
            places = [origin.place(index) for origin, index, *_ in waiting]
            found = [_rejected(place, *each) for place, (_, _, *each) in zip(places, waiting, strict=True)]
            if len(self._known) > 1:  # each step takes many records before the next one takes the first
                order = _in_order(places)
                found, places = [found[number] for number in order], [places[number] for number in order]
            yield Block(found, RejectedFrom(places))


def _rejected(
    place: Place, record: Any, error: str, message: str, violations: list[Violation], known: _Known
) -> Rejected:
    return Rejected(
        {
            "error": error,
            "message": message,
            "operation": known.label,
            "path": place.source,
            "line": place.line,
            "offset": place.offset,
            "index": place.index,
            "partition": place.partition,
            "input": place.record,
            "record": record.record if type(record) is Resuming else known.record(record, place),
            "step": known.number,
            "violations": violations,
        }
    )


def _record(step: Step, op: Op | None) -> Callable[[Any, Place], Any]:
    """Return what gives the record that `op` of `step` was given: a parser leaves out fields that no later op reads."""
    parser, passed = step.parser, list[PerPartition]()
    if parser is not None or isinstance(step.op, Completion):
        if parser is None or op not in step.done_too:
            return _text
    else:
        below = step.inputs[0] if step.inputs else None
        while below is not None and below.parser is None:
            if not isinstance(below.op, PerPartition) or isinstance(below.op, (Choosing, SplitErrors)):
                return _itself
            if below.op.per_record == "one" and not isinstance(below.op, Completion):
                if below.op.opaque:
                    return _itself  # it made the record, of what it reads
                passed.insert(0, below.op)
            elif below.op.per_record == "many":
                return _itself
            below = below.inputs[0]
        if below is None or below.parser is None:
            return _itself
        parser = below.parser
        passed[:0] = [each for each in below.done_too if isinstance(each, PerPartition)]
    return partial(_made_again, parser.begin().whole, passed)


def _in_order(places: Sequence[Place]) -> list[int]:
    """Return the numbers of places of one task in the order in which these stand in what it reads."""
    sources = {source: number for number, source in enumerate(dict.fromkeys([place.source for place in places]))}

    def key(number: int) -> tuple[int, int, int, int]:
        place = places[number]
        return sources[place.source], place.line or 0, place.offset or 0, place.index or 0

    return sorted(range(len(places)), key=key)


def _itself(record: Any, place: Place) -> Any:
    return record


def _made_again(whole: Callable[[Any], Any], passed: Sequence[PerPartition], record: Any, place: Place) -> Any:
    try:
        found = whole(place.record)
        for each in passed:
            (found,) = each.begin()([found])
    except Exception:  # the line can't be read again: what was made of it has to do
        return record
    return found


def _text(line: Any, place: Place) -> Any:
    """Return a line as those who wrote the plan see it: a parser takes the bytes that it is read from."""
    if isinstance(line, bytes):
        try:
            return line.decode()
        except UnicodeDecodeError:
            pass
    return line


def _number(op: Op, written: Sequence[Op]) -> int | None:
    """Return which of the ops as written `op` is; None where that can't be told."""
    if isinstance(op, Returning):
        return None
    step: int | None = getattr(op, "step", None)  # of one that is resumed: in the plan that it is from
    if step is not None:
        return step
    for number, each in enumerate(written):
        if each is op:
            return number
    alike = [number for number, each in enumerate(written) if each.label == op.error_label]
    return alike[0] if len(alike) == 1 or (alike and isinstance(op, BlockParser)) else None


def steps_below(step: Step) -> Iterable[Step]:
    """Yield the steps whose failures go to the SplitErrors `step`."""
    (below,) = step.inputs
    while below.policy == "reject" and not isinstance(below.op, SplitErrors):
        yield below
        if not below.inputs or (isinstance(below.op, Pairing) and below.op.bags != 1):
            return
        below = below.inputs[0]


def with_rejected(waiting: Waiting, blocks: Iterator[Block], figures: Figures) -> Iterator[Block]:
    """Yield `blocks`, and between them blocks of what has failed."""
    begin = perf_counter()
    for block in blocks:
        if waiting and (len(waiting) >= ENOUGH or perf_counter() - begin > LONG):
            begin = perf_counter()
            for rejected in waiting.taken():
                figures.note(0, len(rejected.records))
                yield rejected
        if block.records:  # there are empty ones, for what has failed to come
            figures.note(len(block.records), len(block.records))
            yield block
    for rejected in waiting.taken():
        figures.note(0, len(rejected.records))
        yield rejected


def returned(placing: Placing, blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield `blocks`, each record with the place where the one comes from that `placing` makes of it."""
    for block in blocks:
        yield Block(block.records, RejectedFrom(_Places(placing, block.records)))


class _Places(Sequence[Place]):
    """The places of records, looked up when somebody asks."""

    def __init__(self, placing: Placing, records: Sequence[Any]) -> None:
        self._placing = placing
        self._records = records

    def __getitem__(self, index: Any) -> Any:
        return self._placing.place(self._records[index])

    def __len__(self) -> int:
        return len(self._records)


def chosen_blocks(op: Choosing, blocks: Iterator[Block], figures: Figures) -> Iterator[Block]:
    """Yield the blocks that `op` takes, of those from a SplitErrors: each has records, or what failed, not both."""
    failed = isinstance(op, Bad)
    for block in blocks:
        records = block.records
        taken = bool(records) and (type(records[0]) is Rejected) == failed
        figures.note(len(records), len(records) if taken else 0)
        if taken:
            yield block
