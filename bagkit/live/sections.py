"""The page of runs as HTML, and its parts. Each is made of what is recorded, and needs no script to be read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from bagkit.amounts import bytes_text, how_many, seconds_text
from bagkit.errors import PlanError
from bagkit.html.style import shown
from bagkit.live.charts import color_of, memory_svg, stages_svg, stream_svg

if TYPE_CHECKING:
    from bagkit.live.recorder import RunRecorder
    from bagkit.live.runs import RunRecord, StageRecord, StepSum

IDS = ("ended", "runs", "run", "stages", "steps", "counted", "stream", "workers", "memory", "failures", "said")
"""The parts of the page, in their order."""
MOST_ROWS = 200
"""Of the table of steps."""


@cache
def page_file(name: str) -> str:
    """Return the text of one of the files beside this one."""
    return files("bagkit.live").joinpath(name).read_text("utf-8")


def live_page(parts: Mapping[str, str]) -> str:
    """Return the page that a browser gets, which goes on with the server's events."""
    style, script = '<link rel="stylesheet" href="page.css">', '<script src="page.js"></script>'
    inside = "\n".join(f'<section id="{name}">{parts.get(name, "")}</section>' for name in IDS)
    return _page(style, script, inside)


def whole_page(style: str, content: str) -> str:
    """Return a page in one piece, which asks nobody for anything and runs no script."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>\n{style}</style>'
    return _page(head, "", content)


def _page(style: str, script: str, content: str) -> str:
    first, _, rest = page_file("page.html").partition("<!--sections-->")
    first = first.replace("<!--style-->", style).replace("<!--link-->", "")
    return first + content + rest.replace("<!--script-->", script)


def sections(recorder: RunRecorder, wanted: int | None = None) -> dict[str, str]:
    """Return the parts of the page by their ids: all runs, and one of them, the last if none is `wanted`.

    The caller holds the recorder's lock.
    """
    runs = list(recorder.runs)
    run = next((run for run in runs if run.number == wanted), None) if wanted is not None else _newest(runs)
    parts = {"runs": table_of(recorder, run)}
    if run is None:
        said = "This run is not known any more." if wanted is not None else "Nothing has run yet."
        return {**parts, "run": f'<p class="quiet">{said}</p>'}
    return {**parts, **of_run(recorder, run)}


def of_run(recorder: RunRecorder, run: RunRecord) -> dict[str, str]:
    """Return the parts of the page that tell of one run."""
    until = time.time() if run.ended is None else run.ended
    return {
        "run": _summary(run),
        "stages": _titled("Stages", _stages(run)),
        "steps": _titled("Steps", _steps(run)),
        "counted": _titled("Counted", _counted(run)),
        "stream": _titled("Workers over time", stream_svg(run)),
        "workers": _titled("Workers", _workers(recorder, run)),
        "memory": _titled("Memory", memory_svg(recorder.samples.all, run.started, until)),
        "failures": _titled("Failures", _failures(run)),
        "said": _titled("What workers say", _said(run)),
    }


def _newest(runs: list[RunRecord]) -> RunRecord | None:
    """Return the last run that goes on, or else the last of all."""
    return max(runs, key=lambda run: (run.ended is None and not run.is_client, run.number), default=None)


def _titled(title: str, content: str) -> str:
    return f"<h2>{title}</h2>{content}" if content else ""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], name: str) -> str:
    cells = "".join(f"<th>{each}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{name}"><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>' if body else ""


def _and_more(left: int, what: str = "more") -> str:
    """Return a line on what is not shown; nothing if all is."""
    return f'<p class="quiet">and {left:,} {what}</p>' if left > 0 else ""


def _meter(part: float) -> str:
    return f'<progress max="1" value="{part:.4f}"></progress>'


def _state(run: RunRecord) -> str:
    if run.ended is None:
        return "open" if run.is_client else "running"
    return "done" if run.ok else "failed"


def _name(run: RunRecord) -> str:
    if run.is_client:
        return "calls of a client"
    texts = [stage.text for stage in run.stages]
    if len(texts) < 2:
        return shown("".join(texts), 100)
    return f"{shown(texts[0], 64)}{' → ' if len(texts) == 2 else ' → … → '}{shown(texts[-1], 36)}"


def table_of(recorder: RunRecorder, current: RunRecord | None, *, links: bool = True) -> str:
    """Return the table of all runs, in which one is marked."""

    def row(run: RunRecord) -> Iterator[str]:
        number = f"<b>{run.number}</b>" if run is current else str(run.number)
        yield f'<a href="?run={run.number}">{number}</a>' if links else number
        yield _name(run)
        state = _state(run)
        yield f'<span class="{state}">{state}</span>'
        yield _meter(run.part)
        yield f"{run.tasks_done:,} / {run.tasks:,}"
        yield seconds_text(run.seconds)
        yield f"{run.failures:,}" if run.failures else ""

    head = ("run", "what", "state", "", "tasks", "time", "failures")
    table = _table(head, map(row, reversed(recorder.runs)), "runs")
    return table + _and_more(recorder.forgotten, "runs before these")


def _summary(run: RunRecord) -> str:
    state = _state(run)
    words = [f"{run.tasks_done:,} of {run.tasks:,} tasks"]
    if run.weight:
        words.append(f"{bytes_text(run.bytes_read)} of {bytes_text(max(run.weight, run.bytes_read))}")
    words.append(seconds_text(run.seconds))
    if run.ended is None and 0 < run.part < 1 and not run.is_client:
        words.append(f"about {seconds_text(run.seconds / run.part * (1 - run.part))} left")
    words.append(shown(f"{run.scheduler}, {run.workers} worker{'s' * (run.workers != 1)}"))
    if run.skipped:
        words.append(f"{how_many(run.skipped, 'record')} skipped")
    if run.workers_lost:
        words.append(f"{how_many(run.workers_lost, 'worker')} lost")
    head = f'<h2>Run {run.number} <span class="{state}">{state}</span></h2>'
    return f"{head}<p>{_meter(run.part)} {run.part:.0%} · {' · '.join(words)}</p>"


def _stages(run: RunRecord) -> str:
    try:
        return stages_svg(run) if run.stages else ""
    except PlanError:  # too many lines for a picture
        return '<p class="quiet">There are too many arrows between the stages for a picture.</p>'


def _steps(run: RunRecord) -> str:
    total = sum(step.seconds for stage in run.stages for step in stage.steps)
    rows = [_step_row(stage, step, total) for stage in run.stages for step in stage.steps]
    head = ("stage", "step", "records in", "records out", "time", "µs a record", "share of time", "read")
    return _table(head, rows[:MOST_ROWS], "steps") + _and_more(len(rows) - MOST_ROWS, "more steps")


def _step_row(stage: StageRecord, step: StepSum, total: float) -> Iterator[str]:
    records = step.records_in or step.records_out
    share = step.seconds / total if total else 0.0
    square = f'<rect width="10" height="10" fill="{color_of(stage.number)}"/>'
    yield f'<svg width="10" height="10">{square}</svg> {stage.number}'
    careful = ""
    if step.careful:
        careful = f' <span class="quiet">{step.careful:,} one by one: {shown(step.why)}</span>'
    yield f"<code>{shown(step.label)}</code>{careful}"
    yield f"{step.records_in:,}" if step.records_in else ""
    yield f"{step.records_out:,}" if step.records_out else ""
    yield seconds_text(step.seconds)
    yield f"{step.seconds / records * 1e6:,.2f}" if records else ""
    yield f"{_meter(share)} {share:.0%}"
    yield bytes_text(step.bytes_read) if step.bytes_read else ""


def _counted(run: RunRecord) -> str:
    found = [(step, reason, count) for stage in run.stages for step in stage.steps
             for reason, count in step.reasons.most_first().items()]  # fmt: skip
    found.sort(key=lambda each: -each[2])
    rows = [(f"{count:,}", shown(reason), _code(step.label)) for step, reason, count in found[:MOST_ROWS]]
    table = _table(("count", "reason", "in"), rows, "counted")
    return table + _and_more(len(found) - MOST_ROWS, "more reasons")


def _workers(recorder: RunRecorder, run: RunRecord) -> str:
    sample = recorder.samples.all[-1] if recorder.samples.all else None

    def row(worker: int) -> Iterator[str]:
        spans = run.lanes[worker].spans if worker in run.lanes else []
        busy = sum(span.busy for span in spans)
        yield str(worker)
        yield f"{sum(span.tasks for span in spans):,}"
        yield f"{seconds_text(busy)} ({min(1.0, busy / run.seconds) if run.seconds else 0.0:.0%})"
        stage, since, _ = run.busy.get(worker, (0, 0.0, None))
        text = shown(run.stages[stage - 1].text, 80) if stage else ""
        yield f"stage {stage}, <code>{text}</code>, {seconds_text(time.time() - since)}" if stage else ""
        yield bytes_text(sample.workers[worker]) if sample and worker in sample.workers else ""

    head = ("worker", "tasks", "busy", "runs now", "memory now")
    table = _table(head, map(row, sorted({*run.lanes, *run.busy} - {-1})), "workers")
    if sample is None or not table:
        return table
    return table + f"<p>this process {bytes_text(sample.own)}, on disk {bytes_text(sample.spilled)}</p>"


def _failures(run: RunRecord) -> str:
    rows = [(shown(each.error), _code(each.operation), shown(each.place), _code(each.record)) for each in run.troubles]
    table = _table(("error", "in", "at", "record"), rows, "failures")
    return table + (_and_more(run.failures - len(rows)) if rows else "")


def _code(text: str) -> str:
    return f"<code>{shown(text)}</code>"


def _said(run: RunRecord) -> str:
    lines = "".join(
        f'<span class="quiet">worker {worker} {shown(kind, 20)}</span> {shown(line, 500)}\n'
        for worker, kind, text in run.said
        for line in text.splitlines()
    )
    return f'<pre class="said">{lines}</pre>' if lines else ""
