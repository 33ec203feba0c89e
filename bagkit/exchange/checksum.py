"""Checksums, and what packs bytes that wait: of isal, or of zlib where isal does not load.

It does not in an interpreter of its own, beside others in one process (InterpreterPoolExecutor, Python 3.14 and later).
Both give the same checksums, and each unpacks what the other has packed.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def deflate_module() -> Any:
    """Return isal's module, or zlib, which takes ten times as long; imported late, for most runs check nothing."""
    try:
        from isal import isal_zlib
    except ImportError:
        import zlib

        return zlib
    return isal_zlib


def crc32(data: bytes | memoryview, value: int = 0) -> int:
    """Return the CRC-32 of `data`, as zlib does, in a tenth of the time. `value` is the CRC-32 of what came before."""
    return int(deflate_module().crc32(data, value))
