"""A drawing as SVG: one text, without styles, ids or scripts that would reach the page around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from bagkit.diagnostics.drawing import Drawing, Node, text_width
from bagkit.diagnostics.layout import lay_out

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
FONT_SIZE = 13.0
LABEL_SIZE = 11.0
LINE = 1.35
"""The height of a line of text, in units of the font's size."""
EMPTY_BOX = (28.0, 22.0)
MARGIN = 12.0
ARROW = 7.0
CIRCLE = 44.0

Point = tuple[float, float]


def svg_text(drawing: Drawing) -> str:
    """Return `drawing` as the text of an SVG file."""
    sizes = [_size(node) for node in drawing.nodes]
    labels: list[str] = []
    pairs: list[tuple[int, int]] = []
    arrows: list[bool] = []
    for edge in drawing.edges:
        source = edge.source
        if edge.label:  # a node that the edge passes, so that it has room of its own
            pairs.append((source, len(sizes)))
            arrows.append(False)
            source = len(sizes)
            labels.append(edge.label)
            sizes.append((text_width(edge.label) * LABEL_SIZE + 8, LABEL_SIZE * 1.5))
        pairs.append((source, edge.target))
        arrows.append(True)
    sideways = drawing.rankdir in ("LR", "RL")
    layout = lay_out([(b, a) for a, b in sizes] if sideways else sizes, pairs, len(labels))
    turned = Turned(drawing.rankdir, layout.height)
    width, height = (layout.height, layout.width) if sideways else (layout.width, layout.height)
    parts = list(_head(width + 2 * MARGIN, height + 2 * MARGIN))
    for route, arrow in zip(layout.routes, arrows, strict=True):
        parts.extend(_edge([turned(point) for point in route], arrow, sideways))
    centres = [turned(point) for point in layout.centres]
    for node, centre, size in zip(drawing.nodes, centres, sizes, strict=False):
        parts.extend(_node(node, centre, size))
    first = len(drawing.nodes)
    for label, centre, size in zip(labels, centres[first:], sizes[first:], strict=True):
        parts.append(_rectangle(centre, size, 'fill="#ffffff"'))
        parts.append(_line(label, centre, LABEL_SIZE, "#555555"))
    return "\n".join([*parts, "</svg>", ""])


class Turned:
    """Turns the points of a layout, which goes from top to bottom, into points of a picture."""

    def __init__(self, rankdir: str, length: float) -> None:
        self._sideways = rankdir in ("LR", "RL")
        self._back = rankdir in ("BT", "RL")
        self._length = length

    def __call__(self, point: Point) -> Point:
        across, along = point[0] + MARGIN, (self._length - point[1] if self._back else point[1]) + MARGIN
        return (along, across) if self._sideways else (across, along)


def _size(node: Node) -> Point:
    lines = node.shown
    if not any(lines):
        return EMPTY_BOX
    width = max(map(text_width, lines), default=0.0) * FONT_SIZE
    height = len(lines) * FONT_SIZE * LINE
    if node.shape == "function":
        # The corners of the text have to be inside the ellipse.
        height = max(CIRCLE, height * 1.7)
        inside = (1 - (len(lines) * FONT_SIZE / height) ** 2) ** 0.5
        return max(height, width / inside + 14), height
    return max(width + 24, 36), height + 14


def _head(width: float, height: float) -> Iterator[str]:
    w, h = f"{width:.0f}", f"{height:.0f}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
        f'font-family="{FONT}" text-anchor="middle">'
    )
    yield f'<rect width="{w}" height="{h}" fill="#ffffff"/>'


def _node(node: Node, centre: Point, size: Point) -> Iterator[str]:
    yield f"<g><title>{_escaped(chr(10).join(node.lines))}</title>"
    look = f'fill="{node.fill}" stroke="#444444"'
    if node.shape == "function":
        yield (
            f'<ellipse cx="{centre[0]:.1f}" cy="{centre[1]:.1f}" rx="{size[0] / 2:.1f}" ry="{size[1] / 2:.1f}" {look}/>'
        )
    else:
        yield _rectangle(centre, size, f'rx="9" {look}' if node.shape == "chain" else look)
    lines = node.shown if any(node.lines) else ()
    for n, line in enumerate(lines):
        yield _line(line, (centre[0], centre[1] + (n - (len(lines) - 1) / 2) * FONT_SIZE * LINE), FONT_SIZE, "#000000")
    yield "</g>"


def _rectangle(centre: Point, size: Point, look: str) -> str:
    x, y = centre[0] - size[0] / 2, centre[1] - size[1] / 2
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" {look}/>'


def _line(text: str, centre: Point, size: float, colour: str) -> str:
    # Not dominant-baseline, which some of those that draw SVG do not know.
    place = f'x="{centre[0]:.1f}" y="{centre[1] + size * 0.35:.1f}"'
    return f'<text {place} font-size="{size:g}" fill="{colour}">{_escaped(text)}</text>'


def _edge(route: Sequence[Point], arrow: bool, sideways: bool) -> Iterator[str]:
    """Yield the curve through the points of `route`, straight at each of them, and the arrow at its end."""
    *_, before, (x, y) = route
    along = 0 if sideways else 1
    back = ARROW if before[along] > (x, y)[along] else -ARROW
    tip = (x, y)
    if arrow:
        route = [*route[:-1], (x + back, y) if sideways else (x, y + back)]
    path = [f"M{_at(route[0])}"]
    for one, other in pairwise(route):
        if one[1 - along] == other[1 - along]:
            path.append(f"L{_at(other)}")
            continue
        half = (one[along] + other[along]) / 2
        bends = [(half, one[1]), (half, other[1])] if sideways else [(one[0], half), (other[0], half)]
        path.append(f"C{_at(bends[0])} {_at(bends[1])} {_at(other)}")
    yield f'<path d="{" ".join(path)}" fill="none" stroke="#777777"/>'
    if arrow:
        wide = ARROW * 0.45
        corners = (
            [(x + back, y - wide), (x + back, y + wide)] if sideways else [(x - wide, y + back), (x + wide, y + back)]
        )
        yield f'<polygon points="{" ".join(map(_at, (tip, *corners)))}" fill="#777777"/>'


def _at(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _escaped(text: str) -> str:
    return escape(text, quote=True)
