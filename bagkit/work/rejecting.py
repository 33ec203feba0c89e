"""Records that fail on their way to a split_errors: what is known of each goes on in its place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from time import perf_counter
from typing import Any

from bagkit.errors import ValidationError, Violation, one_line, text_of
from bagkit.flow.blocks import Block, Place, Placed, PlaceRow, placed, places_of, row_of
from bagkit.flow.rejected import AllRejected, RejectedFrom, Resuming
from bagkit.flow.report import Figures
from bagkit.flow.stopped import NO_FAILURES, StoppedEarly
from bagkit.flow.untold import Untold
from bagkit.light_classes import dataclass
from bagkit.plan.going_on import Note
from bagkit.plan.kinds import BlockParser, Completion, Op, Pairing, PerPartition, Placing, Returning
from bagkit.plan.split_errors import Bad, Choosing, SplitErrors
from bagkit.work.failures import Blaming, stopped_early
from bagkit.work.steps import Step

LONGEST = 10_000
"""Characters of a message that are kept."""
ENOUGH = 32
"""Records that have failed and are handed on together."""
JSON_ERROR = "JSONDecodeError"
"""What an error is called whose text is known without it."""
LONG = 0.1
"""Seconds after which they are handed on, however few there are."""


Again = Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]
"""Gives the records that an operation was given, whole, of what its step was given and what was read of that."""


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is the same for all records that fail in one operation of a step."""

    label: str
    number: int | None
    """Of the operation in the plan as written."""
    again: Again | None
    """None where the step was given whole records."""


_Found = tuple[int, Any, str | None, Any, Any, int, _Known]
"""What is noted of a record that has failed: the number of the record in its block, the record, what was raised (name,
text, and violations or None), and how many of its elements went on before. Of what is not told yet there is no name,
and then an Untold with what was said of it, and a _Later."""


class Waiting:
    """What failed below one Rejecting since it gave the last block; mutable, of one run."""

    def __init__(self, written: Sequence[Op]) -> None:
        self._written = written
        self._found: list[tuple[Placed, list[_Found]]] = []
        """What has failed of some blocks, each with what knows the places of its records."""
        self._count = 0
        self._only: dict[int, _Known] = {}
        """Of steps with one operation, by their ids."""
        self._known: dict[tuple[int, str], _Known] = {}
        self._blaming: dict[int, Blaming] = {}
        """Of steps, by their ids."""
        self._later: dict[int, _Later] = {}
        """Of steps, by their ids."""
        self._names: dict[type, str] = {}
        """Of types of errors that say no more than their text."""
        self.by_block = True
        """Whether a block comes as one block through all steps: what has failed of it is known when it comes."""

    def noting(self, step: Step, block: Block, noted: list[_Found]) -> Note:
        """Return what puts to `noted` the records of `block` that fail in `step`; `noted` has to be called with them.

        It is called for each of them, and so does the least: a reject is made when somebody asks.
        """
        known, records, names = self._only.get(id(step)), block.records, self._names
        count = len(records)

        def note(
            index: int, error: BaseException, given: int = 0, untold: Untold | None = None, said: str = ""
        ) -> None:
            if index == count or type(error) in NO_FAILURES:
                raise error  # see Failing.fail
            name, violations = names.get(type(error)), None
            if name is None:
                if isinstance(error, Untold):
                    later = self._later.get(id(step)) or self._tells_later(step, records[index], error)
                    noted.append((index, records[index], None, (error, said), later, 0, later.known))
                    return
                name, error, violations = self._named(step, error)
            said = text_of(error)[:LONGEST]
            of = known or self.blamed(step, error)
            noted.append((index, records[index], name, said, violations, given, of))

        return note

    def _tells_later(self, step: Step, record: Any, untold: Untold) -> _Later:
        """Return what tells of records that fail in `step` as this one does."""
        error = untold.with_frames(record)
        later = self._later[id(step)] = _Later(self, step, type(error), self.blamed(step, error))
        return later

    def told(self, step: Step, error: BaseException) -> tuple[str, str, list[Violation] | None]:
        """Return what an error is called, what it says, and what `validate` found wrong."""
        name, error, violations = self._named(step, error)
        return name, text_of(error)[:LONGEST], violations

    def noted(self, block: Block, noted: list[_Found]) -> bool:
        """Take what was noted of `block`; return whether many wait to be handed on."""
        self._found.append((placed(block), noted))
        self._count += len(noted)
        return self._count >= ENOUGH

    def _named(self, step: Step, error: BaseException) -> tuple[str, BaseException, list[Violation] | None]:
        """Return what an error is called, the error to tell in its place, and what `validate` found wrong."""
        if isinstance(error, (StoppedEarly, StopIteration)):
            error = stopped_early(step.own_ops())
        violations = error.violations if isinstance(error, ValidationError) else None
        name = type(error).__name__
        if violations is None:
            self._names[type(error)] = name
        return name, error, violations

    def blamed(self, step: Step, error: BaseException) -> _Known:
        """Return what is known of the operation of `step` that raised `error`."""
        blaming = self._blaming.get(id(step))
        if blaming is None:
            blaming = self._blaming[id(step)] = Blaming(step.own_ops())
        label = blaming.operation(error)
        key = id(step), label
        known = self._known.get(key)
        if known is None:
            ops = step.own_ops()
            op = next((op for op in ops if op.error_label == label), None)
            number = None if op is None else _number(op, self._written)
            known = self._known[key] = _Known(label, number, _again(step, op))
            if len(ops) == 1:
                self._only[id(step)] = known
        return known

    def __len__(self) -> int:
        return self._count

    def taken(self) -> Iterator[Block]:
        """Yield a block of what has failed, if there is any, and forget it."""
        if self._count:
            found, self._found, self._count = _Batch.of(self._found), [], 0
            if len(self._known) > 1:  # each step takes many records before the next one takes the first
                found = found.in_order()
            yield Block(AllRejected(len(found), found.described), RejectedFrom(found.place))


