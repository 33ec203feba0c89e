"""Where the nodes of a picture go: in layers, each edge from a layer to a later one, with few crossings.

Sugiyama's way: layers by the longest path; edges that pass a layer get a point in it; orders that have few crossings,
by barycentres; then positions as near to the neighbours as may be. All in a picture that goes from top to
bottom; the caller turns it.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bagkit.errors import PlanError

GAP = 18.0
"""The room between neighbours in a layer."""
LAYER_GAP = 34.0
WIDE_GAP = 60.0
"""The most room between layers, where edges go far to the side."""
MOST_POINTS = 30_000
"""How many layers all edges together may pass: with more, the layout takes long and nobody can read it."""
ORDER_SWEEPS = 12
PLACE_SWEEPS = 32
STRAIGHT = 6.0
"""How much more an edge that passes layers insists on being straight."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of nodes, and for each edge the points that it passes: at the top and bottom of each layer."""

    centres: list[tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    width: float
    height: float


def lay_out(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], labels: int = 0) -> Layout:
    """Return where nodes of those `sizes`, (width, height), go; edges are pairs of their numbers, without a circle.

    The last `labels` of them are the labels of edges: parts of a line that had better be straight.
    """
    return Layers(sizes, edges, labels).layout()


class Layers:
    """The layers of one picture; mutable, of the one call that makes them.

    Nodes from `len(sizes)` on are the points of edges that pass a layer.
    """

    def __init__(self, sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], labels: int) -> None:
        self._heights = [height for _, height in sizes]
        self._widths = [width for width, _ in sizes]
        self._real = len(sizes)
        self._bendable = len(sizes) - labels
        """Nodes from here on are parts of an edge."""
        self._ranks = ranks(len(sizes), edges)
        self._above: list[list[int]] = [[] for _ in sizes]
        self._below: list[list[int]] = [[] for _ in sizes]
        passed = sum(self._ranks[target] - self._ranks[source] for source, target in edges)
        if passed > MOST_POINTS:
            raise PlanError(
                f"visualize: too much for a picture; got edges that pass {passed:,} layers, expected {MOST_POINTS:,} "
                "at the most; hint: draw a part, or give a filename that ends in .dot or .mermaid"
            )
        self._paths = [self._path(source, target) for source, target in edges]
        self._layers = self._first_order()
        self._x = [0.0] * len(self._widths)

    def layout(self) -> Layout:
        """Return where everything goes."""
        self._reduce_crossings()
        self._place()
        heights = [max(self._heights[node] for node in layer) for layer in self._layers]
        tops = [0.0]
        for height, gap in zip(heights, self._gaps(), strict=True):
            tops.append(tops[-1] + height + gap)
        left = min((self._x[n] - self._widths[n] / 2 for n in range(len(self._x))), default=0.0)
        right = max((self._x[n] + self._widths[n] / 2 for n in range(len(self._x))), default=0.0)
        centres = [(self._x[n] - left, tops[rank] + heights[rank] / 2) for n, rank in enumerate(self._ranks)]
        routes = []
        for path in self._paths:
            first, *between, last = path
            route = [(centres[first][0], centres[first][1] + self._heights[first] / 2)]
            if self._heights[first] < heights[self._ranks[first]]:
                route.append((centres[first][0], tops[self._ranks[first]] + heights[self._ranks[first]]))
            for node in between:
                top = tops[self._ranks[node]]
                route += [(centres[node][0], top), (centres[node][0], top + heights[self._ranks[node]])]
            if self._heights[last] < heights[self._ranks[last]]:
                route.append((centres[last][0], tops[self._ranks[last]]))
            route.append((centres[last][0], centres[last][1] - self._heights[last] / 2))
            routes.append(route)
        return Layout(centres[: self._real], routes, right - left, tops[-1])

    def _gaps(self) -> list[float]:
        """Return the room below each layer: more where edges go far to the side, none below the last."""
        gaps = []
        for layer in self._layers[:-1]:
            far = max(
                (abs(self._x[node] - self._x[other]) for node in layer for other in self._below[node]), default=0.0
            )
            gaps.append(min(WIDE_GAP, LAYER_GAP + far / 16))
        return [*gaps, 0.0][: len(self._layers)]

    def _path(self, source: int, target: int) -> list[int]:
        """Return the nodes that an edge passes, from `source` to `target`; nodes between them are made."""
        path = [source]
        for rank in range(self._ranks[source] + 1, self._ranks[target]):
            path.append(len(self._ranks))
            self._ranks.append(rank)
            self._heights.append(0.0)
            self._widths.append(4.0)
            self._above.append([])
            self._below.append([])
        path.append(target)
        for one, next_one in pairwise(path):
            self._below[one].append(next_one)
            self._above[next_one].append(one)
        return path

    # Order ----------------------------------------------------------------------------------------------------------

    def _first_order(self) -> list[list[int]]:
        """Return the layers in the order in which a walk up from the last nodes meets them, so that trees are trees."""
        layers: list[list[int]] = [[] for _ in range(max(self._ranks, default=-1) + 1)]
        seen: set[int] = set()
        stack = [node for node in range(self._real) if not self._below[node]][::-1]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                layers[self._ranks[node]].append(node)
                stack.extend(reversed(self._above[node]))
        return layers

    def _reduce_crossings(self) -> None:
        best, fewest = [list(layer) for layer in self._layers], self._crossings()
        for sweep in range(ORDER_SWEEPS):
            if not fewest:
                break
            down = sweep % 2 == 0
            for layer in self._layers if down else reversed(self._layers):
                self._order(layer, self._above if down else self._below)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(layer) for layer in self._layers], crossings
        self._layers = best

    def _order(self, layer: list[int], neighbours: Sequence[Sequence[int]]) -> None:
        """Sort `layer` by the mean place of each node's neighbours; those that have none stay where they are."""
        place = self._places()
        movable = [n for n, node in enumerate(layer) if neighbours[node]]
        mean = {
            layer[n]: sum(place[other] for other in neighbours[layer[n]]) / len(neighbours[layer[n]]) for n in movable
        }
        for n, node in zip(movable, sorted(mean, key=mean.__getitem__), strict=True):
            layer[n] = node

    def _places(self) -> dict[int, int]:
        return {node: n for layer in self._layers for n, node in enumerate(layer)}

    def _crossings(self) -> int:
        place = self._places()
        count = 0
        for layer in self._layers:
            ends: list[int] = []
            for node in layer:
                below = sorted(place[other] for other in self._below[node])
                count += sum(len(ends) - bisect_right(ends, end) for end in below)
                for end in below:
                    insort(ends, end)
        return count

    # Position -------------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        for layer in self._layers:
            self._put(layer, [(0.0, 1.0)] * len(layer))
        for sweep in range(PLACE_SWEEPS):
            # At the end by one side only: each node goes to the middle of those that it comes from.
            both = PLACE_SWEEPS // 2 <= sweep < PLACE_SWEEPS - 2
            down = sweep % 2 == 1
            for layer in self._layers if down else reversed(self._layers):
                self._put(layer, [self._wanted(node, self._neighbours(node, down, both)) for node in layer])

    def _neighbours(self, node: int, down: bool, both: bool) -> list[int]:
        if both:
            return self._above[node] + self._below[node]
        return self._above[node] if down else self._below[node]

    def _wanted(self, node: int, neighbours: Sequence[int]) -> tuple[float, float]:
        """Return where `node` would go, and how much it cares."""
        if not neighbours:
            return self._x[node], 0.1
        weights = [STRAIGHT if node >= self._bendable and other >= self._bendable else 1.0 for other in neighbours]
        total = sum(weights)
        return sum(w * self._x[n] for w, n in zip(weights, neighbours, strict=True)) / total, total

    def _put(self, layer: Sequence[int], wanted: Sequence[tuple[float, float]]) -> None:
        """Put the nodes of `layer`, in their order and apart, where the squares of the distances to `wanted` are least.

        Less the room that those before it need, positions have to rise: so it is an isotonic regression. Neighbours
        that would overlap are pooled, and stand around the mean of what they want.
        """
        offsets = [0.0]
        for one, next_one in pairwise(layer):
            offsets.append(offsets[-1] + (self._widths[one] + self._widths[next_one]) / 2 + GAP)
        pools: list[tuple[float, float, int]] = []  # mean, weight, how many
        for (position, weight), offset in zip(wanted, offsets, strict=True):
            mean, count = position - offset, 1
            while pools and pools[-1][0] > mean:
                other, other_weight, other_count = pools.pop()
                mean = (mean * weight + other * other_weight) / (weight + other_weight)
                weight, count = weight + other_weight, count + other_count
            pools.append((mean, weight, count))
        means = (mean for mean, _, count in pools for _ in range(count))
        for node, mean, offset in zip(layer, means, offsets, strict=True):
            self._x[node] = mean + offset


def ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return for each of `count` nodes its layer: below all that it comes from, and as near to where it goes as may be.

    >>> ranks(4, [(0, 1), (1, 2), (3, 2)])
    [0, 1, 2, 1]
    """
    after: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for source, target in edges:
        after[source].append(target)
        waits[target] += 1
    result, starts = [0] * count, [node for node in range(count) if not waits[node]]
    ready = list(starts)
    while ready:
        node = ready.pop()
        for other in after[node]:
            result[other] = max(result[other], result[node] + 1)
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    for node in starts:
        if after[node]:
            result[node] = min(result[other] for other in after[node]) - 1
    return result
