"""The input files: made once, the same every time, kept for the next run."""

import gzip
import json
import multiprocessing
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

FIRST = [
    *("Ada", "Alan", "Amara", "Barbara", "Chen", "Chloë", "Claude", "Dana", "Donald", "Edsger", "Emeka", "Frances"),
    *("Grace", "Hedy", "Ines", "John", "Jürgen", "Katherine", "Ken", "Lena", "Łucja", "Lukas", "Margaret", "Mei"),
    *("Niklaus", "Noor", "Olga", "Omar", "Priya", "Radia", "Ravi", "Sofia", "Sven", "Tim", "Vint", "Wanda", "Yusuf"),
]
LAST = [
    *("Allen", "Backus", "Cerf", "Dijkstra", "Engelbart", "Floyd", "Goldberg", "Hamilton", "Hoare", "Hopper"),
    *("Iverson", "Johnson", "Kay", "Knuth", "Lamarr", "Lamport", "Liskov", "Lovelace", "Minsky", "Naur", "Perlman"),
    *("Ritchie", "Shannon", "Sutherland", "Thompson", "Turing", "Wilkes", "Wing", "Wirth", "Yao"),
]
NAMES = random.Random("names").sample([f"{first} {last}" for first in FIRST for last in LAST], k=len(FIRST) * len(LAST))
NAME_WEIGHTS = [1 / (rank + 2) for rank in range(len(NAMES))]  # so that the ten most frequent differ in their counts
CITIES = ["Berlin", "Chicago", "Lagos", "Lima", "Mumbai", "Nairobi", "Oslo", "Osaka", "São Paulo", "Seoul", "Zürich"]
TAGS = ["new", "paid", "gift", "late", "retry", "mobile", "web", "beta"]
WORDS = [
    "the",
    "order",
    "was",
    "sent",
    "back",
    "since",
    "one",
    "of",
    "its",
    "parts",
    "did",
    "not",
    "fit",
    "and",
    "nobody",
]


def small_record(name: str, rng: random.Random) -> dict[str, Any]:
    """Return a flat record of about a hundred bytes."""
    return {
        "name": name,
        "age": rng.randrange(18, 90),
        "city": rng.choice(CITIES),
        "ts": 1_700_000_000 + rng.randrange(30_000_000),
        "tags": rng.sample(TAGS, 2),
    }


def addressed_record(name: str, rng: random.Random) -> dict[str, Any]:
    """Return a record of about a hundred bytes with an address in it."""
    address = {"street": f"{rng.randrange(1, 200)} High Street", "city": rng.choice(CITIES)}
    return {"name": name, "age": rng.randrange(18, 90), "address": address, "ts": 1_700_000_000 + rng.randrange(10**7)}


def numbered_record(name: str, rng: random.Random) -> dict[str, Any]:
    """Return a flat record with a number that hardly any other record has."""
    return {"id": rng.getrandbits(52), **small_record(name, rng)}


def large_record(name: str, rng: random.Random) -> dict[str, Any]:
    """Return a nested record of about two kilobytes; the name stands in its middle."""
    items = [
        {
            "sku": f"A-{rng.randrange(100_000)}",
            "price": rng.randrange(100, 99_900) / 100,
            "quantity": rng.randrange(1, 9),
            "options": {"colour": rng.choice(["red", "green", "blue"]), "gift": rng.random() < 0.2, "note": None},
        }
        for _ in range(7)
    ]
    return {
        "id": f"{rng.getrandbits(64):016x}",
        "ts": 1_700_000_000 + rng.randrange(30_000_000),
        "items": items,
        "name": name,
        "age": rng.randrange(18, 90),
        "address": {"city": rng.choice(CITIES), "geo": {"lat": rng.uniform(-60, 60), "lon": rng.uniform(-180, 180)}},
        "tags": rng.sample(TAGS, 3),
        "events": [{"kind": rng.choice(TAGS), "after": rng.randrange(100_000)} for _ in range(8)],
        "text": " ".join(rng.choices(WORDS, k=130)),
    }


