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
    SinkPart       one partition of a Sink                   to_textfiles(compute=False)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, Literal, Protocol, TypeVar

from bagkit.exchange.spill import Room
from bagkit.flow.blocks import Block
from bagkit.flow.report import Report
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


class Op:
    """What every op answers; the defaults claim nothing."""

    elementwise: bool = False
    """Works record by record, so that where a partition begins and ends can't be seen in the result."""
    gives_value: bool = False
    """Whether the result is a single value rather than partitions of records."""
    can_raise: bool = True
    """Whether it can fail on a record of its own, without a user's function."""
    plain: Literal["", "always", "as given"] = ""
    """When its records are text, numbers, None, tuples of text, or what has no hash: all know which are equal."""
    exact_for: Literal["any", "plain", ""] = "any"
    """What records it gives the same result for, whatever tasks they come in: plain ones only where sums of others are
    rounded; none where states are not joined exactly, as where a function of the user's does it."""
    limited: bool = False
    """Whether it may have to hold more than fits into memory, so that it has a field `memory` for the run to set."""

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

    elementwise = True
    can_raise = False
    opaque = False
    in_memory: bool = False
    """Whether it reads no files."""
    gives_raw_lines: bool = False
    """Whether `read(raw=True)` can give lines as UTF-8 bytes, exactly those that would be decoded to the text lines."""

    def pieces(self) -> Sequence[tuple[Piece, ...]]:
        """Return what each partition consists of, in order. Opens nothing."""
        raise NotImplementedError

    def bare(self) -> Source:
        """Return the source without its pieces: what crosses to workers, which are sent pieces one by one."""
        raise NotImplementedError

    def read(self, pieces: Sequence[Any], report: Report, raw: bool = False) -> Iterator[Block]:
        """Yield the records of `pieces` in blocks, opening each input anew."""
        raise NotImplementedError

    def having(self, texts: tuple[str, ...]) -> Source | None:
        """Return the source that may leave out lines which have none of `texts`; None if it can't look for these."""
        return None

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.pieces())


PerRecord = Literal["", "one", "some", "many"]
"""What an op gives for each record: one other, whether it stays, an iterable of others; "" for all of them at once."""

OnRecords = Callable[..., Iterable[Any]]
"""Gives what `per_record` says for each of the records that it is called with, in order; it pulls none ahead."""


class PerPartition(Op):
    """Turns the records of one partition into others."""

    per_record: PerRecord = ""
    """What its function gives for each record that it is called with."""
    policy: str = ""
    """What happens to records that fail before this op, if the op is what says so: raise, skip, collect, reject."""
    stands_for_many: bool = False
    """Whether each of its records is made of a thousand others, so that they leave a task one at a time."""

    @property
    def elementwise(self) -> bool:  # type: ignore[override]  # it depends on the op
        return bool(self.per_record or self.policy)

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0]

    def begin(self) -> OnRecords:
        """Return the function that is called with some records of a partition, or with an iterator over all of them.

        What it has to remember of one call for the next, it keeps itself.
        """
        raise NotImplementedError


class Limit(PerPartition):
    """The first `k` records of a partition, and no more than these are made."""

    k: int
    can_raise = False

    def demand(self, wanted: Fields) -> Fields:
        return wanted


class BlockParser(PerPartition):
    """A PerPartition that works on whole blocks of lines, straight off the source."""

    per_record = "one"

    @property
    def joined(self) -> tuple[Op, ...]:
        """Operations of the user's that it does too, after its own."""
        return ()

    @property
    def parses(self) -> int | None:
        """How many fields of a record it parses; None for all of them."""
        return None

    def ways(self, block: Block) -> tuple[Callable[[Sequence[Any]], list[Any]] | None, Callable[[Any], Any]]:
        """Return the function that parses some lines of `block` in one go, and the one that takes any single one.

        The first is None for blocks where it could be wrong; where it raises, it is for the second to say what is.
        """
        raise NotImplementedError

    def whole(self, line: Any) -> Any:
        """Return the record of a line, with all its fields, as those who wrote the plan see it."""
        raise NotImplementedError

    def first_way(self, block: Block) -> Callable[[Sequence[Any]], list[Any]] | None:
        """Return the function that makes records of lines for filters alone, which a Completion follows; or None.

        It raises where a record has in it what a filter could change.
        """
        return None


class Completion(PerPartition):
    """Makes whole records of what filters have kept, where they were given records of only what they read."""

    per_record = "one"
    opaque = False
    can_raise = False


class Rejecting(PerPartition):
    """Gives its records, and among them what is known of those that failed in the ops before it."""

    policy = "reject"
    can_raise = False
    written: tuple[Op, ...]
    """The ops before it as their user wrote them, first to last, from behind the source."""


