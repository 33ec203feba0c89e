"""The physical plan: which tasks run which steps, read off the graph that `lower` has made. It runs nothing.

    stage 1, 8 tasks   read_text('logs/*.json.gz') (9.3 GB) -> parse_json(value: name) -> frequencies
    stage 2, 1 task    combine frequencies of stage 1 -> topk(10, key=1)

A stage is the tasks that do the same work. What follows `->` works on what stands before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from bagkit.amounts import bytes_text, how_many
from bagkit.light_classes import dataclass
from bagkit.lower.graph import Graph, Key, Task
from bagkit.lower.in_turn import needs_of, parts_of, tasks_alone, work_of_one
from bagkit.ops.elementwise import ParseJson
from bagkit.plan.kinds import Exchange, MemorySource, SampledExchange, Source
from bagkit.visible import visible
from bagkit.work.chain import Chain
from bagkit.work.several import End, Several, Written
from bagkit.work.steps import Collecting, Finish, Into, Joined, Step, TaskRecords, Value
from bagkit.work.works import AllWritten, Split, WithLast, Write

WIDTH = 110
"""Of a line; a stage with more steps goes on in the next."""
MOST_LINES = 4
"""Of one stage."""
SHOWN_FIRST, SHOWN_LAST = 40, 10
"""How many stages of a long plan are shown: a loop can make thousands."""
LONG_FILE = 1 << 21
"""Of bytes: what could be read by two."""
MOST_INPUTS = 6
"""Inputs of a step, or stages that it takes values of, that are written out."""


@dataclass(frozen=True, slots=True)
class StageStep:
    """A step of a stage."""

    label: str
    """The op, as the plan shows it."""
    verb: str = ""
    """What is done of the op here, where that is not all of it: combine, split for."""
    inputs: tuple[int, ...] = ()
    """The numbers of the steps that it works on, all before it."""
    stages: tuple[int, ...] = ()
    """The numbers of the stages whose values it takes."""
    nbytes: int = 0
    """Of the files that it reads in all tasks."""
    parses: int | None = None
    """How many fields of a record it parses, if it does not parse all."""
    limit: str = ""
    """Why it is done in fewer tasks than could run at a time: `one reader of one xz file`."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        limit = f", {self.limit}" if self.limit else ""
        size = f" ({bytes_text(self.nbytes)}{limit})" if self.nbytes else ""
        return f"{self.verb} {self.label}".strip() + _of_stages(self.stages) + size


@dataclass(frozen=True, slots=True)
class Stage:
    """Tasks that run the same steps; the steps are in the order in which tasks run them, inputs first."""

    number: int
    tasks: int
    steps: tuple[StageStep, ...]
    keys: frozenset[Key]
    """The first key of each task: what events of a run name it by."""
    last: int = 0
    """If this stage stands for several alike, the number of the last of them."""

    def steps_of(self, labels: Sequence[str]) -> tuple[StageStep, ...]:
        """Return the step for each of the `labels` that its tasks tell figures of: one after the other, if unsure."""
        steps = [step for step in self.steps if step.label != "records" or step.label in labels]
        if [step.label for step in steps] == list(labels):
            return tuple(steps)
        return tuple([StageStep(label, inputs=(n - 1,) if n else ()) for n, label in enumerate(labels)])

    def lines(self, width: int = WIDTH) -> list[str]:
        """Return what its tasks do, in lines of about `width` characters."""
        used = {number for step in self.steps for number in step.inputs}
        ends = [number for number in range(len(self.steps)) if number not in used]
        lines: list[str] = []
        for piece in _pieces(self.steps, ends):
            if lines and len(lines[-1]) + len(piece) < width:
                lines[-1] += piece
            else:
                lines.append(piece.lstrip() if not lines else "  " + piece.lstrip())
        lines = [line.rstrip() for line in lines]
        left_out = len(lines) - MOST_LINES
        return lines if left_out < 1 else [*lines[: MOST_LINES - 1], "  …", lines[-1]]


def stages_text(stages: Sequence[Stage]) -> str:
    """Return the text of all stages."""
    if len(stages) > SHOWN_FIRST + SHOWN_LAST + 1:
        shown, rest = stages[:SHOWN_FIRST], stages[-SHOWN_LAST:]
    else:
        shown, rest = stages, ()
    indent = max([len(_head(stage)) for stage in (*shown, *rest)], default=0) + 3

    def lines(some: Iterable[Stage]) -> Iterator[str]:
        for stage in some:
            yield from stage_lines(stage, indent)

    between = [f"… {len(stages) - len(shown) - len(rest):,} more stages …"] if rest else []
    return "\n".join([*lines(shown), *between, *lines(rest)])


def stage_lines(stage: Stage, indent: int = 0) -> Iterator[str]:
    """Yield the lines of one stage: its number and its tasks, and behind these, from `indent` on, what they do."""
    head = _head(stage)
    indent = indent or len(head) + 3
    for first, line in zip([head, *[""] * MOST_LINES], stage.lines(), strict=False):
        yield f"{first:{indent}}{visible(line)}"


