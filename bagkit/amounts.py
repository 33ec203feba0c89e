"""Amounts in words, for people: how many, how large, how long."""

from __future__ import annotations


def how_many(count: int, what: str) -> str:
    """Return a number of things.

    >>> how_many(1, "task"), how_many(1200, "record")
    ('1 task', '1,200 records')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def bytes_text(size: float) -> str:
    """Return a number of bytes.

    >>> bytes_text(999), bytes_text(9_300_000_000)
    ('999 B', '9.3 GB')
    """
    unit = "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} B" if unit == "B" else f"{size:.3g} {unit}"


def seconds_text(seconds: float) -> str:
    """Return a time.

    >>> seconds_text(0.0021), seconds_text(0.9997), seconds_text(61.4), seconds_text(7261)
    ('2.1 ms', '1 s', '1:01', '2:01:01')
    """
    if seconds < 59.95:
        for unit, size in (("µs", 1e-6), ("ms", 1e-3)):
            if seconds < 999.5 * size:
                return f"{seconds / size:.3g} {unit}"
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
