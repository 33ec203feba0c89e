"""Bags of text and JSON lines: plain Python functions over many files, on all cores, with right answers.

>>> import bagkit as bk
>>> bk.from_sequence(["a", "b", "a"]).frequencies().compute(scheduler="sync")
[('a', 2), ('b', 1)]

Names are imported when they are first used: a worker process needs none of them.
"""

from typing import TYPE_CHECKING, Any

from bagkit.front_doors import as_at_the_end as _as_at_the_end
from bagkit.options import ComputeOptions, Options, get_options, options, set_options
from bagkit.user_code import module_loads  # noqa: F401  (it notes the user's imports from here on)

if TYPE_CHECKING:
    from bagkit import random  # noqa: F401  (not in __all__: `import *` would hide Python's own)
    from bagkit.bag import Bag, Rejects
    from bagkit.client.client import Client, get_client
    from bagkit.client.futures import Future, as_completed, fire_and_forget, wait
    from bagkit.client.progress import progress
    from bagkit.combine import map, map_partitions, zip  # noqa: A004  (dask.bag's names)
    from bagkit.computing import Collected
    from bagkit.create import concat, from_delayed, from_sequence, range  # noqa: A004  (dask.bag's name)
    from bagkit.diagnostics.profile import Profile
    from bagkit.errors import (
        BagkitError,
        ColumnTypeError,
        CorruptInputError,
        DamagedInputWarning,
        EmptyBagError,
        GroupTooLargeError,
        InputChangedError,
        LazyError,
        LineTooLongError,
        MismatchError,
        MissingExtraError,
        NoFilesError,
        NotPicklableError,
        OptionError,
        OutputBusyError,
        OutputError,
        OutputExistsError,
        PlanError,
        ResumeMismatchError,
        ShortTakeWarning,
        SkippedRecordsWarning,
        SourceError,
        StoppedEarlyError,
        TaskError,
        TooManyErrorsError,
        UnstableKeyError,
        ValidationError,
        Violation,
        WorkerDiedError,
    )
    from bagkit.going_on import cache_clear, merge_manifests
    from bagkit.io.input.partition_info import PartitionInfo
    from bagkit.io.output.manifest import Manifest, WrittenAgainWarning
    from bagkit.item import Item
    from bagkit.lazy.delayed import delayed
    from bagkit.lazy.delayed_values import Delayed
    from bagkit.lazy.graphs import get
    from bagkit.lazy.together import compute, explain, optimize, persist, visualize
    from bagkit.live.dashboard import Dashboard, dashboard
    from bagkit.live.report import report
    from bagkit.methods.rejects import Reject
    from bagkit.methods.retrying import Signature
    from bagkit.methods.writing import to_textfiles
    from bagkit.ops.summaries import Stats
    from bagkit.profiling.diff import Drift
    from bagkit.profiling.parts import PathProfile
    from bagkit.profiling.result import DataProfile
    from bagkit.reading import from_url, read_avro, read_csv, read_files, read_json, read_text
    from bagkit.reading_tables import read_parquet, read_sqlite
    from bagkit.rejects import read_errors
    from bagkit.shown import Shown, show
    from bagkit.tallies import Tallies, tally
    from bagkit.work.failures import Failure

__version__ = "0.1.0"

__all__ = [
    "Bag",
    "BagkitError",
    "Client",
    "Collected",
    "ColumnTypeError",
    "ComputeOptions",
    "CorruptInputError",
    "DamagedInputWarning",
    "Dashboard",
    "DataProfile",
    "Delayed",
    "Drift",
    "EmptyBagError",
    "Failure",
    "Future",
    "GroupTooLargeError",
    "InputChangedError",
    "Item",
    "LazyError",
    "LineTooLongError",
    "Manifest",
    "MismatchError",
    "MissingExtraError",
    "NoFilesError",
    "NotPicklableError",
    "OptionError",
    "Options",
    "OutputBusyError",
    "OutputError",
    "OutputExistsError",
    "PartitionInfo",
    "PathProfile",
    "PlanError",
    "Profile",
    "Reject",
    "Rejects",
    "ResumeMismatchError",
    "ShortTakeWarning",
    "Shown",
    "Signature",
    "SkippedRecordsWarning",
    "SourceError",
    "Stats",
    "StoppedEarlyError",
    "Tallies",
    "TaskError",
    "TooManyErrorsError",
    "UnstableKeyError",
    "ValidationError",
    "Violation",
    "WorkerDiedError",
    "WrittenAgainWarning",
    "as_completed",
    "cache_clear",
    "compute",
    "concat",
    "dashboard",
    "delayed",
    "explain",
    "fire_and_forget",
    "from_delayed",
    "from_sequence",
    "from_url",
    "get",
    "get_client",
    "get_options",
    "map",
    "map_partitions",
    "merge_manifests",
    "optimize",
    "options",
    "persist",
    "progress",
    "range",
    "read_avro",
    "read_csv",
    "read_errors",
    "read_files",
    "read_json",
    "read_parquet",
    "read_sqlite",
    "read_text",
    "report",
    "set_options",
    "show",
    "tally",
    "to_textfiles",
    "visualize",
    "wait",
    "zip",
]

