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

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar

from bagkit.exchange.spill import Room
from bagkit.flow.blocks import Block, Place
from bagkit.flow.report import Report
from bagkit.flow.tallies import Pairs
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
"""The same; the same for plain records, as sums of others are rounded; as good a result, as where a function of the
user's joins states; or another, so that tasks must have the partitions that users see."""


class Op:
    """What every op answers; the defaults claim nothing."""

    gives_value: bool = False
    """Whether the result is a single value rather than partitions of records."""
    can_raise: bool = True
    """Whether it can fail on a record of its own, without a user's function."""
    plain: Literal["", "always", "as given"] = ""
    """When its records are text, numbers, None, tuples of text, or what has no hash: all know which are equal."""
    when_cut: WhenCut = "same"
    """What it gives where its records come in other tasks than the partitions that users see."""

    @property
    def error_label(self) -> str:
        """The op as its user wrote it, where `label` shows what became of it."""
        return self.label

    @property
    def label(self) -> str:
        """The op as `explain` and error notes show it: `map(json.loads)`."""
        raise TypeError(f"{type(self).__name__} has no label")

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        """Return how many partitions come out, given how many each input has."""
        raise TypeError(f"{type(self).__name__} does not say its partitions")

    def demand(self, wanted: Fields) -> Fields:
        """Return which fields of its input's records the op needs, to give `wanted` fields of its own."""
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
        """Return the source without its pieces: what crosses to workers, which are sent pieces one by one."""
        raise NotImplementedError

    def read(self, pieces: Sequence[Any], report: Report, raw: bool = False) -> Iterator[Block]:
        """Yield the records of `pieces` in blocks, opening each input anew.

        `raw` asks a source of text for lines as UTF-8 bytes, where these are exactly what would be decoded to the text.
        """
        raise NotImplementedError

    def having(self, texts: tuple[str, ...]) -> Source | None:
        """Return the source that may leave out lines which have none of `texts`; None if it can't look for these."""
        return None

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.pieces())


class MemorySource(Source):
    """A Source that reads no files."""


PerRecord = Literal["", "same", "one", "some", "many"]
"""What an op gives for each record: itself, one other, whether it stays, an iterable of others; "" for all at once."""

OnRecords = Callable[..., Iterable[Any]]
"""Gives what `per_record` says for each of the records that it is called with, in order; it pulls none ahead."""


class PerPartition(Op):
    """Turns the records of one partition into others."""

    per_record: PerRecord = ""
    """What its function gives for each record that it is called with."""

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0]

    def begin(self) -> OnRecords:
        """Return the function that is called with some records of a partition, or with an iterator over all of them.

        What it has to remember of one call for the next, it keeps itself.
        """
        raise NotImplementedError


class Ways(NamedTuple):
    """How lines of one block are parsed."""

    quick: Callable[[Sequence[Any]], list[Any]] | None
    """Parses some lines in one go; None where it could be wrong. Where it raises, `careful` says what is wrong."""
    careful: Callable[[Any], Any]
    """Parses any single line."""
    first: Callable[[], Callable[[Sequence[Any]], list[Any]] | None] | None
    """Gives what makes records of lines for filters alone, where a Completion follows; or None, if that can't be told.
    What it gives raises where a record has in it what a filter could change."""


class Copying(Protocol):
    """Tells which lines of one partition are written as they are."""

    @property
    def alone(self) -> bool:
        """Whether lines are parsed twice for this only, not for a filter."""

    @property
    def is_hopeful(self) -> bool:
        """Whether many lines are expected to be written as they are."""

    def pays(self) -> bool:
        """Say whether it is worth while for the next block."""

    def lines_or_records(self, lines: Sequence[Any], decode: Callable[[Sequence[Any]], list[Any]], /) -> list[Any]:
        """Return for each line the bytes that are written of it, or its record; raises what `decode` raises."""


class Parsing(Protocol):
    """Parses the lines of one partition."""

    @property
    def unchanged(self) -> Copying | None:
        """What tells which lines are written as they are, if a Completion is to give these."""

    def __call__(self, lines: Sequence[Any], /) -> Iterable[Any]:
        """Return the records of lines that another task has read."""

    def ways(self, block: Block, /) -> Ways:
        """Return the functions that parse lines of `block`, straight off the source."""

    def whole(self, line: Any, /) -> Any:
        """Return the record of a line, with all its fields, as those who wrote the plan see it."""


class BlockParser(PerPartition):
    """A PerPartition that works on whole blocks of lines, straight off the source."""

    per_record = "one"

    def begin(self) -> Parsing:
        """Return what parses the lines of a partition."""
        raise NotImplementedError  # each op of the kind has its own


class Completion(PerPartition):
    """Makes whole records of what filters have kept, where they were given records of only what they read."""

    per_record = "one"
    opaque = False
    can_raise = False


class LaterCompletion(Completion):
    """Leaves that to the tasks that lines are sent to: gives of each record what was read, and its line."""


class Placing(Protocol):
    """Makes records of others, which say where they come from."""

    def __call__(self, records: Sequence[Any], /) -> Iterable[Any]:
        """Return what is made of the records."""

    def place(self, record: Any, /) -> Place:
        """Return where the record comes from that is made of `record`."""