@dataclass(frozen=True, slots=True, eq=False)
class _Later:
    """Tells what was raised in a step, once somebody asks."""

    waiting: Waiting
    step: Step
    kind: type
    """Of the first error that was told, and nearly always of all others."""
    known: _Known
    """Of the operation that raised it."""

    def told(self, found: _Found) -> _Found:
        """Return what is noted of a record, with what was raised."""
        index, record, _, (untold, said), _, given, known = found
        text = untold.text(record, said) if self.kind.__name__ == JSON_ERROR else None
        if text is not None:
            return index, record, JSON_ERROR, text, None, given, known
        error = untold.told(record)
        if type(error) is not self.kind:
            known = self.waiting.blamed(self.step, untold.with_frames(record))
        return index, record, *self.waiting.told(self.step, error), given, known


class _Batch:
    """What has failed and is handed on together: places and records are looked up once somebody asks."""

    def __init__(self, found: Sequence[_Found], places: Callable[[], Sequence[Place | PlaceRow]]) -> None:
        self._found = found
        self._find_places = places
        self._places: Sequence[Place | PlaceRow] | None = None

    @classmethod
    def of(cls, groups: Sequence[tuple[Placed, Sequence[_Found]]]) -> _Batch:
        """Return the batch of what has failed of some blocks, with what knows the places of each."""
        found = list(chain.from_iterable([of_block for _, of_block in groups]))
        return cls(found, lambda: places_of([(below, [each[0] for each in of_block]) for below, of_block in groups]))

    def __len__(self) -> int:
        return len(self._found)

    def _known_places(self) -> Sequence[Place | PlaceRow]:
        if self._places is None:
            self._places = self._find_places()
        return self._places

    def place(self, index: int) -> Place:
        """Return the place of one of the records."""
        place = self._known_places()[index]
        return Place(*place) if isinstance(place, tuple) else place

    def in_order(self) -> _Batch:
        """Return the same in the order in which the records stand in what the task reads."""
        places = self._known_places()
        order = _in_order(places)
        return _Batch([self._found[number] for number in order], lambda: [places[number] for number in order])

    def described(self, names: Collection[str] | None) -> list[dict[str, Any]]:
        """Return a dict for each, with some names of a reject; with all of them for None."""
        if names is not None and not names:
            return [{} for _ in self._found]
        if names is None or not _OF_ERRORS.isdisjoint(names):
            self._found = [found if found[2] is not None else found[4].told(found) for found in self._found]
        nowhere = names is not None and _OF_PLACES.isdisjoint(names)
        rows = [_NOWHERE] * len(self) if nowhere else _rows(self._known_places())
        asked = names is None or not _OF_RECORDS.isdisjoint(names)
        rejects = _rejects(self._found, rows, _records(self._found, rows) if asked else rows)
        if names is None:
            return rejects
        return [{name: value for name, value in reject.items() if name in names} for reject in rejects]


_OF_ERRORS = frozenset({"error", "message", "operation", "record", "step", "violations"})
_OF_PLACES = frozenset({"path", "line", "offset", "index", "partition", "input", "record"})
_OF_RECORDS = frozenset({"record", "record_repr"})
_NOWHERE: PlaceRow = (None, None, None, None, None, None)


def _rows(places: Sequence[Any]) -> Sequence[PlaceRow]:
    if set(map(type, places)) == {tuple}:
        return places
    return [place if type(place) is tuple else row_of(place) for place in places]


def _records(found: Sequence[_Found], rows: Sequence[PlaceRow]) -> list[Any]:
    """Return the records as the operations were given them; for one operation all are made again in one go."""
    records = [each[1] for each in found]
    operations, resumes = set(map(_KNOWN, found)), Resuming in set(map(type, records))
    if len(operations) == 1 and not resumes:
        (known,) = operations
        return records if known.again is None else list(known.again(records, [row[-1] for row in rows]))
    for known in operations:
        if known.again is not None:
            numbers = [n for n, each in enumerate(found) if each[-1] is known and type(each[1]) is not Resuming]
            made = known.again([records[number] for number in numbers], [rows[number][-1] for number in numbers])
            for number, record in zip(numbers, made, strict=True):
                records[number] = record
    return [record.record if type(record) is Resuming else record for record in records]