_HOMES = {
    **dict.fromkeys(("Bag", "Rejects"), "bagkit.bag"),
    **dict.fromkeys(("Client", "get_client"), "bagkit.client.client"),
    **dict.fromkeys(("Future", "as_completed", "fire_and_forget", "wait"), "bagkit.client.futures"),
    "progress": "bagkit.client.progress",
    "Collected": "bagkit.computing",
    **dict.fromkeys(("Dashboard", "dashboard"), "bagkit.live.dashboard"),
    "report": "bagkit.live.report",
    **dict.fromkeys(("Shown", "show"), "bagkit.shown"),
    "Delayed": "bagkit.lazy.delayed_values",
    "Failure": "bagkit.work.failures",
    **dict.fromkeys(("cache_clear", "merge_manifests"), "bagkit.going_on"),
    "Item": "bagkit.item",
    **dict.fromkeys(("Manifest", "WrittenAgainWarning"), "bagkit.io.output.manifest"),
    "Reject": "bagkit.methods.rejects",
    "read_errors": "bagkit.rejects",
    "Signature": "bagkit.methods.retrying",
    **dict.fromkeys(("Tallies", "tally"), "bagkit.tallies"),
    "to_textfiles": "bagkit.methods.writing",
    "Profile": "bagkit.diagnostics.profile",
    "delayed": "bagkit.lazy.delayed",
    "get": "bagkit.lazy.graphs",
    **dict.fromkeys(("compute", "explain", "optimize", "persist", "visualize"), "bagkit.lazy.together"),
    **dict.fromkeys(("concat", "from_delayed", "from_sequence", "range"), "bagkit.create"),
    **dict.fromkeys(("from_url", "read_avro", "read_csv", "read_files", "read_json", "read_text"), "bagkit.reading"),
    **dict.fromkeys(("read_parquet", "read_sqlite"), "bagkit.reading_tables"),
    **dict.fromkeys(("map", "map_partitions", "zip"), "bagkit.combine"),
    "PartitionInfo": "bagkit.io.input.partition_info",
    "Stats": "bagkit.ops.summaries",
    "DataProfile": "bagkit.profiling.result",
    "Drift": "bagkit.profiling.diff",
    "PathProfile": "bagkit.profiling.parts",
}
"""Where names are that are not in bagkit.errors."""


if not TYPE_CHECKING:  # for type checkers a module with it has every name

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            from importlib import import_module

            if name == "random":  # a module for users, not a name of one
                return import_module("bagkit.random")
            if name in __all__:
                value = globals()[name] = getattr(import_module(_HOMES.get(name, "bagkit.errors")), name)
                return value
            from bagkit.other_names import OF_MODULE, missing_attribute
        except ImportError as error:
            told = _as_at_the_end(error, name)
            if told is error:
                raise
            raise told from None
        try:
            raise missing_attribute(f"module {__name__!r}", name, OF_MODULE, __all__)
        except AttributeError as error:  # a bare `raise` adds no frame, as in other front doors, which are not here yet
            error.__traceback__ = None
            raise

    # One line in a traceback of what else is raised.
    __getattr__.__code__ = __getattr__.__code__.replace(co_filename="<bagkit>", co_firstlineno=1)


def __dir__() -> list[str]:
    shown = {"__doc__", "__file__", "__name__", "__path__", "__version__", "random"}
    return sorted({*shown, *__all__})  # and none of the modules that happen to be imported