class Returning(PerPartition):
    """Makes of records, which say where others come from, those others."""

    per_record = "one"

    def begin(self) -> Placing:
        """Return what makes the records of a partition, and knows their places."""
        raise NotImplementedError  # each op of the kind has its own


class Pairing(Op):
    """Works on one partition of several bags at a time, with single values beside them.

    The plan's inputs are `bags` bags, then values.
    """

    bags: int
    read_first: int = 0
    """How many of the bags, the last ones, it has read to their end before it gives a record."""
    per_record: PerRecord = ""
    """What it gives for each row of records that stand side by side in the other bags; as of a PerPartition."""

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        """Return the function that is called with some records of each of the other bags, or with all of them.

        `read` has the records of the bags that are read first. What it has to remember of one call for the next, it
        keeps itself.
        """
        raise NotImplementedError


class Scan(Pairing):
    """A Pairing of one bag whose partitions are done one after the other, each with a value of those before it.

    That is the last record which they gave, EMPTY if they gave none; the first partition has no value.
    """

    bags = 1


class Taking(Protocol):
    """Takes the records of one partition, some at a time; how they are cut must not be seen in the state.

    `flow/takings.py` has those that are given no more records than they need, all of them at once, or their places too.
    """

    def take(self, records: list[Any]) -> None:
        """Take some records, not none. If it raises, one of them is at fault."""

    def state(self) -> Any:
        """Return what it has made of all records; called once, at the end."""


class Reduction(Op):
    """Boils the records of a bag down: a state for each partition, states into one state, that into the result."""

    split_every: int | None
    """How many states are combined at a time; None for all at once."""

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return 1

    def start(self, room: Room) -> Taking:
        """Return what takes the records of one partition."""
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
        """Return what takes the records of a task of input `side`; its state: a bucket a partition, false if empty."""
        raise NotImplementedError

    def collect(self, sides: Sequence[Sequence[Any]], room: Room) -> Iterator[Sequence[Any]]:
        """Yield lists of the records of one partition, of the buckets that there are for it, by input and in order."""
        raise NotImplementedError


class SampledExchange(Exchange):
    """An Exchange that takes a first look at all records, to know where each goes.

    The state of a split is its records, prepared, and a sample of them.
    """

    def bounds(self, samples: Sequence[Any], count: int) -> Any:
        """Return what tells every `cut` which of `count` partitions a record belongs to, made of all samples."""
        raise NotImplementedError

    def cut(self, prepared: Any, bounds: Any, count: int) -> list[Any]:
        """Return the buckets of prepared records."""
        raise NotImplementedError


class Regroup(Op):
    """The same records in other partitions."""

    picks: slice | tuple[int, ...] | None = None
    """Which partitions of its inputs, put one after the other, it is; None where it makes others of them."""
    can_raise = False

    def demand(self, wanted: Fields) -> Fields:
        return wanted


def picked(picks: slice | tuple[int, ...], partitions: Sequence[T]) -> list[T]:
    """Return the `partitions` that a Regroup picks, out of all partitions of its inputs."""
    return [partitions[number] for number in picks] if isinstance(picks, tuple) else list(partitions[picks])


class Call(Op):
    """Works on whole values and gives one."""

    gives_value = True

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return 1

    def call(self, values: Sequence[Any]) -> Any:
        """Return the value made of `values`."""
        raise NotImplementedError


class Sink(Op):
    """Writes each partition to a place of its own, and gives a value that says what was written.

    `begin` and its SinkRun run in the process of the caller, `write` in a worker: what it leaves is no output before
    the SinkRun has made it one.
    """

    gives_value = True

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return 1

    def bare(self) -> Sink:
        """Return the sink without what only the caller's process needs."""
        raise NotImplementedError

    def begin(self, made_of: Any, wanted: frozenset[int] | None = None) -> SinkRun:
        """Return the run that writes the plan `made_of`, or the `wanted` partitions; raises where it must not be."""
        raise NotImplementedError

    def write(self, records: Iterator[Any], where: Any, attempt: int) -> Any:
        """Write the records of one partition; return what was written, as a tuple of plain values."""
        raise NotImplementedError

    def result(self, written: Sequence[Any]) -> Any:
        """Return the value, given what was written of each partition in order."""
        raise NotImplementedError


class SinkRun(Protocol):
    """One run of a Sink; mutable, of the run that it belongs to."""

    @property
    def parts(self) -> Sequence[tuple[bool, Any] | None]:
        """For each partition whether it is written already, and what was written, or where to; None: not wanted."""

    def commit(self, written: Any, lost: int, tallies: Pairs) -> None:
        """Make an output of what a task has written; with the last one, of all of them.

        `lost` is how many records the task left out, as `on_error` asked, `tallies` what it has counted by reason.
        """

    def tell_of_lost(self, again: Collection[str]) -> None:
        """Tell of records that were left out of what is kept, but for those that tasks leave out which run `again`."""

    def lose(self, task: str, lost: int, tallies: Pairs) -> None:
        """Take note that a task whose result is written by others has left out `lost` records, and counted others."""

    def kept_tallies(self) -> Iterable[tuple[str, int]]:
        """Return what was counted when what is kept was written."""

    def end(self) -> None:
        """Remove what became no output."""
