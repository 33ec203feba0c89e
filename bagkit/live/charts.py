"""What is drawn of a run, as SVG: its stages, what its workers did when, their memory. No styles, ids or scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bagkit.amounts import bytes_text, seconds_text
from bagkit.diagnostics.layout import lay_out
from bagkit.html.style import shown

if TYPE_CHECKING:
    from bagkit.live.machine import Measurement
    from bagkit.live.runs import RunRecord, StageRecord

PALETTE = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#ff9da7", "#9c755f", "#86bcb6", "#d37295")
WIDTH = 1000.0
LABELS = 110.0
"""Left of what is drawn over time."""
LANE = 18.0
MOST_LANES = 64
MOST_BOXES = 60
"""Stages that are drawn."""
BOX = (230.0, 46.0)


def _svg(width: float, height: float, parts: Sequence[str], label: str) -> str:
    w, h = f"{width:.0f}", f"{height:.0f}"
    head = f'<svg viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{label}">'
    return "".join([head, *parts, "</svg>"])


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 11) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" class="ink">{text}</text>'


def _box(x: float, y: float, width: float, height: float, look: str, title: str = "") -> str:
    place = f'x="{x:.2f}" y="{y:.2f}" width="{max(width, 0.0):.2f}" height="{height:.2f}"'
    return f"<rect {place} {look}><title>{title}</title></rect>" if title else f"<rect {place} {look}/>"


def color_of(stage: int) -> str:
    """Return the colour of a stage, in all that is drawn of a run."""
    return PALETTE[(stage - 1) % len(PALETTE)]


def stages_svg(run: RunRecord) -> str:
    """Return the stages of a run as boxes that fill up; arrows lead to the stages that take their values."""
    stages = run.stages[:MOST_BOXES]
    known = {stage.number: place for place, stage in enumerate(stages)}
    edges = [(known[need], known[stage.number]) for stage in stages for need in stage.needs if need in known]
    # It goes from left to right, and the layout from top to bottom.
    layout = lay_out([(BOX[1], BOX[0]) for _ in stages], edges)
    parts: list[str] = []
    for route in layout.routes:
        points = " ".join(f"{y + 4:.1f},{x + 4:.1f}" for x, y in route)
        parts.append(f'<polyline points="{points}" fill="none" class="edge"/>')
    for stage, (y, x) in zip(stages, layout.centres, strict=True):
        parts += _stage_box(stage, x - BOX[0] / 2 + 4, y - BOX[1] / 2 + 4)
    drawn = _svg(layout.height + 8, layout.width + 8, parts, "stages")
    left = len(run.stages) - len(stages)
    return drawn + (f"<p>and {left:,} more stages</p>" if left else "")


def _stage_box(stage: StageRecord, x: float, y: float) -> Iterator[str]:
    width, height = BOX
    part = min(1.0, stage.done / stage.tasks) if stage.tasks else 0.0
    yield "<g>"
    yield f"<title>{shown(stage.text, 1000)}</title>"
    yield _box(x, y, width, height, 'rx="5" class="box"')
    yield _box(x, y, width * part, height, f'rx="5" fill="{color_of(stage.number)}" fill-opacity="0.35"')
    if stage.failed:
        yield _box(x, y, width, height, 'rx="5" class="failed"')
    yield _text(x + 8, y + 18, shown(f"{stage.number}. {stage.text}", 36))
    said = f"{stage.done:,} of {stage.tasks:,} tasks"
    said += f", {stage.running:,} running" if stage.running else ""
    said += f", {stage.failed:,} failed" if stage.failed else ""
    yield _text(x + 8, y + 36, said)
    yield "</g>"


def stream_svg(run: RunRecord) -> str:
    """Return what each worker did when: a line a worker, a colour a stage. What is short is drawn together."""
    lanes = sorted(run.lanes.items())[:MOST_LANES]
    if not lanes:
        return ""
    seconds = max(run.seconds, 1e-6)
    scale = (WIDTH - LABELS) / seconds
    parts: list[str] = []
    for place, (worker, lane) in enumerate(lanes):
        y = place * LANE
        parts.append(_text(LABELS - 8, y + 13, f"worker {worker}", "end"))
        parts.append(_box(LABELS, y + 2, WIDTH - LABELS, LANE - 4, 'class="lane"'))
        for span in lane.spans:
            start, length = max(span.start - run.started, 0.0), max(span.stop - span.start, 0.0)
            busy = min(1.0, max(0.15, span.busy / length if length else 1.0))
            stage = run.stages[span.stage - 1]
            title = f"stage {stage.number}, {shown(stage.text, 200)}: {seconds_text(length)}"
            if span.tasks > 1:
                title = f"{span.tasks:,} tasks in {seconds_text(length)}, most of {title.partition(': ')[0]}"
            look = f'fill="{color_of(span.stage)}" fill-opacity="{busy:.2f}"'
            parts.append(_box(LABELS + start * scale, y + 2, max(length * scale, 0.5), LANE - 4, look, title))
    bottom = len(lanes) * LANE
    parts += _time_axis(seconds, bottom)
    more = len(run.lanes) - len(lanes)
    said = f"<p>and {more:,} more workers</p>" if more else ""
    return _svg(WIDTH, bottom + 18, parts, "task stream") + said


def _time_axis(seconds: float, y: float) -> Iterator[str]:
    for place in range(5):
        x = LABELS + (WIDTH - LABELS) * place / 4
        anchor = "start" if place == 0 else "end" if place == 4 else "middle"
        yield _text(x, y + 13, seconds_text(seconds * place / 4) if place else "0", anchor, 10)


def memory_svg(samples: Sequence[Measurement], since: float, until: float) -> str:
    """Return the memory of this process, of its workers, and what waits on disk, over a time."""
    samples = [each for each in samples if since - 1 <= each.time <= until + 1]
    if len(samples) < 2:
        return ""
    workers = sorted({number for sample in samples for number in sample.workers})
    lines = [("this process", [sample.own for sample in samples])]
    lines += [(f"worker {n}", [sample.workers.get(n, 0) for sample in samples]) for n in workers[:MOST_LANES]]
    lines.append(("on disk", [sample.spilled for sample in samples]))
    first, last = samples[0].time, samples[-1].time
    most = max(max(values) for _, values in lines) or 1
    height, scale = 120.0, (WIDTH - LABELS) / max(last - first, 1e-6)
    parts = [_box(LABELS, 0, WIDTH - LABELS, height, 'class="lane"')]
    parts += [_text(LABELS - 8, 11, bytes_text(most), "end"), _text(LABELS - 8, height, "0", "end")]
    for place, (name, values) in enumerate(lines):
        points = " ".join(
            f"{LABELS + (sample.time - first) * scale:.1f},{height - value / most * (height - 4):.1f}"
            for sample, value in zip(samples, values, strict=True)
        )
        dashes = ' stroke-dasharray="5 3"' if name == "on disk" else ""
        color = PALETTE[place % len(PALETTE)]
        title = f"{name}: now {bytes_text(values[-1])}, at most {bytes_text(max(values))}"
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"{dashes}>'
            f"<title>{title}</title></polyline>"
        )
    names = [
        f'<tspan fill="{PALETTE[place % len(PALETTE)]}">{name}</tspan>' for place, (name, _) in enumerate(lines[:9])
    ]
    parts.append(_text(LABELS, height + 16, "  ".join([*names, *(["…"] if len(lines) > 9 else [])])))
    return _svg(WIDTH, height + 22, parts, "memory")
