"""`from_url`: the lines of what URLs give, as bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import field, replace
from itertools import islice
from typing import Any, Final

from bagkit.errors import PlanError, SourceError, one_line
from bagkit.flow.blocks import Block, Place
from bagkit.flow.report import Report
from bagkit.io.input.again import READ_RETRIES, Attempts
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import Source
from bagkit.plan.pieces import Indivisible

LINES: Final = 1024
"""Lines in a block."""


@dataclass(frozen=True, slots=True)
class UrlPiece(Indivisible):
    """What one URL gives."""

    path: str
    partition: int

    weight = 0

    @property
    def label(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class UrlOrigin:
    """Where some lines of a URL stand."""

    piece: UrlPiece
    before: int

    def place(self, index: int, record: Any) -> Place:
        return Place(self.piece.path, self.piece.partition, line=self.before + index + 1, record=record)


@dataclass(frozen=True, slots=True)
class FromUrl(Source):
    """The lines of URLs; made by `plan_urls`."""

    name: str
    urls: tuple[str, ...] = field(repr=False)
    retries: int = READ_RETRIES
    """How often to try again in a row what may be repeated."""

    opaque = True
    """It waits for others, so that workers are of use however little there is to read."""

    @property
    def label(self) -> str:
        return f"from_url({self.name})"

    def pieces(self) -> Sequence[tuple[UrlPiece, ...]]:
        return [(UrlPiece(url, number),) for number, url in enumerate(self.urls)]

    def bare(self) -> FromUrl:
        return replace(self, urls=())

    def read(self, pieces: Sequence[UrlPiece], report: Report, raw: bool = False) -> Iterator[Block]:
        for piece in pieces:
            before = 0
            reading = _Reading(piece.path, Attempts(self.retries, report))
            with closing(reading):
                while lines := reading.lines():
                    yield Block(lines, UrlOrigin(piece, before))
                    before += len(lines)


class _Reading:
    """Reads the lines of one URL; mutable. Where it breaks off it begins again, and goes on behind what it gave."""

    def __init__(self, url: str, attempts: Attempts) -> None:
        self._url = url
        self._attempts = attempts
        self._response: Any = None
        self._given = self._checksum = 0
        """How many lines it has given, and what they were."""

    def lines(self) -> list[bytes]:
        """Return some more lines, none at the end."""
        while True:
            try:
                lines = self._some()
            except SourceError as error:
                cause = error.__cause__
                if not isinstance(cause, Exception) or not self._attempts.waits_for(cause):
                    raise
                self.close()
            else:
                self._attempts.went_well()
                self._given += len(lines)
                self._checksum = _checksum(lines, self._checksum)
                return lines

    def _some(self) -> list[bytes]:
        if self._response is None:
            self._response = _opened(self._url)
            left, checksum = self._given, 0
            while left and (lines := _lines(self._url, self._response, min(left, LINES))):
                left -= len(lines)
                checksum = _checksum(lines, checksum)
            if left or checksum != self._checksum:
                raise SourceError(
                    f"{one_line(self._url)}: reading it broke off, and the {self._given} lines before that are other "
                    "ones now; expected the same"
                )
        return _lines(self._url, self._response, LINES)

    def close(self) -> None:
        """Let go of the connection."""
        response, self._response = self._response, None
        if response is not None:
            response.close()


def _checksum(lines: list[bytes], before: int) -> int:
    return zlib.crc32(b"".join(lines), before)


def _opened(url: str) -> Any:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        return urlopen(_request(url))
    except (OSError, ValueError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()  # it is a response too, with a connection of its own
        raise SourceError(f"{one_line(url)}: can't be opened: {error}") from error


def _request(url: str) -> Any:
    """Return what to open for `url`: with a name and a password of the web's, what says them in a header."""
    from urllib.parse import unquote, urlsplit
    from urllib.request import Request

    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or parts.scheme not in ("http", "https"):
        return url
    import base64

    request = Request(parts._replace(netloc=host).geturl())
    token = base64.b64encode(unquote(user).encode()).decode()
    request.add_unredirected_header("Authorization", f"Basic {token}")  # not for another host that it leads to
    return request


def _lines(url: str, response: Any, count: int) -> list[bytes]:
    from http.client import HTTPException, IncompleteRead

    try:
        lines = list(islice(response, count))
    except (OSError, HTTPException) as error:
        raise SourceError(f"{one_line(url)}: reading it broke off: {error}") from error
    # What is left of the length that the server said; the line before may be a part of one.
    if not (lines and lines[-1].endswith(b"\n")) and getattr(response, "length", None):
        raise SourceError(
            f"{one_line(url)}: reading it broke off: {response.length} bytes are missing at the end"
        ) from IncompleteRead(b"", response.length)
    return lines


def plan_urls(urls: Any) -> FromUrl:
    """Return the source of `from_url`; raises PlanError for what is no URL, or none at all."""
    several = [urls] if isinstance(urls, str) else list(urls) if isinstance(urls, (list, tuple)) else [urls]
    odd = [url for url in several if not isinstance(url, str) or ":" not in url]
    if odd or not several:
        got = one_line(odd[0], 80) if odd else "nothing"
        raise PlanError(f"from_url: got {got}; expected a URL such as 'https://example.org/a.txt', or a list of them")
    return FromUrl(one_line(urls, 80), tuple(several))
