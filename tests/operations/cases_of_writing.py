"""The rows of what is written to files: a bag's partitions, read again by the standard library."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.operations.case import Case


def written(write: Callable[[Path], Any]) -> list[bytes]:
    """Return what is in each file that `write` makes in a new directory."""
    with tempfile.TemporaryDirectory() as folder:
        result = write(Path(folder) / "new")
        paths = result.compute() if hasattr(result, "compute") else result
        paths = paths if isinstance(paths, list) else paths.paths
        contents = [Path(path).read_bytes() for path in paths]
        return [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for data in contents]


def joined(partitions: list[list[Any]]) -> list[bytes]:
    return ["\n".join(part).encode() for part in partitions]


def dumped(partitions: list[list[Any]]) -> list[bytes]:
    lines = [[json.dumps(x, separators=(",", ":"), ensure_ascii=False) + "\n" for x in part] for part in partitions]
    return ["".join(part).encode() for part in lines]


WRITING = [
    Case("to_textfiles", "strings", lambda b: written(lambda d: b.to_textfiles(d)), joined, sees_partitions=True),
    Case("to_textfiles(gz)", "ints", lambda b: written(lambda d: b.map(str).to_textfiles(d / "*.gz")),
         lambda parts: joined([list(map(str, part)) for part in parts]), sees_partitions=True),
    Case("to_textfiles(last_endline, lazily)", "strings",
         lambda b: written(lambda d: b.to_textfiles(d, last_endline=True, compute=False)),
         lambda parts: [data + b"\n" if part else b"" for data, part in zip(joined(parts), parts, strict=True)],
         sees_partitions=True),
    Case("to_jsonl", "dicts", lambda b: written(lambda d: b.to_jsonl(d)), dumped, sees_partitions=True),
    Case("to_jsonl(after frequencies)", "strings",
         lambda b: written(lambda d: b.frequencies().to_jsonl(d / "*.gz", exist="overwrite")),
         lambda xs: dumped([[(x, xs.count(x)) for x in dict.fromkeys(xs)]])),
    Case("to_jsonl(of the same twice)", "ints",
         lambda b: written(lambda d: (lambda c: c.map(lambda x, y: [x, y], c))(b.map(abs)).to_jsonl(d)),
         lambda parts: dumped([[[abs(x), abs(x)] for x in part] for part in parts]), sees_partitions=True),
]  # fmt: skip
