"""When functions are called though a loop knows what they calculate.

If anyone watches which functions are called; and for a record for which the loop raises.
"""

from __future__ import annotations

import sys
from typing import Any, Final

_MONITORING: Final[Any] = getattr(sys, "monitoring", None)
_TOOLS: Final = range(6)
"""The numbers that tools may have."""

CALCULATING_RAISES: Final = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError),
)
"""What operators raise for values of JSON, and looking up an attribute for dicts: no errors of a signal's handler."""


def calls_are_watched() -> bool:
    """Return whether a debugger, a profiler or a measure of coverage is told of calls in this thread."""
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return True
    return _MONITORING is not None and any(map(_MONITORING.get_tool, _TOOLS))
