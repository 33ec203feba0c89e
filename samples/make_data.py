"""Writes JSON lines to play with: 200,000 made-up orders in four gzip files, the same ones every time."""

import gzip
import json
import random
from pathlib import Path

FIRST = [
    "Ada",
    "Alan",
    "Barbara",
    "Chloë",
    "Donald",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "John",
    "Jürgen",
    "Katherine",
]
LAST = ["Allen", "Backus", "Dijkstra", "Hopper", "Johnson", "Knuth", "Lamarr", "Liskov", "Lovelace", "Turing"]
CITIES = ["Berlin", "Lima", "Nairobi", "Oslo", "São Paulo", "Seoul", "Zürich"]


def make_data(folder: Path, records: int = 200_000, files: int = 4) -> list[Path]:
    """Write `records` orders, spread over `files` files of `folder`, and return their paths.

    Files that are there already, from an earlier call, are used as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"orders-{number}.json.gz" for number in range(files)]
    for number, path in enumerate(paths):
        if not path.exists():
            write_file(path, records // files, random.Random(number))
    return paths


def write_file(path: Path, records: int, rng: random.Random) -> None:
    """Write one file of orders; it gets its name only when it is whole."""
    names = [f"{first} {last}" for first in FIRST for last in LAST]
    random.Random("the same order in every file").shuffle(names)
    weights = [1 / (rank + 3) for rank in range(len(names))]
    unfinished = path.with_name(path.name + ".part")
    with gzip.open(unfinished, "wt", encoding="utf-8", compresslevel=1) as lines:
        for name in rng.choices(names, weights, k=records):
            order = {
                "name": name,
                "age": rng.randrange(18, 90),
                "city": rng.choice(CITIES),
                "items": [{"sku": f"A-{rng.randrange(500)}", "price": rng.randrange(100, 9900) / 100}],
            }
            lines.write(json.dumps(order, ensure_ascii=False) + "\n")
    unfinished.replace(path)