@dataclass(frozen=True, slots=True)
class DataSet:
    """What to generate: `records` records in all, spread over `files` gzip files.

    With `ids` each record has an id before all else, one of so many.
    """

    name: str
    records: int
    files: int
    make_record: Callable[[str, random.Random], dict[str, Any]]
    ids: int = 0

    def scaled(self, scale: float) -> "DataSet":
        """Return the same data set with `scale` times as many records, and as many ids for each record."""
        records = max(self.files, int(self.records * scale))
        return replace(self, records=records, ids=self.ids * records // self.records)

    def record(self, name: str, rng: random.Random) -> dict[str, Any]:
        """Return a record, with its id."""
        made = self.make_record(name, rng)
        return {"id": f"C-{rng.randrange(self.ids):08}", **made} if self.ids else made

    def files_in(self, folder: Path) -> list[str]:
        """Return the paths of the files, made now if they are not in `folder` yet."""
        return files_of(self, folder)


class Input(Protocol):
    """Files that a benchmark reads."""

    def scaled(self, scale: float) -> "Input":
        """Return the same with `scale` times as much in it."""

    def files_in(self, folder: Path) -> list[str]:
        """Return the paths of the files, made now if they are not in `folder` yet."""


SMALL = DataSet("small", 1_600_000, 8, small_record)
ONE = DataSet("one", 1_600_000, 1, small_record)
LARGE = DataSet("large", 75_000, 8, large_record)
FEW = DataSet("few", 8_000, 8, small_record)
MANY = DataSet("many", 480_000, 8, small_record)
GROUPS = DataSet("groups", 960_000, 8, small_record)
TIMES = DataSet("times", 1_100_000, 8, small_record)
ADDRESSES = DataSet("addresses", 1_600_000, 8, addressed_record)
NUMBERS = DataSet("numbers", 960_000, 8, numbered_record)
IDS = DataSet("ids", 2_000_000, 8, small_record, ids=1_255_000)  # of which the records have a million


def files_of(data: DataSet, folder: Path) -> list[str]:
    """Return the paths of the files of a data set, made now if they are not in `folder` yet."""
    home = folder / f"{data.name}-{data.records}"
    paths = [home / f"part-{number}.json.gz" for number in range(data.files)]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    if missing:
        home.mkdir(parents=True, exist_ok=True)
        with multiprocessing.get_context("spawn").Pool(min(len(missing), multiprocessing.cpu_count())) as pool:
            pool.starmap(write_file, [(data, paths[number], number) for number in missing], chunksize=1)
    return [str(path) for path in paths]


def write_file(data: DataSet, path: Path, number: int) -> None:
    """Write one file of a data set; it gets its name only when it is whole."""
    rng = random.Random(f"{data.name} {number}")
    records = data.records // data.files + (number < data.records % data.files)
    unfinished = path.with_name(path.name + ".part")
    with gzip.open(unfinished, "wt", encoding="utf-8", compresslevel=6) as lines:
        for name in rng.choices(NAMES, NAME_WEIGHTS, k=records):
            lines.write(json.dumps(data.record(name, rng), ensure_ascii=False) + "\n")
    unfinished.replace(path)


def uncompressed_bytes(paths: list[str]) -> int:
    """Return how many bytes the files hold once those of them that are gzip files are inflated."""
    total = 0
    for path in paths:
        with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as file:
            while block := file.read(1 << 20):
                total += len(block)
    return total


def write_repeated(source: str, target: Path, size: int) -> None:
    """Write what the gzip file `source` holds into one file, again and again until it has `size` bytes or more.

    The file is one gzip member if the name of `target` ends in .gz, and plain otherwise.
    """
    with gzip.open(source, "rb") as file:
        content = file.read()
    with gzip.open(target, "wb", compresslevel=1) if target.suffix == ".gz" else target.open("wb") as out:
        for _ in range(max(1, -(-size // len(content)))):
            out.write(content)


def remove(folder: Path) -> None:
    """Remove a folder of generated files."""
    shutil.rmtree(folder, ignore_errors=True)
