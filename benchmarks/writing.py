"""Lines filtered and written to gz files; and records filtered and written as JSON lines."""

import gzip
import hashlib
import json
from contextlib import ExitStack
from typing import Any

from benchmarks import column_engines
from benchmarks.contenders import Contender, Job, Setting, dask_bag, new_folder, process_pool


def contents_digest(paths: Any) -> list[Any]:
    """Return how many files there are, and a digest of the records in them, in order."""
    digest = hashlib.blake2b(digest_size=12)
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                digest.update(repr(sorted(json.loads(line).items())).encode())
    return [len(paths), digest.hexdigest()]


def is_wanted(line: str) -> bool:
    """Whether a line is kept."""
    return '"age": 1' not in line


def text_bagkit(setting: Setting, keep: ExitStack) -> Job:
    """bagkit: lines filtered, to gz files."""
    import bagkit as bk

    folder = new_folder(keep)

    def job() -> object:
        lines = bk.read_text(setting.paths).filter(is_wanted).map(str.rstrip)
        return lines.to_textfiles(folder / "*.json.gz", workers=setting.workers)

    return job


def text_dask(setting: Setting, keep: ExitStack, *, best: bool = False) -> Job:
    """dask.bag: lines filtered, to gz files."""
    db, folder = dask_bag(setting, keep, best=best), new_folder(keep)

    def job() -> object:
        return db.read_text(setting.paths).filter(is_wanted).map(str.rstrip).to_textfiles(str(folder / "*.json.gz"))

    return job


def text_dask_best(setting: Setting, keep: ExitStack) -> Job:
    """dask.bag with one pool for all repetitions and no lumps of tasks."""
    return text_dask(setting, keep, best=True)


def copy_lines(path: str, to: str) -> str:
    """Filter the lines of one file with the standard library."""
    with gzip.open(path, "rt", encoding="utf-8") as lines, gzip.open(to, "wt", encoding="utf-8") as out:
        out.writelines(filter(is_wanted, lines))
    return to


def text_pool(setting: Setting, keep: ExitStack) -> Job:
    """A multiprocessing.Pool and gzip, written by hand."""
    workers, folder = process_pool(setting, keep), new_folder(keep)
    pairs = [(path, str(folder / f"{number:03}.json.gz")) for number, path in enumerate(setting.paths)]
    return lambda: workers.starmap(copy_lines, pairs, chunksize=1)


def json_bagkit(setting: Setting, keep: ExitStack) -> Job:
    """bagkit: records filtered, to JSON lines in gz files."""
    import bagkit as bk

    folder = new_folder(keep)

    def job() -> object:
        records = bk.read_json(setting.paths).filter(lambda r: r["age"] > 30)
        return records.to_jsonl(folder / "*.json.gz", exist="overwrite", workers=setting.workers).paths

    return job


def json_dask(setting: Setting, keep: ExitStack, *, best: bool = False) -> Job:
    """dask.bag: records filtered, to JSON lines in gz files."""
    db, folder = dask_bag(setting, keep, best=best), new_folder(keep)

    def job() -> object:
        records = db.read_text(setting.paths).map(json.loads).filter(lambda r: r["age"] > 30)
        return records.map(json.dumps).to_textfiles(str(folder / "*.json.gz"))

    return job


def json_dask_best(setting: Setting, keep: ExitStack) -> Job:
    """dask.bag with one pool for all repetitions and no lumps of tasks."""
    return json_dask(setting, keep, best=True)


def copy_adults(path: str, to: str) -> str:
    """Filter the records of one file with the standard library."""
    with gzip.open(path, "rt", encoding="utf-8") as lines, gzip.open(to, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(record) + "\n" for record in map(json.loads, lines) if record["age"] > 30)
    return to


def json_pool(setting: Setting, keep: ExitStack) -> Job:
    """A multiprocessing.Pool, json and gzip, written by hand."""
    workers, folder = process_pool(setting, keep), new_folder(keep)
    pairs = [(path, str(folder / f"{number:03}.json.gz")) for number, path in enumerate(setting.paths)]
    return lambda: workers.starmap(copy_adults, pairs, chunksize=1)


def dumps_bagkit(setting: Setting, keep: ExitStack) -> Job:
    """bagkit: records filtered, written by json.dumps, to gz files."""
    import bagkit as bk

    folder = new_folder(keep)

    def job() -> object:
        records = bk.read_text(setting.paths).map(json.loads).filter(lambda r: r["age"] > 30)
        return records.map(json.dumps).to_textfiles(folder / "*.json.gz", workers=setting.workers)

    return job


TEXT: dict[str, Contender] = {
    "bagkit": text_bagkit,
    "dask": text_dask,
    "dask-best": text_dask_best,
    "pool": text_pool,
}
JSON: dict[str, Contender] = {
    "bagkit": json_bagkit,
    "dask": json_dask,
    "dask-best": json_dask_best,
    "pool": json_pool,
}
DUMPS: dict[str, Contender] = {**JSON, "bagkit": dumps_bagkit}
JSON |= column_engines.WRITE_JSON
