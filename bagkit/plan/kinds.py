"""The kinds of op that the machinery knows, and the facts that it may ask of any op.

Passes and lowering ask facts, never names: an op that is not listed anywhere still gets its due. What raises
NotImplementedError here is for each op of the kind to say.

    Source         reads partitions                          read_text, from_sequence
    PerPartition   records of a partition -> records         map, filter, pluck
    Pairing        partitions of several bags, side by side  map over two bags, or with an Item
    Scan           a Pairing, one partition after the other  accumulate
    Reduction      all records -> one value or one partition  sum, frequencies, foldby
    Exchange       records of one key, or range, together    groupby, join, sort_by
    Regroup        the same records in other partitions      concat, repartition
    Call           whole values -> a value                   Item.apply, delayed
    Sink           partitions -> files                       to_textfiles, to_jsonl
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal, Protocol, TypeVar

from bagkit.exchange.spill import Room
from bagkit.flow.blocks import Block, Place
from bagkit.flow.report import Report
from bagkit.flow.tallies import Pairs
from bagkit.light_classes import NamedTuple
from bagkit.plan.going_on import InTurn
from bagkit.plan.pieces import Piece

T = TypeVar("T")

Field = str | tuple[str, ...]
"""A key of a record; or several, each of the dict under the one before: `("address", "city")`."""

Fields = frozenset[Field] | None
"""Which parts of a record are read; ALL where it can't be known, or is the whole record."""

ALL: Final = None


def union(one: Fields, other: Fields) -> Fields:
    """Return the fields that either asks for; none inside of another.

    >>> sorted(union(frozenset({("a", "b"), "c"}), frozenset({"a"})))
    ['a', 'c']
    """
    if one is ALL or other is ALL:
        return ALL
    both = one | other
    return frozenset([field for field in both if type(field) is str or not _is_inside(field, both)])


def _is_inside(path: Field, fields: frozenset[Field]) -> bool:
    return path[0] in fields or any(path[:length] in fields for length in range(2, len(path)))


WhenCut = Literal["same", "same if plain", "rounded", "other"]
"""What an op gives if its records come in other tasks than the partitions that users see.

    "same"           the same
    "same if plain"  the same for plain records; sums of other records may be rounded otherwise
    "rounded"        as good a result: a function of the user's joins states, and may round
    "other"          another result: tasks must have the partitions that users see
"""


class Op:
    """What every op answers; the defaults claim nothing."""

    gives_value: bool = False
    """Whether the result is a single value rather than partitions of records."""
    can_raise: bool = True
    """Whether it can fail on a record by itself, without a user's function."""
    plain: Literal["", "always", "as given", "parsed"] = ""
    """When its records are text, numbers, None, tuples of text, or have no hash: then equality is known. "parsed" says
    that always, and that they are what a parser of JSON has made, or tuples of it, and no code of the user's has had
    them."""
    when_cut: WhenCut = "same"
    """What it gives if its records come in other tasks than the partitions that users see."""

    @property
    def error_label(self) -> str:
        """The op as its user wrote it; `label` may show what a pass has made of it."""
        return self.label

    @property
    def label(self) -> str:
        """The op as `explain` and error notes show it: `map(json.loads)`."""
        raise TypeError(f"{type(self).__name__} has no label")

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        """Return how many partitions come out, given how many each input has."""
        raise TypeError(f"{type(self).__name__} does not say its partitions")

    def demand(self, wanted: Fields) -> Fields:
        """Return the fields of its input's records that the op needs, to give records with the `wanted` fields."""
        return ALL

    def user_functions(self) -> tuple[Any, ...]:
        """Return the user's functions that run inside, so that an error can be traced to this op."""
        return ()

    @property
    def opaque(self) -> bool:
        """Whether it runs code of the user's: which may be slow, crash its process, or change the world."""
        return any(function is not None for function in self.user_functions())