def _head(stage: Stage) -> str:
    numbers = f"stages {stage.number} to {stage.last}" if stage.last else f"stage {stage.number}"
    return f"{numbers}, {how_many(stage.tasks, 'task')}"


def _pieces(steps: Sequence[StageStep], ends: Sequence[int]) -> Iterator[str]:
    """Yield the text of steps that lead to `ends`, in pieces between which a line can end."""
    shared = _shared(steps, ends)
    if shared is not None:
        yield from _path(steps, shared, None)
    branches = ["".join(_path(steps, end, shared)).removeprefix(" -> ") for end in ends]
    if len(branches) == 1:
        yield from _path(steps, ends[0], shared)
        return
    yield " -> "
    for number, branch in enumerate(branches):
        yield f"[{branch}]" + (" and " if number < len(branches) - 1 else "")


def _shared(steps: Sequence[StageStep], ends: Sequence[int]) -> int | None:
    """Return the step that all of several `ends` go on from."""
    if len(ends) < 2:
        return None
    paths = [list(_below(steps, end)) for end in ends]
    return next((number for number in paths[0] if all(number in path for path in paths)), None)


def _below(steps: Sequence[StageStep], number: int) -> Iterator[int]:
    yield number
    while steps[number].inputs:
        number = steps[number].inputs[0]
        yield number


def _path(steps: Sequence[StageStep], end: int, behind: int | None) -> Iterator[str]:
    """Yield the texts of the steps from the first, or the one `behind` which it begins, to `end`."""
    path = []
    for number in _below(steps, end):
        if number == behind:
            break
        path.append(number)
    for number in reversed(path):
        step = steps[number]
        others = [f"[{_beside(steps, other, path)}]" for other in step.inputs[1:]]
        found = [_times(text, len(list(same))) for text, same in groupby(others)]
        if len(found) > MOST_INPUTS:
            found = [*found[: MOST_INPUTS - 1], f"{len(found) - MOST_INPUTS + 1} more"]
        text = step.text + (f" with {', '.join(found)}" if found else "")
        yield text if number == path[-1] and behind is None else f" -> {text}"


def _beside(steps: Sequence[StageStep], other: int, path: Sequence[int]) -> str:
    """Return the text of the steps to `other`, from where they leave `path` on."""
    behind = next((number for number in _below(steps, other) if number in path), None)
    return "".join(_path(steps, other, behind)).removeprefix(" -> ") or "the same"


def _times(text: str, count: int) -> str:
    return text if count == 1 else f"{count:,} times {text}"


def stages_of(graph: Graph, workers: int = 1) -> tuple[Stage, ...]:
    """Return the stages of `graph`, numbered from 1 in the order of their first tasks; `workers` run at a time."""
    stages = _tasks_by_work(graph)
    numbers = {key: number for number, tasks in enumerate(stages, 1) for task in tasks for key in task.keys}
    return tuple(
        Stage(
            number,
            len(tasks),
            tuple(_Reading(tasks, number, numbers, workers).steps()),
            frozenset(task.keys[0] for task in tasks),
        )
        for number, tasks in enumerate(stages, 1)
    )


def _tasks_by_work(graph: Graph) -> list[list[Task]]:
    stages: dict[int, list[Task]] = {}
    for task in graph.tasks:
        stages.setdefault(id(work_of_one(task.work)), []).append(task)
    return list(stages.values())


def alike(graph: Graph) -> list[list[Task]]:
    """Return the tasks of each stage of `graph`; of stages that follow each other and do alike together."""
    groups = groupby(_tasks_by_work(graph), key=lambda tasks: (type(work_of_one(tasks[0].work)), tasks[0].label))
    return [[task for tasks in same for task in tasks] for _, same in groups]


def stages_alike(graph: Graph) -> list[Stage]:
    """Return the stages of `graph`, with one for several that follow each other and do alike."""
    every = {key: stage for stage in stages_of(graph) for key in stage.keys}
    found: list[Stage] = []
    for tasks in alike(graph):
        first, last = every[tasks[0].keys[0]], every[tasks[-1].keys[0]]
        same = {id(stage): stage for stage in (every[task.keys[0]] for task in tasks)}
        keys = frozenset([task.keys[0] for task in tasks])
        steps = tuple(
            [
                replace(steps[0], nbytes=sum(step.nbytes for step in steps))
                for steps in zip(*[stage.steps for stage in same.values()], strict=False)
            ]
        )
        found.append(Stage(first.number, len(tasks), steps, keys, last.number if last is not first else 0))
    return found


