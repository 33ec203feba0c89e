"""The physical plan with what was measured: `explain(analyze=...)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bagkit.amounts import how_many
from bagkit.diagnostics.events import StepFigures
from bagkit.diagnostics.standing import by_label
from bagkit.errors import printable
from bagkit.flow.tallies import in_words
from bagkit.visible import visible

WIDEST = 44
"""Characters of a step's name, at the most."""
SHOWN_FIRST, SHOWN_LAST = 40, 10
"""How many stages of a long plan are shown."""
HEADINGS = ("records in", "out", "µs a record", "share")


@dataclass(frozen=True, slots=True)
class Analysed:
    """A stage, and what its tasks did."""

    lines: tuple[str, ...]
    """What it is."""
    tasks: int
    ran: int
    steps: tuple[StepFigures, ...]
    names: tuple[str, ...]
    """What each step does."""
    given: tuple[int, ...]
    """How many records of each step were wanted: a sample counts some more, to know how many there are."""
    times: tuple[float, ...]
    """How many times longer each step takes for everything."""
    at_least: bool
    parsed: tuple[int | None, ...]
    """How many fields each step parses; None if it is no parser, or parses all."""
    reads: str = ""
    """What its first task reads, if that is one file."""

    @property
    def seconds(self) -> list[float]:
        """What each step takes for everything, about."""
        return [step.seconds * times for step, times in zip(self.steps, self.times, strict=True)]


def added_up(tasks: Sequence[tuple[StepFigures, ...]]) -> tuple[StepFigures, ...]:
    """Return what the steps of several tasks of a stage did together; none where tasks told nothing of theirs."""
    told = [steps for steps in tasks if steps]
    return tuple([sum(same[1:], same[0]) for same in zip(*told, strict=False)])


def analysis_text(stages: Sequence[Analysed], workers: int, whole: bool) -> str:
    """Return the text of all stages with their figures, and what limits the run."""
    total = sum(map(sum, (stage.seconds for stage in stages)))
    head = ("", *HEADINGS, "time" if whole else "time for all", "")
    tables = [list(_rows(stage, total, whole)) for stage in stages]
    widths = [max(map(len, column)) for column in zip(head, *[row for table in tables for row in table], strict=True)]
    lines: list[str] = []
    left_out = range(SHOWN_FIRST, len(stages) - SHOWN_LAST)
    for number, (stage, table) in enumerate(zip(stages, tables, strict=True)):
        if number in left_out:
            lines += [f"… {len(left_out):,} more stages …", ""] if number == left_out[0] else []
            continue
        ran = "" if whole else f"in {how_many(stage.ran, 'task')}"
        lines += [*stage.lines, _line((ran, *head[1:]), widths)]
        lines += [_line(row, widths) for row in table] or ["    nothing is known of its steps"]
        lines.append("")
    return "\n".join([*lines, *_summary(stages, total, workers, whole)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers, remark = cells
    shown = [first.ljust(widths[0]), *[cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=False)]]
    return f"    {'   '.join(shown)}   {remark}".rstrip()


def _rows(stage: Analysed, total: float, whole: bool) -> Iterator[tuple[str, ...]]:
    about = "" if whole else "at least " if stage.at_least else "about "
    for number, (step, seconds) in enumerate(zip(stage.steps, stage.seconds, strict=True)):
        records = step.records_in or step.records_out
        yield (
            printable(stage.names[number], WIDEST),
            f"{step.records_in:,}" if step.records_in else "",
            f"{stage.given[number]:,}" if step.records_out else "",
            _microseconds(step.seconds / records) if records else "",
            f"{seconds / total:.0%}" if total else "",
            about + shown_seconds(seconds),
            "; ".join(_remarks(step, stage.parsed[number])),
        )


def _microseconds(seconds: float) -> str:
    amount = seconds * 1e6
    return f"{amount:,.0f}" if amount >= 99.95 else f"{amount:.3g}"


def _remarks(step: StepFigures, parsed: int | None) -> Iterator[str]:
    if step.reads_again:
        yield f"{how_many(step.reads_again, 'read')} again"
    if step.tallies:
        yield in_words(dict(step.tallies))
    if step.fields:
        yield f"{step.fields if parsed is None else parsed} of {step.fields} fields"
    if step.careful:
        share = step.careful / (step.records_in or step.records_out or step.careful)
        yield f"{share:.0%} one by one: {visible(step.why)}"


def _summary(stages: Sequence[Analysed], total: float, workers: int, whole: bool) -> Iterator[str]:
    about = "" if whole else "at least " if any(stage.at_least for stage in stages) else "about "
    times = [sum(stage.seconds) / min(workers, stage.tasks) for stage in stages]
    yield f"{about}{shown_seconds(total)} of work" + (
        f", {about}{shown_seconds(sum(times))} with {workers} workers" if workers > 1 else ""
    )
    if total:
        yield f"limit: {_limit(stages, times, workers)}"


def _limit(stages: Sequence[Analysed], times: Sequence[float], workers: int) -> str:
    slowest = max(range(len(stages)), key=times.__getitem__)
    stage = stages[slowest]
    if stage.tasks < workers and 2 * times[slowest] > sum(times):
        who = f"one reader of {stage.reads}" if stage.reads and stage.tasks == 1 else f"stage {slowest + 1}"
        return f"{who}: {how_many(stage.tasks, 'task')}, where {workers} could run at a time; {_most([stage])}"
    return _most(stages)


def _most(stages: Sequence[Analysed]) -> str:
    seconds = by_label(
        (step.label, own) for stage in stages for step, own in zip(stage.steps, stage.seconds, strict=True)
    )
    label = max(seconds, key=seconds.__getitem__)
    return f"{seconds[label] / sum(seconds.values()):.0%} in {printable(label)}"


def shown_seconds(seconds: float) -> str:
    """Return a time for people.

    >>> shown_seconds(0.00012), shown_seconds(2.34), shown_seconds(100), shown_seconds(9999)
    ('0.12 ms', '2.3 s', '1 min 40 s', '2 h 46 min')
    """
    if seconds < 0.9995:
        return f"{seconds * 1e3:.2g} ms" if seconds < 0.0995 else f"{seconds * 1e3:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"
