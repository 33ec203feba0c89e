"""What each partition of a bag is made of: which files, as they were found, or which records.

Two runs of one plan give the same partition if it is made of the same. So this tells what has to be done again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import field, replace
from itertools import accumulate, chain
from typing import Any

from bagkit.io.input.file_source import FileSource
from bagkit.io.input.files import FileInfo
from bagkit.io.input.paths import digest_of
from bagkit.light_classes import dataclass
from bagkit.ops.calls import DelayedCall
from bagkit.plan.caching import Caching
from bagkit.plan.fingerprint import lasting_digest
from bagkit.plan.kinds import Op, Pairing, PerPartition, Regroup, Scan, Source, picked, repartitioned
from bagkit.plan.node import Plan, walk
from bagkit.plan.split_errors import Bad
from bagkit.visible import without_secrets


@dataclass(frozen=True, slots=True)
class InputPart:
    """A file that an output was made of, or the bytes of it from `start` to before `stop`.

    Attributes:
        path: The absolute path, or the URL without what is secret in it.
        size: The size in bytes; None if it was not known.
        mtime_ns: When the file was last changed, in nanoseconds since 1970; None for URLs.
        etag: What an object store knows the content by; None for local files.
        start: The first byte.
        stop: The byte after the last one; None for the file's end.

    >>> import bagkit as bk, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> size = (folder / "a.txt").write_text("one")
    >>> manifest = bk.read_text(folder / "a.txt").to_jsonl(folder / "out", scheduler="sync")
    >>> [part.path == str(folder / "a.txt") for part in manifest.files[0].inputs]
    [True]
    """

    path: str
    size: int | None = None
    mtime_ns: int | None = None
    etag: str | None = None
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What one partition is made of."""

    identity: str
    """A digest that is the same if it is made of the same; never the same where that can't be known."""
    inputs: tuple[InputPart, ...] = field(default=(), repr=False)
    """The files; none where it is made of records in memory, or of all partitions of another bag."""


def parts_made_of(plan: Plan, *, identify: bool = True) -> list[MadeOf]:
    """Return for each partition of `plan` what it is made of; without `identify` only the files."""
    known: dict[Plan, list[MadeOf]] = {}
    looked = _Looked(identify, known)
    for below in walk(plan):
        known[below] = looked.at(below)
    return known[plan]


def operations(plan: Plan) -> list[tuple[str, str]]:
    """Return a name and a digest of each operation of `plan`, the same whatever its partitions are made of."""
    numbers: dict[Plan, int] = {}
    found = []
    for number, each in enumerate(walk(plan)):
        numbers[each] = number
        op: Any = each.op
        name = op.label
        if isinstance(op, FileSource):
            name, op = op.function, replace(op, files=replace(op.files, name="", partitions=(), storage_options={}))
        elif isinstance(op, Source):
            op = op.bare()
        elif isinstance(op, DelayedCall):
            op = op.function, op.args, op.kwargs
        elif isinstance(op, Caching):
            name, op = "cache", None  # where records are kept does not change them
        elif isinstance(op, Regroup):
            name, op = type(op).__name__.lower(), None  # what it does is seen in what partitions are made of
        found.append((name, lasting_digest((type(each.op).__qualname__, op, [numbers[part] for part in each.inputs]))))
    return found


def without_keys(op: Op) -> Op:
    """Return what counts of an op in a later run: not what opens a store, such as keys that last for a day."""
    if not isinstance(op, FileSource) or not op.files.storage_options:
        return op
    parts = tuple([tuple([replace(each, storage_options={}) for each in pieces]) for pieces in op.files.partitions])
    return replace(op, files=replace(op.files, partitions=parts, storage_options={}))


@dataclass(frozen=True, slots=True)
class _Looked:
    """Looks at plans, inputs first; `known` is what it found below."""

    identify: bool
    known: dict[Plan, list[MadeOf]]

    def at(self, plan: Plan) -> list[MadeOf]:
        op, inputs = plan.op, [self.known[below] for below in plan.inputs]
        if plan.op.gives_value:
            return [MadeOf(self._whole(plan))]
        if isinstance(op, Source):
            return [self._joined([self._piece(piece) for piece in pieces]) for pieces in op.pieces()]
        if isinstance(op, Bad):  # its records say which partition they are from
            return [replace(part, identity=_mixed(part.identity, str(n))) for n, part in enumerate(inputs[0])]
        if isinstance(op, PerPartition):
            return inputs[0]
        if isinstance(op, Scan):
            so_far = accumulate((part.identity for part in inputs[0]), _mixed)
            values = [part.identity for part in chain.from_iterable(inputs[1:])]
            return [
                replace(part, identity=_mixed(all_before, *values))
                for part, all_before in zip(inputs[0], so_far, strict=True)
            ]
        if isinstance(op, Pairing):
            values = [part.identity for part in chain.from_iterable(inputs[op.bags :])]
            rows = map(self._joined, zip(*inputs[: op.bags], strict=True) if op.bags else [()])
            return [replace(row, identity=_mixed(row.identity, *values)) for row in rows]
        if isinstance(op, Regroup) and op.picks is not None:
            return picked(op.picks, list(chain.from_iterable(inputs)))
        if isinstance(op, Regroup) and len(inputs) == 1:
            return repartitioned(inputs[0], plan.npartitions, self._joined, _piece_of)
        whole = self._whole(plan)
        return [MadeOf(_mixed(whole, f"{number} of {plan.npartitions}")) for number in range(plan.npartitions)]

    def _piece(self, piece: Any) -> MadeOf:
        info = getattr(piece, "info", None)
        if not isinstance(info, FileInfo):
            records = getattr(piece, "records", None) if self.identify else ()
            return MadeOf(_unknown() if records is None else lasting_digest(records))
        bounds = getattr(piece, "start", 0), getattr(piece, "stop", None)
        found = InputPart(without_secrets(info.path), info.size, info.mtime_ns, info.etag, *bounds)
        if info.size is None or (info.mtime_ns is None and info.etag is None):
            return MadeOf(_unknown(), (found,))
        # Its number says where it stands among others, and no more.
        return MadeOf(_mixed(repr(replace(piece, partition=0))) if self.identify else "", (found,))

    def _joined(self, parts: Sequence[MadeOf]) -> MadeOf:
        if len(parts) == 1:
            return parts[0]
        inputs = tuple(dict.fromkeys(chain.from_iterable(part.inputs for part in parts)))
        return MadeOf(_mixed(*[part.identity for part in parts]), inputs)

    def _whole(self, plan: Plan) -> str:
        """Return the identity of what is made of all partitions below."""
        if not self.identify:
            return ""
        sources = [self.known[below] for below in walk(plan) if below is not plan and isinstance(below.op, Source)]
        parts = [part.identity for part in chain.from_iterable(sources)]
        counts = [f"{below.op.label} in {below.npartitions}" for below in walk(plan)]
        return _mixed(*counts, *parts, *[step for _, step in operations(plan)])


def _piece_of(part: MadeOf, number: int, count: int) -> MadeOf:
    return replace(part, identity=_mixed(part.identity, f"{number} of {count}"))


def _mixed(*parts: str) -> str:
    return digest_of("\n".join(parts))


def _unknown() -> str:
    """Return an identity for a source that can't be compared with what it was before."""
    return secrets.token_hex(16)
