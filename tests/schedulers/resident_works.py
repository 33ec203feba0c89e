"""What tests of resident records do in workers, which import this and none of what the tests need."""

from __future__ import annotations

import datetime
import sys
import time
from typing import Any


def RECORDS_OF(n: int) -> dict[str, Any]:
    return {"id": n, "tags": [n % 3, {"name": f"n{n}"}], "text": "x" * (n % 7)}


def kept_in_worker(_: Any) -> int:
    """Return how many partitions the worker that runs this keeps."""
    residents: Any = sys.modules.get("bagkit.schedulers.residents")
    time.sleep(0.05)
    return 0 if residents is None else len(residents._records)


class Thing:
    def __init__(self, n: int, day: datetime.date) -> None:
        self.n = n
        self.day = day


def operator_id(record: dict[str, Any]) -> Any:
    return record["id"]
