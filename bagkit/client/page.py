"""The dashboard that a client has opened."""

from __future__ import annotations

import weakref


class Page:
    """The dashboard of one client, which closes it if it was the one that opened it; mutable, of that client."""

    def __init__(self) -> None:
        from bagkit.live.dashboard import open_dashboard

        page, own = open_dashboard()
        self.address = page.address
        self._close = weakref.finalize(self, page.close if own else bool)
        self._close.atexit = False

    def close(self) -> None:
        """Close it, if it is this client's."""
        self._close()
