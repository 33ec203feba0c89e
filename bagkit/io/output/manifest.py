"""What a run has written: a Manifest for users, a manifest file for the next run, and a journal until that is there.

    .bagkit-<key>.journal        a line when the run begins, one for each file when it gets its name, and before it one
                                 for records that were left out of no one file: what was made of the others is in many
    .bagkit-<key>.manifest.json  the same as one document, when all is written; then the journal goes

Both are JSON, and everything in them carries a checksum.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from zlib import crc32

from bagkit.amounts import how_many
from bagkit.flow.tallies import Counted, Pairs, counted_words
from bagkit.io.input.made_of import InputPart
from bagkit.io.input.paths import digest_of
from bagkit.json.standard import standard_dumps, standard_loads
from bagkit.light_classes import NamedTuple
from bagkit.visible import without_secrets

if TYPE_CHECKING:
    from bagkit.io.output.names import Targets
    from bagkit.io.output.stores import Store

T = TypeVar("T")

FORMAT = 1


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that was written. `nbytes` and `checksum` (CRC-32) describe the file as it is, compressed or not."""

    path: str
    partition: int
    records: int
    nbytes: int
    checksum: int
    mtime_ns: int | None = None
    etag: str | None = field(default=None, compare=False, repr=False)
    """What an object store knows its content by, as far as that was asked."""
    lost: int = field(default=0, compare=False, repr=False)
    """How many records were left out of it, as `on_error` asked, as far as that is known."""
    inputs: tuple[InputPart, ...] = field(default=(), compare=False, repr=False)
    """The files that it was made of; none where that was records in memory, or all of another bag."""
    identity: str | None = field(default=None, compare=False, repr=False)
    """A digest of what it was made of, where it is known for `exist="update"`."""
    kept: bool = field(default=False, compare=False, repr=False)
    """Whether it was there already."""
    tallies: Pairs = field(default=(), compare=False, repr=False)
    """What the task that wrote it has counted by reason, as far as that is known."""
    about: Any = field(default=None, compare=False, repr=False)
    """What the writing method wants to know of it in later runs, as JSON can have it."""


@dataclass(frozen=True, slots=True)
class Manifest(Counted):
    """What was written: a file for each partition, in order.

    Attributes:
        files: The files, each with its `path`, `partition`, `records`, `nbytes`, `checksum`, the `inputs` that it was
            made of, and `kept`: whether it was there already.
        path: Where the manifest is, as a file.
        tallies: What was counted by reason: by `filter(reason=)`, and by `bagkit.tally` in functions. It counts for all
            files, also for those that were there already.

    >>> import bagkit as bk, tempfile
    >>> bk.range(3, npartitions=2).to_jsonl(tempfile.mkdtemp(), scheduler="sync")
    Manifest(2 files, 3 records, 6 bytes)
    """

    files: tuple[WrittenFile, ...]
    path: str = field(default="", compare=False, repr=False)

    @property
    def paths(self) -> list[str]:
        """The paths of the files.

        >>> import bagkit as bk, tempfile
        >>> manifest = bk.range(3, npartitions=2).to_jsonl(tempfile.mkdtemp(), scheduler="sync")
        >>> [path.rpartition("/")[2] for path in manifest.paths]
        ['0.jsonl', '1.jsonl']
        """
        return [file.path for file in self.files]

    @property
    def records(self) -> int:
        """How many records all files have.

        >>> import bagkit as bk, tempfile
        >>> bk.range(3, npartitions=2).to_jsonl(tempfile.mkdtemp(), scheduler="sync").records
        3
        """
        return sum(file.records for file in self.files)

    @property
    def nbytes(self) -> int:
        """How many bytes all files have.

        >>> import bagkit as bk, tempfile
        >>> bk.range(3, npartitions=2).to_jsonl(tempfile.mkdtemp(), scheduler="sync").nbytes
        6
        """
        return sum(file.nbytes for file in self.files)

    @property
    def kept(self) -> int:
        """How many of the files were there already, and are as they were.

        >>> import bagkit as bk, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> [bk.range(3, npartitions=2).to_jsonl(folder, exist="update", scheduler="sync").kept for _ in range(2)]
        [0, 2]
        """
        return sum(file.kept for file in self.files)

    def __repr__(self) -> str:
        files, records = len(self.files), self.records
        kept = f", {self.kept:,} of them kept" if self.kept else ""
        return (
            f"Manifest({how_many(files, 'file')}{kept}, "
            f"{how_many(records, 'record')}, {self.nbytes:,} bytes{counted_words(self.tallies)})"
        )

    def _repr_html_(self) -> str:
        from bagkit.html.results import manifest_page

        return manifest_page(self.files, self.records, f"{self.nbytes:,} bytes", self.tallies)


