"""The name of this process, by which one that is sent something knows whether it comes from there.

Imported by workers, so light.
"""

from __future__ import annotations

import os

_name = ""


def this_process() -> str:
    """Return a name that no other process has."""
    global _name
    if not _name:
        _name = os.urandom(8).hex()
    return f"{_name}-{os.getpid()}"  # also of a fork