class _Reading:
    """Reads the steps of one stage off its tasks; mutable, of one call."""

    def __init__(self, tasks: Sequence[Task], number: int, numbers: dict[Key, int], workers: int) -> None:
        self._count = len(tasks)
        self._tasks = tasks = [one for task in tasks for one in tasks_alone(task)]
        self._workers = workers
        self._number = number
        self._numbers = numbers
        self._parts = [iter(parts_of(task)) for task in tasks]
        self._needs = [iter(needs_of(task)) for task in tasks]
        self._steps: list[StageStep] = []
        self._shared: dict[int, int] = {}
        """The number of the step that several go on from, by its id: it is run once."""

    def steps(self) -> list[StageStep]:
        """Return the steps."""
        work: Any = self._tasks[0].work
        if isinstance(work, Chain):
            self._take(work.step, work.into)
        elif isinstance(work, (Split, WithLast, Write)):
            last = self._take(work.chain.step, None)
            if isinstance(work, Write):
                self._add(StageStep(work.sink.label, inputs=(last,)))
            elif isinstance(work, Split):
                self._add(StageStep("parts", "cut into", inputs=(last,)))
        elif isinstance(work, Several):
            self._go_through(work.trunk, *work.steps)
            for end in work.ends:
                self._end(end)
        else:
            stages = self._stages(key for task in self._tasks for key in task.needs)
            for number, label in enumerate(self._tasks[0].label.split(" → ")):  # calls that are one task
                self._add(StageStep(label, inputs=(number - 1,) if number else (), stages=() if number else stages))
        return self._steps

    def _take(self, step: Step, into: Into | None) -> int:
        last = self._step(step)
        if into is None:
            return last
        sampled, split = isinstance(into.op, SampledExchange), isinstance(into.op, Exchange)
        verb = "sample for" if sampled else "split for" if split else ""
        return self._add(StageStep(into.label, verb, (last,)))

    def _go_through(self, *steps: Step) -> None:
        """Add steps that others go on from: each is run once."""
        for step in steps:
            self._shared[id(step)] = self._step(step)

    def _end(self, end: End) -> None:
        if isinstance(end.to, Into):
            self._take(end.step, end.to)
        else:
            label = end.to.sink.label if isinstance(end.to, Written) else "records"
            self._add(StageStep(label, inputs=(self._step(end.step),)))

    def _add(self, step: StageStep) -> int:
        self._steps.append(step)
        return len(self._steps) - 1

    def _step(self, step: Step) -> int:
        if id(step) in self._shared:
            return self._shared[id(step)]
        if isinstance(step.op, Joined):
            self._go_through(*step.inputs)
            return self._shared[id(step.inputs[-1])]
        if isinstance(step.op, AllWritten):
            files = self._taken([len(step.inputs)] * len(self._tasks))
            return self._add(StageStep(step.op.label, "finish", stages=files))
        inputs = tuple([self._step(child) for child in step.inputs])
        if not inputs:
            return self._add(self._leaf(step))
        parses = step.op.parses if step.parser is not None and isinstance(step.op, ParseJson) else None
        return self._add(StageStep(step.op.label, inputs=inputs, parses=parses))

    def _leaf(self, step: Step) -> StageStep:
        op = step.op
        if isinstance(op, Source):
            pieces = [piece for part in self._parts for piece in next(part)]
            if isinstance(op, MemorySource):
                return StageStep(op.label)
            limit = readers(pieces) if self._count < self._workers else ""
            return StageStep(op.label, nbytes=sum(piece.weight for piece in pieces), limit=limit)
        if isinstance(op, Value):
            return StageStep("value", stages=self._taken([1] * len(self._tasks)))
        if isinstance(op, (TaskRecords, Finish, Collecting)):
            verb = "records of" if isinstance(op, TaskRecords) else "combine" if isinstance(op, Finish) else "collect"
            return StageStep(op.label, verb, stages=self._taken([next(part) for part in self._parts]))
        return StageStep(op.label)

    def _taken(self, counts: Sequence[int]) -> tuple[int, ...]:
        """Return the stages of as many further needs of each task as `counts` says."""
        return self._stages(next(needs) for needs, count in zip(self._needs, counts, strict=True) for _ in range(count))

    def _stages(self, keys: Iterable[Key]) -> tuple[int, ...]:
        return tuple(sorted({self._numbers[key] for key in keys} - {self._number}))


def readers(pieces: Sequence[Any]) -> str:
    """Return who reads files that are long and not cut, for people: `one reader of one xz file`; "" for others."""
    files = [piece for piece in pieces if hasattr(piece, "compression")]  # databases and entries of caches have none
    paths, kinds = {piece.path for piece in files}, {piece.compression or "plain" for piece in files}
    if len(files) != len(paths) or any(piece.weight < LONG_FILE for piece in files) or len(kinds) != 1:
        return ""
    return "one reader of " + (
        f"one {kinds.pop()} file" if len(paths) == 1 else f"each of {len(paths)} {kinds.pop()} files"
    )


def _of_stages(numbers: Sequence[int]) -> str:
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f" of stage {numbers[0]}"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f" of stages {numbers[0]} to {numbers[-1]}"
    shown = list(map(str, numbers[:MOST_INPUTS]))
    if len(numbers) > MOST_INPUTS:
        return f" of stages {', '.join(shown)} and {len(numbers) - MOST_INPUTS} more"
    return f" of stages {', '.join(shown[:-1])} and {shown[-1]}"
