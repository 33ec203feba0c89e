"""How the bytes of a file become text."""

from __future__ import annotations

import codecs
from typing import Any

from bagkit.errors import PlanError, one_line
from bagkit.light_classes import dataclass


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding as `codecs.lookup` names it, and what is done with bytes that are wrong in it."""

    name: str
    errors: str

    @property
    def is_strict_utf8(self) -> bool:
        """Whether bytes that are text are text in one way only, and all others an error."""
        return self.name == "utf-8" and self.errors == "strict"

    def name_at(self, offset: int) -> str:
        """Return the encoding of the bytes at `offset`: a byte order mark is one at the beginning of a file only."""
        return "utf-8" if self.name == "utf-8-sig" and offset else self.name


def checked_encoding(encoding: Any, errors: Any) -> Encoding:
    """Return the encoding that the user asked for; raises PlanError for one that Python does not have."""
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, TypeError, ValueError) as error:
        raise PlanError(
            f"encoding: got {one_line(encoding)}; expected an encoding that Python knows ({error})"
        ) from error
    if not getattr(codec, "_is_text_encoding", True) or codec.incrementaldecoder is None:
        raise PlanError(f"encoding: got {encoding!r}; expected an encoding of text")
    try:
        codecs.lookup_error(errors)
    except (LookupError, TypeError) as error:
        raise PlanError(
            f"errors: got {one_line(errors)}; expected 'strict', 'replace', 'ignore', ... ({error})"
        ) from error
    if errors in ("xmlcharrefreplace", "namereplace"):
        raise PlanError(
            f"errors: got {errors!r}, which is for writing only; expected 'strict', 'replace', 'ignore', ..."
        )
    return Encoding(codec.name, errors)
