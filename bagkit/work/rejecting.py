"""Records that fail on their way to a split_errors: what is known of each goes on in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Any

from bagkit.errors import ValidationError, Violation, text_of
from bagkit.flow.blocks import Block, Place, Placed, placed, places_of
from bagkit.flow.rejected import Rejected, RejectedFrom, Resuming
from bagkit.flow.report import Figures
from bagkit.light_classes import dataclass
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


Again = Callable[[Sequence[Any], Sequence[Place]], Sequence[Any]]
"""Gives the records that an operation was given, whole, of what its step was given and the places of that."""


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is the same for all records that fail in one operation of a step."""

    label: str
    number: int | None
    """Of the operation in the plan as written."""
    again: Again | None
    """None where the step was given whole records."""


_Found = tuple[Placed, int, Any, str, str, list[Violation], _Known]
"""What is noted of a record that has failed: the number of the record in its block, the record, what was raised."""


class Waiting:
    """What failed below one Rejecting since it gave the last block; mutable, of one run."""

    def __init__(self, written: Sequence[Op]) -> None:
        self._written = written
        self._found: list[_Found] = []
        self._only: dict[int, _Known] = {}
        """Of steps with one operation, by their ids."""
        self._known: dict[tuple[int, str], _Known] = {}
        self.by_block = True
        """Whether a block comes as one block through all steps: what has failed of it is known when it comes."""

    def add(self, step: Step, block: Block, index: int, error: BaseException) -> bool:
        """Take the record number `index` of `block`, which has failed in `step`.

        Its reject is made when several are handed on: code that has just run is quick.
        Return whether there are enough to be handed on, though no record may come that does not fail.
        """
        known = self._only.get(id(step)) or self._blamed(step, error)
        violations = error.violations if isinstance(error, ValidationError) else []
        said = text_of(error)[:LONGEST]
        found = self._found
        found.append((placed(block), index, block.records[index], type(error).__name__, said, violations, known))
        return len(found) >= ENOUGH

    def _blamed(self, step: Step, error: BaseException) -> _Known:
        """Return what is known of the operation of `step` that raised `error`."""
        ops = step.own_ops()
        label = ops[0].error_label if len(ops) == 1 else failed_operation(error, ops)
        key = id(step), label
        known = self._known.get(key)
        if known is None:
            op = next((op for op in ops if op.error_label == label), None)
            number = None if op is None else _number(op, self._written)
            known = self._known[key] = _Known(label, number, _again(step, op))
            if len(ops) == 1:
                self._only[id(step)] = known
        return known

    def __len__(self) -> int:
        return len(self._found)

    def taken(self) -> Iterator[Block]:
        """Yield a block of what has failed, if there is any, and forget it."""
        if self._found:
            waiting, self._found = self._found, []
            places = places_of([each[:2] for each in waiting])
            found = _rejected(waiting, places)
            if len(self._known) > 1:  # each step takes many records before the next one takes the first
                order = _in_order(places)
                found, places = [found[number] for number in order], [places[number] for number in order]
            yield Block(found, RejectedFrom(places))


def _rejected(waiting: Sequence[_Found], places: Sequence[Place]) -> list[Rejected]:
    return [
        Rejected(
            {
                "error": error,
                "message": message,
                "operation": known.label,
                "path": place.source,
                "line": place.line,
                "offset": place.offset,
                "index": place.index,
                "partition": place.partition,
                "input": place.as_read(),
                "record": record,
                "step": known.number,
                "violations": violations,
            }
        )
        for (_, _, _, error, message, violations, known), place, record in zip(
            waiting, places, _records(waiting, places), strict=True
        )
    ]


def _records(waiting: Sequence[_Found], places: Sequence[Place]) -> list[Any]:
    """Return the records as the operations were given them; for one operation they are all made again in one go."""
    records = [each[2] for each in waiting]
    for known in dict.fromkeys([each[-1] for each in waiting]):
        if known.again is not None:
            rows = [row for row, each in enumerate(waiting) if each[-1] is known and type(each[2]) is not Resuming]
            made = known.again([records[row] for row in rows], [places[row] for row in rows])
            for row, record in zip(rows, made, strict=True):
                records[row] = record
    return [record.record if type(record) is Resuming else record for record in records]


def _again(step: Step, op: Op | None) -> Again | None:
    """Return what makes the records again that `op` of `step` was given: a parser leaves out fields that no op reads.

    None where they are whole.
    """
    parser, passed = step.parser, list[PerPartition]()
    if parser is not None or isinstance(step.op, Completion):
        if parser is None or op not in step.done_too:
            return _texts
    else:
        below = step.inputs[0] if step.inputs else None
        while below is not None and below.parser is None:
            if not isinstance(below.op, PerPartition) or isinstance(below.op, (Choosing, SplitErrors)):
                return None
            if below.op.per_record == "one" and not isinstance(below.op, Completion):
                if below.op.opaque:
                    return None  # it made the record, of what it reads
                passed.insert(0, below.op)
            elif below.op.per_record == "many":
                return None
            below = below.inputs[0]
        if below is None or below.parser is None:
            return None
        parser = below.parser
        passed[:0] = [each for each in below.done_too if isinstance(each, PerPartition)]
    return partial(_made_again, parser.begin().whole, passed)


def _made_again(
    whole: Callable[[Sequence[Any]], Iterable[Any]],
    passed: Sequence[PerPartition],
    records: Sequence[Any],
    places: Sequence[Place],
) -> Sequence[Any]:
    try:
        found = list(whole([place.as_read() for place in places]))
        for each in passed:
            found = list(each.begin()(found))
        if len(found) == len(records):
            return found
    except Exception:  # one by one, it is seen which
        pass
    if len(records) == 1:  # the line can't be read again: what was made of it has to do
        return records
    one = [_made_again(whole, passed, [record], [place]) for record, place in zip(records, places, strict=True)]
    return list(chain.from_iterable(one))


def _texts(lines: Sequence[Any], places: Sequence[Place]) -> Sequence[Any]:
    """Return lines as those who wrote the plan see them: a parser takes the bytes that they are read from."""
    return [_text(line) for line in lines]


def _text(line: Any) -> Any:
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


def _in_order(places: Sequence[Place]) -> list[int]:
    """Return the numbers of places of one task in the order in which these stand in what it reads."""
    sources = {source: number for number, source in enumerate(dict.fromkeys([place.source for place in places]))}

    def key(number: int) -> tuple[int, int, int, int]:
        place = places[number]
        return sources[place.source], place.line or 0, place.offset or 0, place.index or 0

    return sorted(range(len(places)), key=key)


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
