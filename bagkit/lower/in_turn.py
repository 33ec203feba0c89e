"""Many small partitions in one task, one after the other, where each is still a partition of its own.

`resize` joins the pieces of neighbours where all ops work record by record. A partition of an exchange, or what
`map_partitions` is given, can't be joined so. Here one task makes several of them in turn: what a task costs is paid
once, and what a partition costs is a few steps that begin again.

    in_turn         where nobody sees which task made what: records go on in order, into a result, a reduction or an
                    exchange. The task has one value.
    in_one_task     where others need what each partition gives: the task has the values of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import Any, TypeVar

from bagkit.lazily import Lazily
from bagkit.lower.graph import Key, Task, Work, shown_pieces
from bagkit.lower.pending import Pending
from bagkit.plan.kinds import Source
from bagkit.work.chain import Chain
from bagkit.work.in_turn import EachInTurn, Places, one_by_one
from bagkit.work.steps import Collecting, Joined, Step, TaskRecords, Value
from bagkit.work.works import Combine, Cutting, Split, WithLast

works = Lazily("bagkit.work.several")

HELD = 64
"""A task may hold this many times the input of the partitions that are put into it: what they are given may take a
quarter of that, and input may be packed."""

T = TypeVar("T")


def in_turn(group: Sequence[Pending], most: int, nbytes: int) -> Iterator[Pending]:
    """Yield the partitions of `group`, of one step, up to `most` of them together if they are small.

    Those have `nbytes` of input together at the most, or less where a task may not hold much: it is given all that they
    need at once. A partition whose size nobody knows stays alone.
    """
    step = group[0].step
    if most < 2 or not _can_be_joined(step):
        yield from group
        return
    limits = [leaf.memory // HELD for leaf in _leaves(step) if leaf.memory is not None]
    yield from map(_joined, small_ones(group, weight_of, most, min([nbytes, *limits])))


def small_ones(things: Iterable[T], weight: Callable[[T], int | None], most: int, nbytes: int) -> Iterator[Sequence[T]]:
    """Yield `things` that follow each other together: up to `most`, of up to `nbytes`; alone if `weight` gives None."""
    waiting: list[T] = []
    total = 0
    for thing in things:
        size = weight(thing)
        if waiting and (size is None or len(waiting) >= most or total + size > nbytes):
            yield waiting
            waiting, total = [], 0
        if size is None:
            yield [thing]
        else:
            waiting.append(thing)
            total += size
    if waiting:
        yield waiting


def weight_of(one: Pending) -> int | None:
    """Return about how many bytes of input a partition is made of; None where nobody knows."""
    if one.weight is None:
        return None
    read: int = sum(piece.weight for part in one.part if isinstance(part, tuple) for piece in part)
    return one.weight + read


def sum_known(weights: Iterable[int | None]) -> int | None:
    """Return the sum of `weights`; None if one is not known."""
    every = list(weights)
    known = [weight for weight in every if weight is not None]
    return sum(known) if len(known) == len(every) else None


def _can_be_joined(step: Step) -> bool:
    """Return whether all that a step is made of is read, or what others give it; of exchanges one."""
    leaves = [each.op for each in _leaves(step)]
    return sum(isinstance(op, Collecting) for op in leaves) < 2 and all(isinstance(op, _TAKEN) for op in leaves)


_TAKEN = (Source, Collecting, TaskRecords, Value)


def _leaves(step: Step) -> Iterator[Step]:
    """Yield the steps that take what a task is given; one whose inputs are used twice itself."""
    if not step.inputs or isinstance(step.op, Joined):
        yield step
    for child in step.inputs if not isinstance(step.op, Joined) else ():
        yield from _leaves(child)


def _joined(several: Sequence[Pending]) -> Pending:
    if len(several) == 1:
        return several[0]
    return replace(
        several[0],
        part=tuple([entry for one in several for entry in one.part]),
        needs=tuple([key for one in several for key in one.needs]),
        weight=sum([one.weight or 0 for one in several]),
        turns=tuple([len(one.needs) for one in several]),
    )


def with_needs(one: Pending, needs: tuple[Key, ...]) -> Pending:
    """Return `one` with values that are needed once, whatever it is: behind what its first partition needs."""
    first, *others = one.turns or (len(one.needs),)
    turns = (first + len(needs), *others) if one.turns else ()
    return replace(one, needs=(*one.needs[:first], *needs, *one.needs[first:]), turns=turns)


def needs_once(needs: Sequence[Key], turns: Sequence[int]) -> tuple[tuple[Key, ...], Places]:
    """Return the `needs` of several partitions, of as many as `turns` says, each once, and where each finds its own.

    >>> needs_once(["all", "a", "all", "b"], [2, 2])
    (('all', 'a', 'b'), ((0, 1), (0, 2)))
    """
    numbers: dict[Key, int] = {}
    each = iter(needs)
    places = tuple([tuple([numbers.setdefault(next(each), len(numbers)) for _ in range(count)]) for count in turns])
    return tuple(numbers), places


def in_one_task(tasks: Sequence[Task], weights: Mapping[Key, int | None], least: int, nbytes: int) -> Iterator[Task]:
    """Yield `tasks`, where small ones that follow each other and do the same are one; of each kind `least` are left.

    `weights` says by their first keys of how many bytes of input they are made.
    """
    for _, same in groupby(tasks, key=_alike):
        alike = list(same)
        most = len(alike) // least
        if most < 2 or alike[0].one_of is not None or not _is_of_a_partition(alike[0].work):
            yield from alike
            continue
        work = EachInTurn(alike[0].work, len(alike[0].keys))
        for several in small_ones(alike, lambda task: weights.get(task.keys[0]), most, nbytes):
            yield _one_task(work, several) if len(several) > 1 else several[0]


def _alike(task: Task) -> tuple[Any, ...]:
    """Return what is the same for tasks if one can do all of them: the levels of a tree are not alike."""
    key: Any = task.keys[0]
    return id(task.work), len(task.keys), key[0] if isinstance(key, tuple) and key else None


def _is_of_a_partition(work: Work) -> bool:
    """Return whether a work makes something of one partition. What writes is alone: a file is there when it is done."""
    if isinstance(work, (Chain, Combine, Cutting, Split, WithLast)):
        return not (isinstance(work, Chain) and work.in_turn)
    return works.has_made(work, "Several") and not work.in_turn and not work.sinks


def _one_task(work: EachInTurn, several: Sequence[Task]) -> Task:
    """Return the task that does `several`; each of these may need what the one before it has made."""
    numbers: dict[Key, int] = {}
    before: tuple[Key, ...] = ()
    places: list[tuple[int, ...]] = []
    for task in several:
        own = [
            before.index(key) - len(before) if key in before else numbers.setdefault(key, len(numbers))
            for key in task.needs
        ]
        places.append(tuple(own))
        before = task.keys
    entries = [entry for task in several for entry in task.part or ()]
    return replace(
        several[0],
        keys=tuple([key for task in several for key in task.keys]),
        work=work,
        part=(*entries, tuple(places)),
        needs=tuple(numbers),
        place=shown_pieces([piece for entry in entries if isinstance(entry, tuple) for piece in entry]),
        weight=sum([task.weight for task in several]),
    )


def work_of_one(work: Work) -> Work:
    """Return what a task does with each of its partitions."""
    return work.work if isinstance(work, EachInTurn) else work


def tasks_alone(task: Task) -> Iterator[Task]:
    """Yield the tasks that one task does, as they would be if each were alone; itself if it does no other."""
    if not isinstance(task.work, EachInTurn):
        yield task
        return
    width, before = task.work.width, 0
    for part, places in one_by_one(task.part):
        keys = task.keys[before : before + width]
        needs = [task.needs[place] if place >= 0 else task.keys[before + place] for place in places]
        yield replace(task, keys=keys, work=task.work.work, part=part, needs=tuple(needs))
        before += width


def steps_in_turn(task: Task) -> Step | None:
    """Return the steps that a task runs for one partition after the other, if it has one value of all."""
    work = task.work
    if isinstance(work, Chain):
        return work.step if work.in_turn else None
    return work.trunk if works.has_made(work, "Several") and work.in_turn else None


def parts_of(task: Task) -> Sequence[Any]:
    """Return an entry for each leaf of the task's steps that takes one, and what else it is given."""
    if steps_in_turn(task) is not None:
        return by_leaf(task.part)
    return task.part if isinstance(task.part, (tuple, list)) else ()


