"""Does anyone watch which functions are called? Then each call has to be made, also where its answer is known."""

from __future__ import annotations

import sys
from typing import Any, Final

_MONITORING: Final[Any] = getattr(sys, "monitoring", None)
_TOOLS: Final = range(6)
"""The numbers that tools may have."""


def calls_are_watched() -> bool:
    """Return whether a debugger, a profiler or a measure of coverage is told of calls in this thread."""
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return True
    return _MONITORING is not None and any(map(_MONITORING.get_tool, _TOOLS))
