"""Warnings that point at the user's line, however deep in bagkit they arise."""

from __future__ import annotations

import os
import sys
import warnings

_PACKAGE = os.path.dirname(__file__) + os.sep


def warn_at_caller(message: str, category: type[Warning]) -> None:
    """Warn with the line of the first caller outside of bagkit."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