class Source(Op):
    """Reads the partitions of a bag."""

    can_raise = False
    opaque = False

    def pieces(self) -> Sequence[tuple[Piece, ...]]:
        """Return what each partition consists of, in order. Opens nothing."""
        raise NotImplementedError

    def bare(self) -> Source:
        """Return the source without its pieces. This crosses to workers; pieces are sent one by one."""
        raise NotImplementedError

    def read(self, pieces: Sequence[Any], report: Report, raw: bool = False) -> Iterator[Block]:
        """Yield the records of `pieces` in blocks, opening each input anew.

        `raw` asks a source of text for lines as UTF-8 bytes, where these are exactly what would be decoded to the text.
        """
        raise NotImplementedError

    def having(self, texts: tuple[str, ...]) -> Source | None:
        """Return a source that may leave out lines without any of `texts`; None if it can't look for them."""
        return None

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.pieces())


class MemorySource(Source):
    """A Source that reads no files."""


PerRecord = Literal["", "same", "one", "some", "many"]
"""What an op gives for each record.

    "same"  the record itself
    "one"   one record
    "some"  true or false: whether the record stays
    "many"  an iterable of records
    ""      nothing: it works on all records at once
"""

OnRecords = Callable[..., Iterable[Any]]
"""Gives what `per_record` says for each of the records that it is called with, in order; it pulls none ahead."""


def as_they_are(records: Iterable[Any]) -> Iterable[Any]:
    """Return `records`: an OnRecords that does nothing to them."""
    return records


class PerPartition(Op):
    """Turns the records of one partition into others."""

    per_record: PerRecord = ""
    """What its function gives for each record that it is called with."""

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0]

    def begin(self) -> OnRecords:
        """Return the function that is called with some records of a partition, or with an iterator over all of them.

        If a call needs to know of the calls before, the function remembers that itself.
        """
        raise NotImplementedError


class Ways(NamedTuple):
    """How lines of one block are parsed."""

    quick: Callable[[Sequence[Any]], list[Any]] | None
    """Parses some lines in one go; None where it could be wrong. Where it raises, `careful` says what is wrong."""
    careful: Callable[[Any], Any]
    """Parses any single line."""
    first: Callable[[], Callable[[Sequence[Any]], list[Any]] | None] | None
    """Gives a function that makes records for filters alone, if a Completion follows; or None, if that can't be told.
    The function raises if a filter could change something in a record."""
    in_turn: InTurn | None = None
    """Parses lines that are not all for `quick`: it has a careful way for the others."""


class Copying(Protocol):
    """Tells which lines of one partition are written as they are."""

    @property
    def alone(self) -> bool:
        """Whether lines are parsed twice for this only, not for a filter."""

    @property
    def is_hopeful(self) -> bool:
        """Whether many lines are expected to be written as they are."""

    def pays(self) -> bool:
        """Say whether copying pays for the next block."""

    def lines_or_records(self, lines: Sequence[Any], decode: Callable[[Sequence[Any]], list[Any]], /) -> list[Any]:
        """Return for each line the bytes to write, or its record; raises what `decode` raises."""


class Parsing(Protocol):
    """Parses the lines of one partition."""

    @property
    def gives_whole(self) -> bool:
        """Whether its records are what `whole` gives: then none need be made again, of its line."""

    @property
    def unchanged(self) -> Copying | None:
        """Tells which lines are written as they are, if a Completion is to give lines."""

    def __call__(self, lines: Sequence[Any], /) -> Iterable[Any]:
        """Return the records of lines that another task has read."""

    def ways(self, block: Block, /) -> Ways:
        """Return the functions that parse lines of `block`, straight off the source."""

    def whole(self, lines: Sequence[Any], /) -> Iterable[Any]:
        """Return the records of lines with all their fields, as the plan's author sees them."""


class BlockParser(PerPartition):
    """A PerPartition that works on whole blocks of lines, straight off the source."""

    per_record = "one"

    def begin(self) -> Parsing:
        """Return what parses the lines of a partition."""
        raise NotImplementedError  # each op of the kind has its own


