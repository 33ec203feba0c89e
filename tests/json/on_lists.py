"""What programs on JSON lines give, told from plain lists and `json.loads`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def outcome(make: Callable[[], Any]) -> Any:
    """Return what a call gives or raises, as it can be compared."""
    try:
        return repr(make())  # types, the order of keys, NaN and -0.0 show in it
    except Exception as error:
        return type(error), str(error)


def on_lists(lines: list[bytes], steps: list[tuple[str, Any]]) -> tuple[list[Any], Exception | None]:
    """Return what comes out where lines that fail are skipped, and the error of the first of them."""
    found, first = [], None
    for line in lines:
        try:
            record = json.loads(line.decode())
            for method, function in steps:
                if method in ("map", "pluck"):
                    record = function(record)
                elif bool(function(record)) is (method == "remove"):
                    break
            else:
                found.append(record)
        except Exception as error:
            first = first or error
    return found, first
