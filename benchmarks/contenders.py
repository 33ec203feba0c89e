"""What all benchmarks share: a setting, a job, and the ways dask and a pool are started.

A contender is a function that gets everything ready (imports, a pool) and returns the job: a function without
arguments that is timed. What it opens it registers with `keep`, which closes it when the measuring is over.
"""

import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Setting:
    """What a job works on: the input files, the number of workers, and the number of tasks where there are no files.

    `memory_limit` is how many bytes bagkit may hold; 0 leaves that to bagkit.
    """

    paths: list[str]
    workers: int
    tasks: int = 0
    memory_limit: int = 0


Job: TypeAlias = Callable[[], Any]
Contender: TypeAlias = Callable[[Setting, ExitStack], Job]
Program: TypeAlias = Callable[[Any, Setting], Any]
"""What libraries with dask.bag's methods run alike: it gets the library, and returns what is computed."""

PACKAGES = {
    "dask": "dask",
    "dask-best": "dask",
    "polars": "polars",
    "polars-name": "polars",
    "duckdb": "duckdb",
    "pyspark": "pyspark",
}
PROGRAMS = {"pyspark": "java"}


def what_is_missing(contender: str) -> str:
    """Return which package or program a contender needs that is not there, or nothing."""
    package, program = PACKAGES.get(contender), PROGRAMS.get(contender)
    if package is not None and importlib.util.find_spec(package) is None:
        return f"the package {package}"
    if program is not None and shutil.which(program) is None:
        return f"the program {program}"
    return ""


def process_pool(setting: Setting, keep: ExitStack) -> Pool:
    """Return a multiprocessing.Pool that stays warm between repetitions."""
    return keep.enter_context(get_context("fork").Pool(setting.workers))


def dask_bag(setting: Setting, keep: ExitStack, *, best: bool) -> Any:
    """Return dask.bag, set up as users run it (its defaults, with our number of workers), or at its best.

    At its best it keeps one pool instead of starting one for every compute, and hands out tasks one by one instead of
    in lumps of six.
    """
    import dask
    import dask.bag

    keep.enter_context(dask.config.set(num_workers=setting.workers))
    if best:
        pool = ProcessPoolExecutor(setting.workers, mp_context=get_context("forkserver"))
        keep.enter_context(pool)
        keep.enter_context(dask.config.set(pool=pool, chunksize=1))
    return dask.bag


def new_folder(keep: ExitStack) -> Path:
    """Return a directory that is removed when the measuring is over."""
    folder = Path(tempfile.mkdtemp(prefix="bagkit-benchmark-"))
    keep.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def contenders(program: Program, by_hand: Callable[[Pool, Setting], Any]) -> dict[str, Contender]:
    """Return the contenders: bagkit and dask.bag, which run the same `program`, and a pool that is used `by_hand`."""

    def bagkit(setting: Setting, keep: ExitStack) -> Job:
        import bagkit as bk

        keep.enter_context(bk.options(memory_limit=setting.memory_limit or None))
        return lambda: program(bk, setting).compute(workers=setting.workers)

    def dask(setting: Setting, keep: ExitStack, *, best: bool = False) -> Job:
        library = dask_bag(setting, keep, best=best)
        return lambda: program(library, setting).compute()

    def dask_best(setting: Setting, keep: ExitStack) -> Job:
        return dask(setting, keep, best=True)

    def pool(setting: Setting, keep: ExitStack) -> Job:
        workers = process_pool(setting, keep)
        return lambda: by_hand(workers, setting)

    return {"bagkit": bagkit, "dask": dask, "dask-best": dask_best, "pool": pool}