class WrittenAgainWarning(UserWarning):
    """A run with `exist="update"` writes all files again, because other operations made them. The message says which.

    >>> import bagkit as bk, tempfile, warnings
    >>> folder = tempfile.mkdtemp()
    >>> manifest = bk.range(2, npartitions=1).to_jsonl(folder, exist="update", scheduler="sync")
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error")
    ...     bk.range(2, npartitions=1).map(str).to_jsonl(folder, exist="update", scheduler="sync")
    Traceback (most recent call last):
    bagkit.io.output.manifest.WrittenAgainWarning: to_jsonl: the file is written again: the operations were ...
    """


@dataclass(frozen=True, slots=True)
class Recipe:
    """What files were made of: they are the same again if this is."""

    steps: tuple[tuple[str, str], ...]
    """Labels and digests of the operations."""
    inputs: Mapping[str, tuple[int | str | None, ...]]
    """Size, time and ETag of each file that is read."""
    options: Mapping[str, Any]
    paths: int
    """How many files are written."""
    operations: tuple[tuple[str, str], ...] | None = None
    """Labels and digests of the operations, whatever their inputs: where files are updated one by one."""
    shard: Mapping[str, Any] | None = None
    """Which shard of a bag it is, if it is one."""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        if self.operations is not None:  # of its inputs each file has its own account
            operations = [list(step) for step in self.operations]
            return {"operations": operations, "options": dict(self.options), "versions": versions()}
        shard = {} if self.shard is None else {"shard": dict(self.shard)}
        return shard | {
            "steps": [list(step) for step in self.steps],
            "inputs": {path: list(facts) for path, facts in self.inputs.items()},
            "options": dict(self.options),
            "paths": self.paths,
            "versions": versions(),
        }


def without_passwords(inputs: Mapping[str, T]) -> dict[str, T]:
    """Return the files that are read as they may be written down: a URL with a secret in it without that.

    A digest of the whole stands for it, for another secret may give other contents.
    """
    return {_told(path): facts for path, facts in inputs.items()}


def _told(path: str) -> str:
    shown = without_secrets(path)
    return shown if shown == path else f"{shown} ({digest_of(path, 8)})"


