"""The programs that `benchmarks.faults` disturbs: `python -m benchmarks.fault_jobs JOB FOLDER RECORDS`.

Each says on standard output when its run begins, and at its end in one line of JSON what came of it. Exchanges have so
little memory that they write what they hold to `FOLDER/temporary`; output goes to `FOLDER/output`.
"""

import gc
import json
import os
import sys
import zlib
from typing import Any

import bagkit as bk

PARTITIONS = 12
KEYS = 500
BYTES_A_RECORD = 100
"""Of the memory limit, a fifth of what a record takes."""


def record(n: int) -> dict[str, Any]:
    """Return record number `n`."""
    return {"key": f"key {n * 7919 % KEYS}", "n": n, "text": f"record {n * 104729 % 10007} " * 3, "x": n / 7}


def describe(group: tuple[str, list[dict[str, Any]]]) -> tuple[str, int, int]:
    """Return the key of a group, how many records it has, and a checksum of all of them in their order."""
    key, members = group
    return key, len(members), zlib.crc32(repr(members).encode())


def groupby(folder: str, records: int) -> Any:
    """Group all records; return what describes the groups."""
    bag = bk.range(records, npartitions=PARTITIONS).map(record).groupby("key", npartitions=PARTITIONS // 2)
    return sorted(bag.map(describe).compute(memory_limit=records * BYTES_A_RECORD))


def to_jsonl(folder: str, records: int) -> Any:
    """Write all records, or those partitions that no run before has written; return the names of the files."""
    bag = bk.range(records, npartitions=PARTITIONS).map(record)
    return [os.path.basename(path) for path in bag.to_jsonl(f"{folder}/output/*.jsonl.gz", exist="resume").paths]


def groups_to_jsonl(folder: str, records: int) -> Any:
    """Group all records through the disk, and write what describes the groups; return the names of the files."""
    bag = bk.range(records, npartitions=PARTITIONS).map(record).groupby("key", npartitions=PARTITIONS // 2)
    output = bag.map(describe).to_jsonl(
        f"{folder}/output/*.jsonl.gz", exist="resume", memory_limit=records * BYTES_A_RECORD
    )
    return [os.path.basename(path) for path in output.paths]


JOBS = {"groupby": groupby, "to_jsonl": to_jsonl, "groups_to_jsonl": groups_to_jsonl}
WRITING = frozenset({"to_jsonl", "groups_to_jsonl"})
"""Jobs that write files, and go on where they ended when they are run again."""


def open_files() -> int:
    """Return how many files this process has open."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def warm() -> int:
    """Have both workers do something; return how many files are open then."""
    assert bk.range(4, npartitions=4).map(str).compute() == ["0", "1", "2", "3"]
    return open_files()


def main() -> None:
    """Run the job that the command line names, and say what came of it."""
    name, folder, records = sys.argv[1:]
    result: dict[str, Any] = {"answer": None, "error": "", "message": "", "typed": False}
    with bk.options(scheduler="processes", workers=2, temporary_directory=f"{folder}/temporary"):
        before = warm()
        print("begun", flush=True)
        try:
            result["answer"] = JOBS[name](folder, int(records))
        except Exception as error:
            result |= {"error": type(error).__name__, "message": str(error), "typed": isinstance(error, bk.BagkitError)}
        print("ended", flush=True)
        result["files"] = [before, warm()]
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
