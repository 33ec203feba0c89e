"""Warnings that point at the user's line, however deep in bagkit they arise."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Hashable, Iterator
from contextvars import ContextVar
from typing import Any

from bagkit.light_classes import NamedTuple
from bagkit.tracebacks import is_own
from bagkit.visible import visible_message


class Line(NamedTuple):
    """A line of the user's."""

    filename: str
    number: int
    module: str


_begun_at: ContextVar[Line | None] = ContextVar("bagkit_begun_at", default=None)
"""Where the user has begun what runs in this thread, in the background; None: the user's line is among the callers."""


def begun_at(line: Line) -> None:
    """Have warnings of this thread, or context, point at `line`."""
    _begun_at.set(line)


_told: dict[Hashable, None] = {}
"""What there was a warning about; the oldest go when there are too many."""
_MOST_TOLD = 4096


def warn_at_caller(message: str, category: type[Warning]) -> None:
    """Warn with the line of the first caller outside of bagkit."""
    line, names = _users_line()
    registry = None if names is None else names.setdefault("__warningregistry__", {})  # what Python keeps for a module
    with _shown_where_it_can_be():
        warnings.warn_explicit(visible_message(message), category, *line, registry)


def warn_at(line: Line, message: str, category: type[Warning]) -> None:
    """Warn with a line of the user's that has begun what is over by now."""
    with _shown_where_it_can_be():
        warnings.warn_explicit(visible_message(message), category, *line)


def warn_about(about: Hashable, message: str, category: type[Warning]) -> None:
    """Warn with that line once in a session of what is told `about`, whatever lines it comes from; each time for None.

    So it is where Python's filters leave it to a default: "error", "always", "ignore" and "once" mean what they do.
    """
    message = visible_message(message)
    line = users_line()
    action = _action(message, category, line)
    if about is not None and action != "ignore":
        known = about in _told
        _told[about] = None
        while len(_told) > _MOST_TOLD:
            del _told[next(iter(_told))]
        if known and action in ("default", "module"):
            return
    # A registry of its own: Python's would take two warnings of one text and line for one, whatever they are about.
    with _shown_where_it_can_be():
        warnings.warn_explicit(message, category, *line, {})


@contextlib.contextmanager
def _shown_where_it_can_be() -> Iterator[None]:
    """Ignore errors of a stderr that can't be written to."""
    try:
        yield
    except Warning:
        raise  # as a filter asks
    except Exception:
        if warnings.showwarning is not getattr(warnings, "_showwarning_orig", None):
            raise  # of a function of the user's


def users_line() -> Line:
    """Return the line of the first caller outside of bagkit, or the one that has begun what runs in this thread."""
    return _users_line()[0]


def _users_line() -> tuple[Line, dict[str, Any] | None]:
    """Return that line, and the globals of its module if it is among the callers."""
    begun = _begun_at.get()
    if begun is not None:
        return begun, None
    frame = sys._getframe(1)
    while frame.f_back is not None and is_own(frame):
        frame = frame.f_back
    module = frame.f_globals.get("__name__", "<string>")
    return Line(frame.f_code.co_filename, frame.f_lineno, module), frame.f_globals


def _action(text: str, category: type[Warning], line: Line) -> str:
    """Return what Python's filters say of a warning."""
    get = getattr(warnings, "_get_filters", None)  # they may be of the context (Python 3.14 and later)
    for action, message, kind, name, number in warnings.filters if get is None else get():
        at_line = _matches(name, line.module) and number in (0, line.number)
        if at_line and _matches(message, text) and issubclass(category, kind):
            return action
    return getattr(warnings, "defaultaction", "default")


def _matches(pattern: object, text: str) -> bool:
    """Say whether the pattern of a filter matches: the filters that Python begins with have plain text."""
    if isinstance(pattern, str):
        return pattern == text
    return pattern is None or pattern.match(text) is not None  # type: ignore[attr-defined]