def versions() -> dict[str, str]:
    """Return the versions that what is written may depend on."""
    return {"bagkit": sys.modules["bagkit"].__version__, "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words how two recipes differ, the most telling first."""
    words = []
    for name in ("versions", "options"):
        one, other = then[name], now[name]
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                words.append(f"{key} was {one.get(key)!r} and is {other.get(key)!r}")
    if ("operations" in then) != ("operations" in now):
        return ["it was written with exist='update'" if "operations" in then else "no file in it says its own inputs"]
    if "operations" in now:
        return [*words, *_step_differences(then["operations"], now["operations"], bool(words))]
    if then["paths"] != now["paths"]:
        words.append(f"there were {then['paths']} partitions and are {now['paths']}")
    words += _input_differences(then["inputs"], now["inputs"])
    return words + _step_differences(then["steps"], now["steps"], bool(words))


def _step_differences(then: Sequence[Any], now: Sequence[Any], known: bool) -> list[str]:
    """Return in words how operations differ; a change inside of one is told where no reason is `known`."""
    labels = [[label for label, _ in steps] for steps in (then, now)]
    if labels[0] != labels[1]:
        return [f"the operations were {' → '.join(labels[0])} and are {' → '.join(labels[1])}"]
    changed = (one for one, other in zip(then, now, strict=True) if one != other)
    first = None if known else next(changed, None)
    return [f"{first[0]} is another: its function, what that refers to, or its data has changed"] if first else []


def _input_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    words = [f"{path} is no longer read" for path in then if path not in now]
    words += [f"{path} is read now" for path in now if path not in then]
    words += [f"{path} has changed" for path in then if path in now and then[path] != now[path]]
    return [*words[:3], f"and {len(words) - 3} more files differ"] if len(words) > 4 else words


BELOW = ("lost", "tallies")


@dataclass(slots=True)
class Below:
    """What tasks have to say whose results are in several files, by the names of those tasks; mutable, of one run."""

    lost: dict[str, int] = field(default_factory=dict)
    """How many records they left out."""
    tallies: dict[str, Pairs] = field(default_factory=dict)
    """What they have counted by reason."""

    def __bool__(self) -> bool:
        return bool(self.lost or self.tallies)

    def without(self, tasks: Collection[str]) -> Below:
        """Return what the others say."""
        return Below(
            {task: lost for task, lost in self.lost.items() if task not in tasks},
            {task: pairs for task, pairs in self.tallies.items() if task not in tasks},
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"lost": dict(self.lost), "tallies": dict(self.tallies)}


class Damaged(Exception):
    """A manifest or a journal is not as it was written."""


# -- the journal -------------------------------------------------------------------------------------------------------


def line_of(entry: Any) -> bytes:
    """Return `entry` as a line of the journal."""
    text = standard_dumps(entry, separators=(",", ":"))
    return f"{crc32(text.encode()):08x} {text}\n".encode()


def read_journal(data: bytes) -> tuple[Any, list[Any]]:
    """Return the first entry of a journal, and the rows that follow it and are whole.

    The entry's `lost` is what tasks below the files have left out, its `tallies` what they have counted. Raises Damaged
    where the first one is not.
    """
    head, *rest = data.split(b"\n")
    first = _entry(head)
    if not isinstance(first, dict) or first.get("format") != FORMAT:
        raise Damaged("its first line is not whole, or of another version")
    entries = list(map(_entry, rest))
    for entry in entries:
        if isinstance(entry, dict):
            first = {**first, **{name: {**first.get(name, {}), **entry.get(name, {})} for name in BELOW}}
    return first, [entry for entry in entries if isinstance(entry, list)]


def _entry(line: bytes) -> Any:
    try:
        if f"{crc32(line[9:]):08x} ".encode() == line[:9]:
            return standard_loads(line[9:])
    except ValueError:
        pass
    return None


# -- the manifest file -------------------------------------------------------------------------------------------------


def manifest_bytes(recipe: Mapping[str, Any], files: Iterable[WrittenFile], home: str, below: Below) -> bytes:
    """Return the manifest file of a run that is done; `below` is what tasks before the writing have reported."""
    rows = [row_of_file(file, home) for file in files]
    content = {"format": FORMAT, "recipe": recipe, **below.as_json(), "fields": ROW, "files": rows}
    return standard_dumps({"checksum": checksum_of(content), **content}, indent=1).encode()


def read_manifest(data: bytes) -> tuple[Any, list[Any], Below]:
    """Return the recipe, the rows and the Below of a manifest file; raises Damaged unless all that it says is right."""
    try:
        content = standard_loads(data)
        if content.pop("checksum") != checksum_of(content):
            raise Damaged("its checksum does not match")
        if content["format"] != FORMAT:
            raise Damaged(f"it is of the version {content['format']}")
        return content["recipe"], content["files"], below_of(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(f"it can't be read: {error}") from error


def below_of(content: Mapping[str, Any]) -> Below:
    """Return what a journal's first entry, or the content of a manifest, says of tasks below its files."""
    lost, tallies = (content.get(name, {}) for name in BELOW)  # a journal says it in later lines, if there is any
    return Below(dict(lost), {task: _pairs(rows) for task, rows in tallies.items()})


def _pairs(rows: Iterable[Sequence[Any]]) -> Pairs:
    return tuple([(reason, count) for reason, count in rows])


class Account(NamedTuple):
    """What a run has said of itself."""

    recipe: Any
    files: list[WrittenFile]
    below: Below
    """What tasks had to say whose results are in several files."""
    stale: Sequence[str] = ()
    """What it has yet to remove."""
    staging: Sequence[str] = ()
    """The directories of its temporary files."""


def read_account(store: Store, targets: Targets) -> Account | None:
    """Return what the last run here has said of itself, None if there was none; raises Damaged."""
    if (data := store.read(targets.own("journal"))) is not None:
        head, rows = read_journal(data)
        files = [from_row(row, targets.home) for row in rows]
        return Account(head["recipe"], files, below_of(head), head["stale"], head["staging"])
    if (data := store.read(targets.own("manifest.json"))) is not None:
        recipe, rows, below = read_manifest(data)
        return Account(recipe, [from_row(row, targets.home) for row in rows], below)
    return None


def checksum_of(content: Any) -> str:
    """Return what tells whether an account of what was written is whole."""
    return digest_of(standard_dumps(content, sort_keys=True))


ROW = [
    "name", "partition", "records", "bytes", "crc32", "mtime_ns", "etag", "lost", "inputs", "identity", "tallies",
    "about",
]  # fmt: skip


def row_of_file(file: WrittenFile, home: str) -> list[Any]:
    """Return a file as plain values, its path relative to `home` where it is below."""
    path = file.path.removeprefix(home + "/")
    inputs = [[part.path, part.size, part.mtime_ns, part.etag, part.start, part.stop] for part in file.inputs]
    facts = [file.partition, file.records, file.nbytes, file.checksum, file.mtime_ns, file.etag, file.lost]
    return [path, *facts, inputs, file.identity, [list(pair) for pair in file.tallies], file.about]


def from_row(row: Sequence[Any], home: str) -> WrittenFile:
    """Return the file that `row_of_file` was given."""
    name, partition, records, nbytes, checksum, mtime_ns, etag, lost, inputs, identity, tallies, *about = row
    # An earlier version of the format said nothing about a file.
    path = name if os.path.isabs(name) or "://" in name else f"{home}/{name}"
    parts = tuple([InputPart(*part) for part in inputs])
    facts = (records, nbytes, checksum, mtime_ns, etag, lost, parts, identity)
    return WrittenFile(path, partition, *facts, tallies=_pairs(tallies), about=about[0] if about else None)
