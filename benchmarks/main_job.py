"""The main job: the ten most frequent names of many JSON lines files.

Each contender writes it as its users would. `fastest` is what someone writes who knows that only one field is needed
and has a day to spare: it is the mark to measure by, not a rival.
"""

import gzip
import json
from collections import Counter
from contextlib import ExitStack
from operator import attrgetter

import msgspec
from isal import igzip

from benchmarks import column_engines
from benchmarks.contenders import Contender, Job, Setting, dask_bag, process_pool

BLOCK = 1 << 20


def bagkit(setting: Setting, keep: ExitStack) -> Job:
    """bagkit, with the workers of its own pool."""
    import bagkit as bk

    def job() -> object:
        names = bk.read_text(setting.paths).map(json.loads).pluck("name")
        return names.frequencies().topk(10, key=1).compute(workers=setting.workers)

    return job


def dask(setting: Setting, keep: ExitStack, *, best: bool = False) -> Job:
    """dask.bag as users run it: its default scheduler, which starts new processes for every compute."""
    db = dask_bag(setting, keep, best=best)

    def job() -> object:
        names = db.read_text(setting.paths).map(json.loads).pluck("name")
        return names.frequencies().topk(10, key=1).compute()

    return job


def dask_best(setting: Setting, keep: ExitStack) -> Job:
    """dask.bag at its best: one pool for all repetitions, no lumps of tasks."""
    return dask(setting, keep, best=True)


def count_names(path: str) -> Counter[str]:
    """Count the names of one file with the standard library."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return Counter(json.loads(line)["name"] for line in lines)


def pool(setting: Setting, keep: ExitStack) -> Job:
    """A multiprocessing.Pool and json.loads, written by hand."""
    workers = process_pool(setting, keep)

    def job() -> object:
        total: Counter[str] = Counter()
        for counts in workers.imap_unordered(count_names, setting.paths):
            total.update(counts)
        return total.most_common(10)

    return job


class Name(msgspec.Struct, gc=False):
    """The one field that is read; msgspec skips the others."""

    name: str


def count_names_fast(path: str) -> Counter[str]:
    """Count the names of one gzip file as fast as C extensions allow; nothing but names is looked at."""
    decode = msgspec.json.Decoder(Name).decode
    name_of = attrgetter("name")
    counts: Counter[str] = Counter()
    rest = b""
    with igzip.open(path, "rb") as file:  # type: ignore[no-untyped-call, unused-ignore]
        while block := file.read(BLOCK):
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            counts.update(map(name_of, map(decode, lines)))
    if rest:
        counts[decode(rest).name] += 1
    return counts


def fastest(setting: Setting, keep: ExitStack) -> Job:
    """The fastest program written by hand: isal, msgspec and a warm pool."""
    workers = process_pool(setting, keep)

    def job() -> object:
        total: Counter[str] = Counter()
        for counts in workers.imap_unordered(count_names_fast, setting.paths):
            total.update(counts)
        return total.most_common(10)

    return job


CONTENDERS: dict[str, Contender] = {
    "bagkit": bagkit,
    "dask": dask,
    "dask-best": dask_best,
    "pool": pool,
    **column_engines.MAIN,
    "fastest": fastest,
}