class Choosing(PerPartition):
    """Takes of what a Rejecting gives the records, or what failed."""

    per_record = "some"
    can_raise = False
    failed: bool
    """Which of both."""


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

    def leading(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return the records that come before what the records of the partition give."""
        return ()


class Taking(Protocol):
    """Takes the records of one partition, some at a time; how they are cut must not be seen in the state."""

    def take(self, records: list[Any]) -> None:
        """Take some records, not none. If it raises, one of them is at fault."""

    def state(self) -> Any:
        """Return what it has made of all records; called once, at the end."""


class Reduction(Op):
    """Boils the records of a bag down: a state for each partition, states into one state, that into the result."""

    gives_bag: bool
    """Whether the result is a bag of one partition rather than a single value."""
    split_every: int | None
    """How many states are combined at a time; None for all at once."""
    enough: Callable[[Any], bool] | None = None
    """Says of a Taking whether more records can't change its state, so that no more are read."""

    @property
    def gives_value(self) -> bool:  # type: ignore[override]  # it depends on the reduction
        return not self.gives_bag

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


class PartitionReduction(Reduction):
    """A Reduction that wants all records of a partition in one iterator."""

    def reduced(self, records: Iterator[Any]) -> Any:
        """Return the state of one partition."""
        raise NotImplementedError


class Exchange(Op):
    """Brings together what belongs together from all partitions of its inputs.

    Each task of an input splits its records, each partition collects its own. With `samples` there is a first look at
    all records: the state of a split is then its records, prepared, and a sample of them; `bounds` makes of all samples
    what tells every `cut` where the prepared records go.
    """

    count: int | None
    """How many partitions come out; None for as many as the first input has."""
    memory: int | None
    """How many bytes a task may hold; None for any number. Set by the run."""
    samples: bool = False
    limited = True

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0] if self.count is None else self.count

    def split(self, side: int, count: int, room: Room) -> Taking:
        """Return what takes the records of a task of input `side`; its state: a bucket a partition, false if empty."""
        raise NotImplementedError

    def bounds(self, samples: Sequence[Any], count: int) -> Any:
        """Return what tells `cut` which of `count` partitions a record belongs to."""
        raise NotImplementedError

    def cut(self, prepared: Any, bounds: Any, count: int) -> list[Any]:
        """Return the buckets of prepared records."""
        raise NotImplementedError

    def collect(self, sides: Sequence[Sequence[Any]], room: Room) -> Iterator[Sequence[Any]]:
        """Yield lists of the records of one partition, of the buckets that there are for it, by input and in order."""
        raise NotImplementedError


class Regroup(Op):
    """The same records in other partitions."""

    picks: slice | tuple[int, ...] | None = None
    """Which partitions of its inputs, put one after the other, it is; None where it makes others of them."""
    can_raise = False

    @property
    def repeats(self) -> bool:
        """Whether it picks a partition more than once."""
        return isinstance(self.picks, tuple) and len(set(self.picks)) < len(self.picks)

    def picked(self, partitions: Sequence[T]) -> list[T]:
        """Return the `partitions` that it picks, out of all partitions of its inputs."""
        if isinstance(self.picks, tuple):
            return [partitions[number] for number in self.picks]
        return list(partitions[self.picks])  # type: ignore[index]  # asked only where it picks

    def demand(self, wanted: Fields) -> Fields:
        return wanted


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

    `begin` and all that its Writing does run in the caller's process, `write` in a worker: what `write` leaves is not
    an output before the Writing has made it one.
    """

    gives_value = True
    goes_on: bool = False
    """Whether it keeps what an earlier run has written."""

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return 1

    def bare(self) -> Sink:
        """Return the sink without what only the caller's process needs."""
        raise NotImplementedError

    def part(self, number: int) -> SinkPart:
        """Return what writes one of its partitions alone."""
        raise NotImplementedError

    def begin(self, made_of: Any, wanted: frozenset[int] | None = None) -> Writing:
        """Return the run that writes the plan `made_of`, or the `wanted` partitions; raises where it must not be."""
        raise NotImplementedError

    def write(self, records: Iterator[Any], where: Any, attempt: int) -> Any:
        """Write the records of one partition; return what was written, as a tuple of plain values."""
        raise NotImplementedError

    def result(self, written: Sequence[Any]) -> Any:
        """Return the value, given what was written of each partition in order."""
        raise NotImplementedError


class SinkPart(Call):
    """Writes one partition of a Sink, which is its input: a sink that only parts are asked of writes only those.

    It is called with what was written of the partition.
    """

    number: int


class Writing(Protocol):
    """One run of a Sink; mutable, of the run that it belongs to."""

    @property
    def parts(self) -> Sequence[tuple[bool, Any] | None]:
        """For each partition whether it is written already, and what was written, or where to; None: not wanted."""

    def commit(self, written: Any, lost: int) -> None:
        """Make an output of what a task has written; with the last one, of all of them.

        `lost` is how many records the task left out, as `on_error` asked.
        """

    def tell_of_lost(self, again: Collection[str]) -> None:
        """Tell of records that were left out of what is kept, but for those that tasks leave out which run `again`."""

    def lose(self, task: str, lost: int) -> None:
        """Take note that a task whose result is written by others has left out `lost` records."""

    def end(self) -> None:
        """Remove what became no output."""
