"""Writes a made-up delivery of orders, as messy as real ones, and their customers: the same ones every time."""

import gzip
import json
import random
from pathlib import Path

DAYS = ("mon", "tue", "wed")


def make_delivery(folder: Path, orders: int = 6_000) -> Path:
    """Write `orders` orders in a compressed file of JSON lines for each day, and the customers; return the folder.

    About 1 in 100 amounts is text with a comma, 1 in 200 customers is missing, 1 in 500 lines is cut off, and 1 in 50
    orders is delivered twice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random("delivery")
    customers = [{"id": f"c{n:03}", "city": rng.choice(["Bern", "Oslo", "Rome", "Zürich"])} for n in range(200)]
    (folder / "customers.jsonl").write_text("".join([json.dumps(each) + "\n" for each in customers]))
    share = orders // len(DAYS)
    for number, day in enumerate(DAYS):
        lines = [line_of(order(n, rng), rng) for n in range(number * share, (number + 1) * share)]
        lines += rng.sample(lines, share // 50)
        with gzip.open(folder / f"orders-{day}.jsonl.gz", "wt") as file:
            file.write("\n".join(lines) + "\n")
    return folder


def order(number: int, rng: random.Random) -> dict[str, object]:
    """Return an order, as it was typed in by somebody."""
    amount: object = round(rng.uniform(5, 500), 2)
    if rng.random() < 0.01:
        amount = str(amount).replace(".", ",")
    day = rng.randrange(1, 29)
    made: dict[str, object] = {
        "id": number,
        "customer": f"c{rng.randrange(200):03}",
        "date": f"2026-11-{day:02}" if rng.random() < 0.9 else f"{day:02}.11.2026",
        "amount": amount,
        "items": [
            {"article": f"a{rng.randrange(40)}", "count": rng.randrange(1, 5)} for _ in range(rng.randrange(1, 4))
        ],
    }
    if rng.random() < 0.005:
        del made["customer"]
    return made


def line_of(made: dict[str, object], rng: random.Random) -> str:
    """Return the line of an order; some are cut off."""
    line = json.dumps(made)
    return line[: len(line) // 2] if rng.random() < 0.002 else line