def by_leaf(part: Sequence[object]) -> list[object]:
    """Return the part of a task that has several partitions as if it had one: an entry for each leaf of its step.

    >>> by_leaf((("a",), 2, ("b", "c"), 3, ((0, 1), (2, 3, 4))))
    [('a', 'b', 'c'), 5]
    """
    return [_sum(entries) for entries in zip(*[own for own, _ in one_by_one(part)], strict=True)]


def _sum(entries: Sequence[object]) -> object:
    if isinstance(entries[0], int):
        return sum(entries)  # type: ignore[arg-type]  # all of them are
    return tuple([piece for pieces in entries for piece in pieces])  # type: ignore[attr-defined]  # tuples of pieces


def needs_of(task: Task) -> Sequence[Key]:
    """Return what a task needs in the order in which the leaves of its steps take it, as `parts_of` has their parts."""
    step = steps_in_turn(task)
    if step is None:
        return task.needs
    leaves = [leaf.op for leaf in _leaves(step)]
    taken: list[list[int]] = [[] for _ in leaves]
    rest: list[int] = []
    for part, places in one_by_one(task.part):
        entries, needs = iter(part), iter(places)
        for found, op in zip(taken, leaves, strict=True):
            entry = 1 if isinstance(op, Value) else next(entries)
            found += islice(needs, entry if isinstance(entry, int) else 0)
        rest += needs
    values = [found[:1] if isinstance(op, Value) else found for found, op in zip(taken, leaves, strict=True)]
    return [task.needs[place] for found in (*values, rest) for place in found]