def _marked(found: _Found, reject: dict[str, Any]) -> None:
    """Say in a reject what is special about it: its elements have gone on in part, or its record is used up."""
    record, given = found[1], found[-2]
    on_its_way = False
    if type(record) is Resuming:
        given += record.given
        on_its_way = reject["step"] is not None and record.failed_in > reject["step"]
    if given:
        reject["elements"] = given
    if on_its_way:
        reject["step"] = record.failed_in
    if on_its_way or hasattr(type(reject["record"]), "__next__"):  # an iterator gives nothing to who asks again
        reject["record"], reject["record_repr"] = None, one_line(reject["record"], LONGEST)


_GIVEN = itemgetter(-2)
_KNOWN = itemgetter(-1)


def _are_all_plain(found: Sequence[_Found]) -> bool:
    """Return whether nothing is special about any of them, as far as that can be told without a look at each."""
    kinds = {type(each[1]) for each in found}
    if Resuming in kinds or any(hasattr(kind, "__next__") for kind in kinds):
        return False
    return not any(map(_GIVEN, found))


def _rejects(waiting: Sequence[_Found], rows: Sequence[PlaceRow], records: Sequence[Any]) -> list[dict[str, Any]]:
    rejects: list[dict[str, Any]] = [
        {
            "error": error,
            "message": message,
            "operation": known.label,
            "path": path,
            "line": line,
            "offset": offset,
            "index": index,
            "partition": partition,
            "input": text,
            "record": record,
            "step": known.number,
            "violations": [] if violations is None else violations,
        }
        for each, (path, partition, line, offset, index, text), record in zip(waiting, rows, records, strict=True)
        for _, _, error, message, violations, _, known in (each,)
    ]
    if not _are_all_plain(waiting):
        for found, reject in zip(waiting, rejects, strict=True):
            _marked(found, reject)
    return rejects


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
    parsing = parser.begin()
    if step.parser is None and not isinstance(step.op, Completion) and parsing.gives_whole:
        return None
    return partial(_made_again, parsing.whole, passed)


def _made_again(
    whole: Callable[[Sequence[Any]], Iterable[Any]],
    passed: Sequence[PerPartition],
    records: Sequence[Any],
    read: Sequence[Any],
) -> Sequence[Any]:
    try:
        found = list(whole(read))
        for each in passed:
            found = list(each.begin()(found))
        if len(found) == len(records):
            return found
    except Exception:  # one by one, it is seen which
        pass
    if len(records) == 1:  # the line can't be read again: what was made of it has to do
        return records
    one = [_made_again(whole, passed, [record], [line]) for record, line in zip(records, read, strict=True)]
    return list(chain.from_iterable(one))


def _texts(lines: Sequence[Any], read: Sequence[Any]) -> Sequence[Any]:
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
    if isinstance(op, BlockParser):
        return alike[0] if alike else None
    if len(alike) > 1:  # two lambdas; a pass has made another op of one
        functions = list(map(id, op.user_functions()))
        alike = [number for number in alike if list(map(id, written[number].user_functions())) == functions]
    return alike[0] if len(alike) == 1 else None


def _in_order(places: Sequence[Place | PlaceRow]) -> list[int]:
    """Return the numbers of places of one task in the order in which these stand in what it reads."""
    standing = [_standing(place) for place in places]
    sources = {source: number for number, source in enumerate(dict.fromkeys([each[0] for each in standing]))}

    def key(number: int) -> tuple[int, int, int, int]:
        source, line, offset, index = standing[number]
        return sources[source], line or 0, offset or 0, index or 0

    return sorted(range(len(places)), key=key)


def _standing(place: Place | PlaceRow) -> tuple[str | None, int | None, int | None, int | None]:
    if isinstance(place, tuple):
        source, _, line, offset, index, _ = place
        return source, line, offset, index
    return place.source, place.line, place.offset, place.index


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
        yield Block(block.records, RejectedFrom(partial(_place_made_of, placing, block.records)))


def _place_made_of(placing: Placing, records: Sequence[Any], index: int) -> Place:
    return placing.place(records[index])


def chosen_blocks(op: Choosing, blocks: Iterator[Block], figures: Figures) -> Iterator[Block]:
    """Yield the blocks that `op` takes, of those from a SplitErrors: each has records, or what failed, not both."""
    failed = isinstance(op, Bad)
    for block in blocks:
        records = block.records
        taken = bool(records) and (type(records) is AllRejected) == failed
        figures.note(len(records), len(records) if taken else 0)
        if taken:
            yield block
