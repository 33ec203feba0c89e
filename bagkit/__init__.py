"""Bags of text and JSON lines: plain Python functions over many files, on all cores, with right answers.

>>> import bagkit as bk
>>> bk.from_sequence(["a", "b", "a"]).frequencies().compute(scheduler="sync")
[('a', 2), ('b', 1)]
"""

from bagkit.bag import Bag
from bagkit.compute import Collected
from bagkit.create import concat, from_sequence, range, read_json, read_text  # noqa: A004  (the names that dask.bag has)
from bagkit.errors import (
    BagkitError,
    CorruptInputError,
    EmptyBagError,
    InputChangedError,
    LazyError,
    MissingExtraError,
    NoFilesError,
    NotPicklableError,
    OptionError,
    PlanError,
    ShortTakeWarning,
    SkippedRecordsWarning,
    SourceError,
    StoppedEarlyError,
    TaskError,
    WorkerDiedError,
)
from bagkit.item import Item
from bagkit.lower.failures import Failure
from bagkit.options import options

__version__ = "0.1.0"

__all__ = [
    "Bag",
    "BagkitError",
    "Collected",
    "CorruptInputError",
    "EmptyBagError",
    "Failure",
    "InputChangedError",
    "Item",
    "LazyError",
    "MissingExtraError",
    "NoFilesError",
    "NotPicklableError",
    "OptionError",
    "PlanError",
    "ShortTakeWarning",
    "SkippedRecordsWarning",
    "SourceError",
    "StoppedEarlyError",
    "TaskError",
    "WorkerDiedError",
    "concat",
    "from_sequence",
    "options",
    "range",
    "read_json",
    "read_text",
]
