"""Rejects that an earlier run has written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from bagkit.bag import Bag, Rejects
from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.ops.retrying import AsRejects
from bagkit.plan.node import Plan
from bagkit.reading import Paths, read_json

T = TypeVar("T")


@front_door
def read_errors(
    urlpath: Paths, *, of: Bag[T] | None = None, storage_options: Mapping[str, Any] | None = None
) -> Rejects[T]:
    """Read the rejects that `bad.to_jsonl(...)` has written.

    Args:
        urlpath: A directory, whose files of JSON lines are read; or a path, a pattern, a URL or a list, as for
            `read_json`.
        of: The bag whose errors were split: `good, bad = of.split_errors()`. `retry` runs the rejects through its
            operations. None: you can look at the rejects, but not retry them.
        storage_options: What fsspec needs to open URLs. Not for local files.

    Returns:
        Rejects, with the places at which they failed.

    Raises:
        NoFilesError: A path or a pattern names no file.
        SourceError: A file can't be read.
        PlanError: `of` is no bag.

    >>> import bagkit as bk, tempfile
    >>> numbers = bk.from_sequence(["1", "two"], npartitions=1).map(int)
    >>> good, bad = numbers.split_errors()
    >>> folder = tempfile.mkdtemp()
    >>> _ = bad.to_jsonl(folder, scheduler="sync")
    >>> again = bk.read_errors(folder, of=numbers)
    >>> again.retry(len).compute(scheduler="sync")
    [3]
    """
    if of is not None and not isinstance(of, Bag):
        raise PlanError(f"read_errors: of is {type(of).__name__}; expected the bag that split_errors() was called on")
    if isinstance(urlpath, (str, os.PathLike)) and os.path.isdir(urlpath):
        urlpath = os.path.join(urlpath, "*.jsonl*")
    records = read_json(urlpath, storage_options=storage_options)
    return Rejects(Plan(AsRejects(), (records.plan,)), None if of is None else of.split_errors()[1]._split)
