"""Records of several bags side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from bagkit.flow.blocks import Block, made_of
from bagkit.flow.report import Figures
from bagkit.plan.kinds import Op, Pairing
from bagkit.work.elementwise import Row
from bagkit.work.failing import Failing


class Rows:
    """Cuts blocks of several bags to the same lengths; what one has more than the others waits. Mutable, of one run."""

    def __init__(self, op: Pairing, failing: Failing, figures: Figures) -> None:
        self._figures = figures
        self._op = op
        self._failing = failing
        self._waiting: list[deque[Block]] = [deque() for _ in range(op.bags - op.read_first)]

    def of(self, columns: Sequence[Iterator[Block]]) -> Iterator[Row]:
        """Yield rows until one of `columns` has no more, and nothing of it waits."""
        while True:
            for waiting, column in zip(self._waiting, columns, strict=True):
                if not waiting and (block := next(column, None)) is not None:
                    waiting.append(block)
            if not all(self._waiting):
                return
            length = min(len(waiting[0].records) for waiting in self._waiting)
            row = [waiting.popleft() for waiting in self._waiting]
            for waiting, block in zip(self._waiting, row, strict=True):
                if length < len(block.records):
                    waiting.appendleft(block.part(length, len(block.records)))
            parts = [block.part(0, length) for block in row]
            self._figures.taken += length * (len(parts) - 1)  # what is made of each row counts as one
            made = [(made_of(parts[-1], parts[0].records), [part.records for part in parts[1:]])]
            del row, parts, block
            yield made.pop()  # without a hold on it, as in all steps

    def wait(self, columns: Sequence[Iterator[Block]]) -> None:
        """Keep what is left of `columns` for the next rows."""
        for waiting, column in zip(self._waiting, columns, strict=True):
            waiting.extend(column)

    def end(self) -> None:
        """Take note that there is no more; raises ValueError where one bag ends before another."""
        sample = self._failing.report.sample
        if any(self._waiting) and (sample is None or sample.is_whole):
            self._failing.raise_in([self._op], None, _uneven(self._op, self._waiting))


def to_the_end(rows: Rows, columns: Sequence[Iterator[Block]]) -> Iterator[Row]:
    """Yield the rows of whole bags; raises ValueError where one ends before another."""
    yield from rows.of(columns)
    rows.end()


def _uneven(op: Op, waiting: Sequence[deque[Block]]) -> ValueError:
    ended = [not blocks for blocks in waiting]
    short, long = ended.index(True) + 1, ended.index(False) + 1
    return ValueError(
        f"{op.label.partition('(')[0]}: the bags have different numbers of records in a partition; got fewer in bag "
        f"{short} than in bag {long}; expected as many in each; hint: filter, flatten and repartition both or neither "
        "of them"
    )
