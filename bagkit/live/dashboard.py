"""dashboard: a page that shows what runs in this process, while it runs."""

from __future__ import annotations

import os
import threading
from html import escape

from bagkit.errors import OptionError, one_line
from bagkit.front_doors import front_door, front_doors
from bagkit.live.recorder import RunRecorder
from bagkit.live.server import PageServer
from bagkit.signatures import whole_number

_lock = threading.Lock()
_open: Dashboard | None = None


@front_doors
class Dashboard:
    """A page in the browsers of this machine that shows what runs in this process: what `bagkit.dashboard()` returns.

    It ends with its `with` block, with `close()`, or with the process. Runs go on without it.

    >>> import bagkit as bk
    >>> with bk.dashboard() as page:
    ...     page.address.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, port: int) -> None:
        self._recorder = RunRecorder()
        try:
            self._server = PageServer(self._recorder, port)
        except OSError as error:
            self._recorder.close()
            raise OptionError(
                f"dashboard: port {port} can't be used: {error.strerror}; hint: dashboard() takes a free one"
            ) from error
        self._pid = os.getpid()

    @property
    def address(self) -> str:
        """The address to open in a browser. It has a token in it: whoever knows the address sees the page.

        >>> import bagkit as bk
        >>> with bk.dashboard() as page:
        ...     page.address.endswith("/")
        True
        """
        return self._server.address

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1.

        >>> import bagkit as bk
        >>> with bk.dashboard() as page:
        ...     page.port > 0
        True
        """
        return self._server.port

    @property
    def is_closed(self) -> bool:
        """Whether it has ended.

        >>> import bagkit as bk
        >>> page = bk.dashboard()
        >>> page.close()
        >>> page.is_closed
        True
        """
        return self._recorder.is_closed

    def close(self) -> None:
        """End the page, and forget what it has recorded. Runs go on.

        >>> import bagkit as bk
        >>> bk.dashboard().close()
        """
        global _open
        with _lock:
            if _open is self:
                _open = None
        if not self.is_closed and os.getpid() == self._pid:
            self._recorder.close()
            self._server.end()

    def _leave_to_parent(self) -> None:
        """Let go of the page in a forked process, whose parent serves it."""
        self._server.socket.close()
        self._recorder.close()

    def __enter__(self) -> Dashboard:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "Dashboard(closed)" if self.is_closed else f"Dashboard({self.address})"

    def _repr_html_(self) -> str:
        if self.is_closed:
            return "<p>This dashboard is closed.</p>"
        address = escape(self.address)
        return f'<p>Dashboard: <a href="{address}" target="_blank" rel="noreferrer">{address}</a></p>'


@front_door
def dashboard(port: int | None = None) -> Dashboard:
    """Serve a page that shows what runs in this process: runs, their stages and steps, workers, memory, failures.

    The page is served to this machine only, at an address with a token in it. It shows all runs that start from now on,
    in all threads, and the calls of clients. If a page is open already, this one is returned.

    Args:
        port: The port of 127.0.0.1 to serve it on. Default: None, a free one.

    Returns:
        The Dashboard: open its `address` in a browser. `close()` ends it, and so does the end of its `with` block.

    Raises:
        OptionError: The port is not a port, is in use, or is not the port of the open dashboard.

    >>> import bagkit as bk
    >>> with bk.dashboard() as page:
    ...     bk.range(100, npartitions=4).sum().compute(scheduler="sync")
    4950
    """
    return open_dashboard(port)[0]


def open_dashboard(port: int | None = None) -> tuple[Dashboard, bool]:
    """Return the dashboard that is open, and whether it was opened just now."""
    global _open
    given, port = port, whole_number(port)
    if given is not None and (port is None or not 0 <= port < 1 << 16):
        raise OptionError(f"dashboard: port is {one_line(given)}; expected a number from 0 to 65535, or None")
    with _lock:
        if _open is None:
            _open = Dashboard(port or 0)
            return _open, True
        if port and port != _open.port:
            raise OptionError(f"dashboard: one is open on port {_open.port}; got port {port}; hint: close it first")
        return _open, False


def _after_fork() -> None:
    global _open, _lock
    page, _open, _lock = _open, None, threading.Lock()
    if page is not None:
        page._leave_to_parent()


os.register_at_fork(after_in_child=_after_fork)