class Completion(PerPartition):
    """Makes whole records behind filters that got records with only the fields that they read."""

    per_record = "one"
    opaque = False
    can_raise = False


class LaterCompletion(Completion):
    """A Completion for tasks that lines are sent to: gives for each record the fields that were read, and its line."""


class Placing(Protocol):
    """Makes records of other records, which say where they come from, as rejects do."""

    def __call__(self, records: Sequence[Any], /) -> Iterable[Any]:
        """Return the records that are made of `records`."""

    def place(self, record: Any, /) -> Place:
        """Return the place of the record that is made of `record`."""


class Returning(PerPartition):
    """Makes records again of records that say where those came from, as `retry` does of rejects."""

    per_record = "one"

    def begin(self) -> Placing:
        """Return the function that makes the records of a partition, and knows their places."""
        raise NotImplementedError  # each op of the kind has its own


class Pairing(Op):
    """Works on one partition of several bags at a time, with single values beside them.

    The plan's inputs are `bags` bags, then values.
    """

    bags: int
    read_first: int = 0
    """How many of the bags, counted from the last, it reads to their end before it gives a record."""
    per_record: PerRecord = ""
    """What it gives for each row of records side by side in the other bags, as for a PerPartition."""

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0]

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        """Return the function that is called with some records of each of the other bags, or with all of them.

        `read` has the records of the bags that are read first. An iterator among the values is a `flow.replay.Replay`,
        which can be read more than once. If a call needs to know of the calls before, the
        function remembers that itself.
        """
        raise NotImplementedError


class Scan(Pairing):
    """A Pairing of one bag that does partitions one after the other.

    Each partition gets a value: the last record that the partitions before it gave, or EMPTY if they gave none. The
    first partition has no value.
    """

    bags = 1


class Taking(Protocol):
    """Takes the records of one partition, some at a time. The state must not depend on how they are cut.

    `flow/takings.py` has other kinds: they get no more records than they need, all at once, or places too.
    """

    def take(self, records: list[Any]) -> None:
        """Take some records, not none. If it raises, one of them is at fault."""

    def state(self) -> Any:
        """Return the state of all records; called once, at the end."""


class Reduction(Op):
    """Boils the records of a bag down: a state for each partition, states into one state, that into the result."""

    split_every: int | None
    """How many states are combined at a time; None for all at once."""

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return 1

    def start(self, room: Room) -> Taking:
        """Return an object that takes the records of one partition."""
        raise NotImplementedError

    def combine(self, states: Sequence[Any], room: Room) -> Any:
        """Return the state of several partitions, given in order."""
        raise NotImplementedError

    def finish(self, states: Sequence[Any], room: Room) -> Any:
        """Return the result of the last states: for a bag, an iterable of its records."""
        raise NotImplementedError


class Exchange(Op):
    """Brings together what belongs together from all partitions of its inputs.

    Each task of an input splits its records, each partition collects its own.
    """

    def split(self, side: int, count: int, room: Room) -> Taking:
        """Return an object that takes the records of a task of input `side`.

        Its state is a bucket for each partition, where an empty one is false, or those that are not empty by number.
        """
        raise NotImplementedError

    def collect(self, sides: Sequence[Sequence[Any]], room: Room) -> Iterator[Sequence[Any]]:
        """Yield lists of the records of one partition; `sides` has its buckets by input, in order."""
        raise NotImplementedError


class SampledExchange(Exchange):
    """An Exchange that takes a first look at all records, to know where each goes.

    The state of a split is its records, prepared, and a sample of them.
    """

    def bounds(self, samples: Sequence[Any], count: int) -> Any:
        """Return the bounds, made of all samples, that tell `cut` which of `count` partitions a record belongs to."""
        raise NotImplementedError

    def cut(self, prepared: Any, bounds: Any) -> Mapping[int, Any]:
        """Return the buckets of prepared records that have some, by the numbers of their partitions."""
        raise NotImplementedError


