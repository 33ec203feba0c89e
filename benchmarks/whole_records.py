"""Lambdas that keep the whole record, so that all of it must be parsed; and all records brought back."""

import gzip
import json
from collections import Counter
from contextlib import ExitStack
from typing import Any

from benchmarks.contenders import Contender, Job, Setting, dask_bag, process_pool


def adults_bagkit(setting: Setting, keep: ExitStack) -> Job:
    """bagkit: filter and map, then count."""
    import bagkit as bk

    def job() -> object:
        records = bk.read_text(setting.paths).map(json.loads).filter(lambda r: r["age"] > 30)
        return records.map(lambda r: {**r, "x": 1}).count().compute(workers=setting.workers)

    return job


def adults_dask(setting: Setting, keep: ExitStack, *, best: bool = False) -> Job:
    """dask.bag: filter and map, then count."""
    db = dask_bag(setting, keep, best=best)

    def job() -> object:
        records = db.read_text(setting.paths).map(json.loads).filter(lambda r: r["age"] > 30)
        return records.map(lambda r: {**r, "x": 1}).count().compute()

    return job


def adults_dask_best(setting: Setting, keep: ExitStack) -> Job:
    """dask.bag with one pool for all repetitions and no lumps of tasks."""
    return adults_dask(setting, keep, best=True)


def count_adults(path: str) -> int:
    """Count the changed records of one file with the standard library."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        adults = (record for record in map(json.loads, lines) if record["age"] > 30)
        return sum(1 for _ in ({**record, "x": 1} for record in adults))


def adults_pool(setting: Setting, keep: ExitStack) -> Job:
    """A multiprocessing.Pool and json.loads, written by hand."""
    workers = process_pool(setting, keep)
    return lambda: sum(workers.imap_unordered(count_adults, setting.paths))


def decades_bagkit(setting: Setting, keep: ExitStack) -> Job:
    """bagkit: filter and map, then a reduction over a field that the map adds."""
    import bagkit as bk

    def job() -> object:
        records = bk.read_text(setting.paths).map(json.loads).filter(lambda r: r["age"] > 30)
        decades = records.map(lambda r: {**r, "decade": r["age"] // 10}).pluck("decade")
        return decades.frequencies().compute(workers=setting.workers)

    return job


def decades_dask(setting: Setting, keep: ExitStack, *, best: bool = False) -> Job:
    """dask.bag: filter and map, then a reduction over a field that the map adds."""
    db = dask_bag(setting, keep, best=best)

    def job() -> object:
        records = db.read_text(setting.paths).map(json.loads).filter(lambda r: r["age"] > 30)
        return records.map(lambda r: {**r, "decade": r["age"] // 10}).pluck("decade").frequencies().compute()

    return job


def decades_dask_best(setting: Setting, keep: ExitStack) -> Job:
    """dask.bag with one pool for all repetitions and no lumps of tasks."""
    return decades_dask(setting, keep, best=True)


def count_decades(path: str) -> Counter[int]:
    """Count the decades of the changed records of one file with the standard library."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        adults = (record for record in map(json.loads, lines) if record["age"] > 30)
        changed = ({**record, "decade": record["age"] // 10} for record in adults)
        return Counter(record["decade"] for record in changed)


def decades_pool(setting: Setting, keep: ExitStack) -> Job:
    """A multiprocessing.Pool and json.loads, written by hand."""
    workers = process_pool(setting, keep)

    def job() -> object:
        total: Counter[int] = Counter()
        for counts in workers.imap_unordered(count_decades, setting.paths):
            total.update(counts)
        return list(total.items())

    return job


def records_bagkit(setting: Setting, keep: ExitStack) -> Job:
    """bagkit: all records, as a list of dicts."""
    import bagkit as bk

    return lambda: bk.read_text(setting.paths).map(json.loads).compute(workers=setting.workers)


def records_dask(setting: Setting, keep: ExitStack) -> Job:
    """dask.bag: all records, as a list of dicts."""
    db = dask_bag(setting, keep, best=False)
    return lambda: db.read_text(setting.paths).map(json.loads).compute()


def load_records(path: str) -> list[Any]:
    """Parse one file with the standard library."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def records_pool(setting: Setting, keep: ExitStack) -> Job:
    """A multiprocessing.Pool and json.loads, written by hand."""
    workers = process_pool(setting, keep)
    return lambda: [record for records in workers.imap(load_records, setting.paths) for record in records]


ADULTS: dict[str, Contender] = {
    "bagkit": adults_bagkit,
    "dask": adults_dask,
    "dask-best": adults_dask_best,
    "pool": adults_pool,
}
DECADES: dict[str, Contender] = {
    "bagkit": decades_bagkit,
    "dask": decades_dask,
    "dask-best": decades_dask_best,
    "pool": decades_pool,
}
RECORDS: dict[str, Contender] = {
    "bagkit": records_bagkit,
    "dask": records_dask,
    "pool": records_pool,
}
