"""`from_url`: the lines of what URLs give, as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from bagkit.errors import PlanError, SourceError, one_line
from bagkit.flow.blocks import Block, Place
from bagkit.flow.report import Report
from bagkit.plan.kinds import Source

LINES: Final = 1024
"""Lines in a block."""


@dataclass(frozen=True, slots=True)
class UrlPiece:
    """What one URL gives."""

    path: str
    partition: int

    @property
    def weight(self) -> int:
        return 0

    @property
    def label(self) -> str:
        return self.path

    def cut(self, size: int) -> Sequence[UrlPiece]:
        return (self,)

    def shares(self, count: int) -> Sequence[UrlPiece]:
        return (self,)


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

    opaque = True
    """It waits for others, so that workers are of use however little there is to read."""

    @property
    def label(self) -> str:
        return f"from_url({self.name})"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.urls)

    def pieces(self) -> Sequence[tuple[UrlPiece, ...]]:
        return [(UrlPiece(url, number),) for number, url in enumerate(self.urls)]

    def bare(self) -> FromUrl:
        return replace(self, urls=())

    def read(self, pieces: Sequence[UrlPiece], report: Report, raw: bool = False) -> Iterator[Block]:
        for piece in pieces:
            before = 0
            with closing(_opened(piece.path)) as response:
                while lines := _lines(piece.path, response):
                    yield Block(lines, UrlOrigin(piece, before))
                    before += len(lines)


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


def _lines(url: str, response: Any) -> list[bytes]:
    from http.client import HTTPException

    try:
        lines = list(islice(response, LINES))
    except (OSError, HTTPException) as error:
        raise SourceError(f"{one_line(url)}: reading it broke off: {error}") from error
    # What is left of the length that the server said.
    if not lines and getattr(response, "length", None):
        raise SourceError(f"{one_line(url)}: reading it broke off: {response.length} bytes are missing at the end")
    return lines


def plan_urls(urls: Any) -> FromUrl:
    """Return the source of `from_url`; raises PlanError for what is no URL, or none at all."""
    several = [urls] if isinstance(urls, str) else list(urls) if isinstance(urls, (list, tuple)) else [urls]
    odd = [url for url in several if not isinstance(url, str) or ":" not in url]
    if odd or not several:
        got = one_line(odd[0], 80) if odd else "nothing"
        raise PlanError(f"from_url: got {got}; expected a URL such as 'https://example.org/a.txt', or a list of them")
    return FromUrl(one_line(urls, 80), tuple(several))