class Regroup(Op):
    """The same records in other partitions."""

    picks: slice | tuple[int, ...] | None = None
    """Which partitions of its inputs, put one after the other, it has; None if it makes new partitions of them."""
    can_raise = False

    def demand(self, wanted: Fields) -> Fields:
        return wanted


def picked(picks: slice | tuple[int, ...], partitions: Sequence[T]) -> list[T]:
    """Return the `partitions` that a Regroup picks, out of all partitions of its inputs."""
    return [partitions[number] for number in picks] if isinstance(picks, tuple) else list(partitions[picks])


def shares(many: int, few: int) -> list[tuple[int, int]]:
    """Return for each of `few` which of `many` neighbours it gets: from one number up to another.

    >>> shares(7, 3)
    [(0, 2), (2, 4), (4, 7)]
    """
    return list(pairwise([many * n // few for n in range(few + 1)]))


def repartitioned(
    parts: Sequence[T], count: int, joined: Callable[[Sequence[T]], T], cut: Callable[[T, int, int], T]
) -> list[T]:
    """Return what is known of `count` partitions that are made of `parts`: neighbours `joined`, or each `cut`.

    `cut` is called with a part, and with the number of a piece of it and how many there are.
    """
    if count > len(parts):
        pieces = zip(parts, shares(count, len(parts)), strict=True)
        return [cut(part, n, end - start) for part, (start, end) in pieces for n in range(end - start)]
    return [joined(parts[start:end]) for start, end in shares(len(parts), count)]


class Call(Op):
    """Works on whole values and gives one."""

    gives_value = True

    def call(self, values: Sequence[Any]) -> Any:
        """Return the value made of `values`."""
        raise NotImplementedError


class Sink(Op):
    """Writes each partition to a place of its own, and gives a value that says what was written.

    `begin` and its SinkRun run in the process of the caller, and what `start` returns works in a worker. A file that it
    leaves is no output before the SinkRun has made it one.
    """

    gives_value = True

    def bare(self) -> Sink:
        """Return the sink without what only the caller's process needs."""
        raise NotImplementedError

    def begin(self, made_of: Any, wanted: frozenset[int] | None = None) -> SinkRun:
        """Return the run that writes the plan `made_of`, or its `wanted` partitions; raises if it must not write."""
        raise NotImplementedError

    def start(self, where: Any, attempt: int) -> PartBeingWritten:
        """Return what takes the records of one partition."""
        raise NotImplementedError

    def result(self, written: Sequence[Any]) -> Any:
        """Return the value, given what was written of each partition in order."""
        raise NotImplementedError


class PartBeingWritten(Protocol):
    """Takes the records of one partition; mutable, of one task. It is sealed in the end, or abandoned."""

    def take(self, records: Sequence[Any]) -> None:
        """Take the next few records."""

    def seal(self) -> Any:
        """Bring all to where it goes; return what was written, as a tuple of plain values."""

    def abandon(self) -> None:
        """Remove what was written."""


class SinkRun(Protocol):
    """One run of a Sink; mutable, of the run that it belongs to."""

    @property
    def parts(self) -> Sequence[tuple[bool, Any] | None]:
        """For each partition: whether it is written already, and what was written or where to; None if not wanted."""

    def commit(self, written: Any, lost: int, tallies: Pairs) -> None:
        """Make an output of the file that a task has written; with the last file, finish all outputs.

        `lost` is how many records the task left out, as `on_error` asked, `tallies` what it has counted by reason.
        """

    def tell_of_lost(self, again: Collection[str]) -> None:
        """Tell of records that are missing in kept files; tasks that run `again` tell of theirs themselves."""

    def lose(self, task: str, lost: int, tallies: Pairs) -> None:
        """Note that a task whose records other tasks write has left out `lost` records, and what it has counted."""

    def kept_tallies(self) -> Iterable[tuple[str, int]]:
        """Return the counts by reason of the files that are kept."""

    def end(self) -> None:
        """Remove files that became no output."""
