"""Checksums: they tell whether bytes are still as they were written."""

from __future__ import annotations


def crc32(data: bytes | memoryview, value: int = 0) -> int:
    """Return the CRC-32 of `data`, as zlib does, in a tenth of the time. `value` is the CRC-32 of what came before."""
    from isal import isal_zlib  # imported late, for most runs check nothing

    return int(isal_zlib.crc32(data, value))
