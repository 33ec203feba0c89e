"""Writes made-up daily stock prices: random walks, a JSON file for each stock, the same ones every time."""

import datetime
import json
import random
from pathlib import Path

STOCKS = ["aet", "afl", "aig", "al", "amgn", "avy", "b", "bwa", "ge", "hal", "hp", "hpq", "ibm", "jbl", "jpm",
          "luv", "met", "pcg", "tgt", "usb"]  # fmt: skip


def make_stocks(folder: Path, days: int = 20_000) -> list[Path]:
    """Write one file for each stock, a JSON object on each line for each of `days`, and return their paths.

    Files that are there already, from an earlier call, are used as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stock}.json" for stock in STOCKS]
    for path in paths:
        if not path.exists():
            unfinished = path.with_name(path.name + ".part")
            unfinished.write_text("".join(json.dumps(day) + "\n" for day in walk(path.stem, days)))
            unfinished.replace(path)
    return paths


def walk(stock: str, days: int) -> list[dict[str, object]]:
    """Return the prices of one stock: each day opens where the last one closed."""
    rng = random.Random(stock)
    price = rng.uniform(20, 200)
    date = datetime.date(1950, 1, 2)
    result = []
    for _ in range(days):
        opened, price = price, max(1.0, price * rng.gauss(1.0001, 0.02))
        low, high = min(opened, price) * rng.uniform(0.98, 1), max(opened, price) * rng.uniform(1, 1.02)
        prices = {"open": opened, "high": high, "low": low, "close": price}
        result.append(
            {
                "date": date.isoformat(),
                **{name: round(value, 2) for name, value in prices.items()},
                "volume": rng.randrange(10_000, 5_000_000),
            }
        )
        date += datetime.timedelta(days=3 if date.weekday() == 4 else 1)
    return result


def make_arrays(folder: Path, days: int = 20_000) -> list[Path]:
    """Write one file for each stock with one JSON array of all its days, which name the stock; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stock}.json" for stock in STOCKS]
    for path in paths:
        if not path.exists():
            named = [{"symbol": path.stem, **day} for day in walk(path.stem, days)]
            path.write_text(json.dumps(named, indent=1))
    return paths
