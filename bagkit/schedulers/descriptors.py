"""Whether a descriptor of this process is open. Imported by every worker, so light."""

from __future__ import annotations

import os


def is_open(descriptor: int) -> bool:
    """Return whether `descriptor` stands for a file, a pipe or a socket."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
