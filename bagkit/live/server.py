"""Serves the page of runs to browsers of this machine that know its token."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from bagkit.errors import TaskError
from bagkit.live.sections import live_page, page_file, sections
from bagkit.own_threads import started_thread

if TYPE_CHECKING:
    from bagkit.live.recorder import RunRecorder

HOST = "127.0.0.1"
ALIVE_SECONDS = 10.0
"""How often a browser hears something, also where nothing that it shows has changed."""
MOST_STREAMS = 16
"""Browsers that are told of news at the same time."""
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class PageServer(ThreadingHTTPServer):
    """Serves on the loopback interface, in threads that end with the process; mutable, of one dashboard."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, recorder: RunRecorder, port: int) -> None:
        self.recorder = recorder
        self.token = secrets.token_urlsafe(24)
        self.streams = threading.Semaphore(MOST_STREAMS)
        super().__init__((HOST, port), PageHandler)
        try:
            self._thread = started_thread("bagkit-dashboard", self.serve_forever)
        except TaskError:
            self.server_close()
            raise

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """What a browser opens."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    def server_bind(self) -> None:
        """Bind, and ask nobody for the name of this machine, as HTTPServer does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that go away in the middle of an answer."""

    def end(self) -> None:
        """Serve no more."""
        self.shutdown()
        self.server_close()

    def parts(self, run: int | None) -> dict[str, str]:
        """Return the parts of the page as they are now."""
        begun = time.thread_time()
        with self.recorder.lock:
            found = sections(self.recorder, run)
        self.recorder.spend(time.thread_time() - begun)
        return found


class PageHandler(BaseHTTPRequestHandler):
    """Answers one browser."""

    server_version = "bagkit"
    sys_version = ""
    timeout = 30.0

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Log nothing."""

    def do_GET(self) -> None:
        """Answer with the page, a file of it, or the stream of changes."""
        server = cast("PageServer", self.server)
        url = urlsplit(self.path)
        _, token, *rest = f"{url.path}//".split("/")
        known = hmac.compare_digest(token.encode("utf-8", "replace"), server.token.encode())
        if not self._is_for_here(server.port) or not known:
            self._answer(403, "text/plain", "The address has a token in it, which this one does not have.\n")
            return
        run = _run_of(url.query)
        match rest[0]:
            case "" if url.path.endswith("/"):
                server.recorder.count()
                self._answer(200, "text/html", live_page(server.parts(run)))
            case "page.js":
                self._answer(200, "text/javascript", page_file("page.js"))
            case "page.css":
                self._answer(200, "text/css", page_file("page.css"))
            case "events":
                self._stream(server, run)
            case _:
                self._answer(404, "text/plain", "There is no such page.\n")

    def _is_for_here(self, port: int) -> bool:
        """Return whether a browser asked for this machine by a name that leads nowhere else."""
        return self.headers.get("Host") in (f"{HOST}:{port}", f"localhost:{port}")

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        for name, value in HEADERS.items():
            self.send_header(name, value)

    def _answer(self, status: int, kind: str, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        self._head(status, kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, server: PageServer, run: int | None) -> None:
        """Send what changes, until the browser goes or the page is closed."""
        if not server.streams.acquire(blocking=False):
            self._answer(503, "text/plain", "Too many browsers look at this page.\n")
            return
        try:
            self._head(200, "text/event-stream")
            self.end_headers()
            self._send_news(server, run)
        finally:
            server.streams.release()

    def _send_news(self, server: PageServer, run: int | None) -> None:
        recorder = server.recorder
        version, sent, said = -1, dict[str, str](), time.monotonic()
        while not recorder.is_closed:
            news = {}
            if recorder.wait(version, ALIVE_SECONDS):
                version = recorder.version
                parts = server.parts(run)
                news = {name: html for name, html in parts.items() if sent.get(name) != html}
                sent = parts
            if news or time.monotonic() - said >= ALIVE_SECONDS:  # to write fails if the browser has gone
                self.wfile.write(f"data: {json.dumps(news)}\n\n".encode() if news else b": nothing new\n\n")
                said = time.monotonic()
        self.wfile.write(b"event: end\ndata: closed\n\n")


def _run_of(query: str) -> int | None:
    found = parse_qs(query, max_num_fields=10).get("run", [""])[0] if len(query) < 100 else ""
    return int(found) if re.fullmatch(r"[0-9]{1,9}", found, re.ASCII) else None
