"""Reading again what failed for a reason that passes: a connection that broke, a server that is busy.

Only what may be repeated is: an error that says that a file is missing, or not for this user, or that it is another one
now, is raised at once.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Final, TypeVar

from bagkit.errors import BagkitError, ask
from bagkit.flow.report import Report
from bagkit.io.input.paths import is_missing

T = TypeVar("T")

READ_RETRIES: Final = 3
"""How often the same is tried again, unless the option says otherwise."""

FIRST_SECONDS: Final = 0.1
MOST_SECONDS: Final = 10.0
_PASSING: Final = frozenset(
    {
        errno.EAGAIN, errno.EBUSY, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTDOWN,
        errno.EHOSTUNREACH, errno.EINTR, errno.EIO, errno.ENETDOWN, errno.ENETRESET, errno.ENETUNREACH, errno.EPIPE,
        errno.ESTALE, errno.ETIMEDOUT,
    }
)  # fmt: skip
_BUSY: Final = frozenset({408, 425, 429})
"""What a web server says, beside 500 and above, that may be different soon."""
_NAMES: Final = frozenset(
    {
        "aiohttp.ClientConnectionError", "aiohttp.ClientPayloadError", "http.IncompleteRead", "http.BadStatusLine",
        "requests.ConnectionError", "requests.Timeout", "requests.ChunkedEncodingError", "botocore.HTTPClientError",
        "urllib3.ProtocolError", "urllib3.TimeoutError", "httpx.TransportError",
    }
)  # fmt: skip
"""Errors of packages whose base is no OSError, by package and name."""
_LASTING: Final = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    NotImplementedError,
)

_STATUS: Final = ("status", "status_code", "code")
_NOTHING: Final = object()
pause: Callable[[float], object] = time.sleep
"""Waits; Ctrl-C ends it."""


def is_passing(error: BaseException) -> bool:
    """Return whether what raised `error` may go well if it is tried again.

    >>> is_passing(ConnectionResetError()), is_passing(FileNotFoundError("a.txt")), is_passing(ValueError())
    (True, False, False)
    """
    if isinstance(error, BagkitError) or not isinstance(error, Exception):
        return False
    if isinstance(error, FileNotFoundError) and not is_missing(error) and error.__cause__ is not None:
        return is_passing(error.__cause__)  # fsspec says so of a web server that it could not reach
    status = _status_of(error)
    if status is not None:
        return status >= 500 or status in _BUSY
    if isinstance(error, _LASTING):
        return False
    if isinstance(error, (TimeoutError, ConnectionError)) or _errno_of(error) in _PASSING:
        return True
    reason = ask(error, "reason")  # of urllib's error, which is about another one
    if isinstance(reason, BaseException):
        return is_passing(reason)
    return not _NAMES.isdisjoint(f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__)


def _errno_of(error: BaseException) -> int | None:
    told = ask(error, "errno")
    return told if type(told) is int else None


def _status_of(error: BaseException) -> int | None:
    """Return what a server has said with the error, as the packages for the web and for stores have it."""
    response = ask(error, "response")
    about = response.get("ResponseMetadata") if isinstance(response, dict) else None
    told = about.get("HTTPStatusCode") if isinstance(about, dict) else None
    if told is None:
        told = next((said for name in _STATUS if (said := ask(error, name, _NOTHING)) is not _NOTHING), None)
    return told if type(told) is int and 400 <= told < 600 else None


class Attempts:
    """How often one thing may be tried again in a row; mutable, of the reading of one file."""

    def __init__(self, retries: int = READ_RETRIES, report: Report | None = None) -> None:
        self._retries = retries
        self._report = report
        self._failed = 0

    def waits_for(self, error: Exception) -> bool:
        """Return whether to try again after `error`, having waited: longer each time, and no two readers alike."""
        if self._failed >= self._retries or not is_passing(error):
            return False
        from random import SystemRandom  # of its own: the state of the user's generator stays what it is

        seconds = min(MOST_SECONDS, FIRST_SECONDS * 2**self._failed) * SystemRandom().uniform(0.5, 1.5)
        self._failed += 1
        if self._report is not None:
            self._report.reads_again += 1
        pause(seconds)
        return True

    def went_well(self) -> None:
        """Note that a read went well: a later failure counts anew."""
        self._failed = 0

    def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns, which is called again as long as it may be."""
        while True:
            try:
                value = function()
            except Exception as error:
                if not self.waits_for(error):
                    raise
            else:
                self.went_well()
                return value
