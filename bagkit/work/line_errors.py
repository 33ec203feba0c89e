"""More about a line that is not JSON, or does not decode: the place in the line, and a hint what to call."""

from __future__ import annotations

import re

from bagkit.errors import attribute, text_of
from bagkit.flow.blocks import Place
from bagkit.flow.decoding import other_encoding, undecoded
from bagkit.visible import KEPT, visible

_PART = r'[\[\]{}]+,?|"(?:[^"\\]|\\.)*"\s*:.*'
"""A line that is a part of a JSON document over several lines, whatever stands around it."""
_BEGINNING = r".*[{\[,]"
"""The first line of a document over several lines, or a line that was cut off: the first of a file tells."""
_LISTS = ("list indices must be", "'list' object has no attribute")
"""How errors of functions begin that are given a list, and want a dict."""
_PYTHONS = ("True", "False", "None")


def json_column(error: BaseException, place: Place | None) -> int | None:
    """Return where in a line it is no JSON, where the error says that it is in the next one: its line end was parsed.

    >>> import json
    >>> try:
    ...     json.loads('{"a": \\n')
    ... except ValueError as error:
    ...     json_column(error, Place("a.json", line=1, record='{"a": '))
    7
    """
    line, (doc, at) = _line_of(error, place), _said(error)
    return len(line) + 1 if line is not None and doc != line and at >= len(line) else None


def json_position(error: BaseException, place: Place | None) -> str | None:
    """Return where in the file a document is no JSON, which begins anywhere in it; None for other errors, and lines.

    >>> import json
    >>> try:
    ...     json.loads('{"a":\\n  x}')
    ... except ValueError as error:
    ...     json_position(error, Place("a.json", line=9, record='{"a":\\n  x}', column=3))
    'line 10, column 3'
    """
    if place is None or place.column is None or place.line is None:
        return None
    doc, at = _said(error)
    if doc is None or not isinstance(place.record, str) or len(doc) > len(place.record):
        return None
    line = doc.count("\n", 0, at)
    column = at - doc.rfind("\n", 0, at)
    return f"line {place.line + line}, column {column if line else column + place.column - 1}"


def json_hint(error: BaseException, place: Place | None) -> str | None:
    """Return what to call for a file that is no JSON lines, if the line that failed tells; None for all else."""
    if place is None or place.line is None or not isinstance(place.record, str) or place.column is not None:
        return None
    source = repr(place.source) if place.source and visible(place.source) == place.source else "urlpath"
    line = _line_of(error, place)
    if line is None:
        if isinstance(error, (TypeError, AttributeError)) and text_of(error).startswith(_LISTS) and _is_array(place):
            return f"the line is a JSON array; hint: bk.read_json({source}, lines=False) gives its elements"
        return None
    text = line.strip()
    if not text:
        return (
            f"the line is blank; hint: bk.read_text({source}).filter(str.strip).map(json.loads) leaves such lines out"
        )
    if text.startswith("\ufeff"):
        if place.line == 1:
            return f"the file begins with a mark; hint: bk.read_json({source}, encoding='utf-8-sig') takes it off"
        strip = f"bk.read_text({source}).str.lstrip('\\ufeff').map(json.loads)"
        return f"the line begins with a mark, as where files were put behind each other; hint: {strip} takes it off"
    if text.startswith("{'") or line.startswith(_PYTHONS, _said(error)[1]):
        return f"that is Python, not JSON; hint: bk.read_text({source}).map(ast.literal_eval) reads such a file"
    if not _is_part(text, place.line, error):
        return None
    if place.line == 1 and text.startswith("{") and text.endswith("},"):
        strip = "lambda line: json.loads(line.rstrip(', \\n'))"
        return f"a comma follows the record; hint: bk.read_text({source}).map({strip}) takes it off"
    whole = f"bk.read_json({source}, lines=False)"
    what = "the line looks like a part of a JSON document over several lines; hint: "
    if place.line == 1:
        return f"{what}{whole} " + ("gives its elements" if text.startswith("[") else "reads it")
    return f"{what}{whole} reads it, and gives the elements of an array"


def _is_part(text: str, number: int, error: BaseException) -> bool:
    """Return whether a line is likely a part of a document over several lines: a file's other lines may be cut off."""
    if re.fullmatch(_PART, text) or (number == 1 and re.fullmatch(_BEGINNING, text)):
        return True
    return text_of(error).startswith("Extra data") and text.endswith(",") and _said(error)[1] == len(text) - 1


def _is_array(place: Place) -> bool:
    """Return whether the line is an array of JSON: text may begin like one."""
    text = str(place.record).strip()
    if not text.startswith("[") or len(text) >= KEPT - 1:  # of a very long line it is the beginning
        return text.startswith(("[{", "[[", '["'))
    from bagkit.json.standard import standard_loads

    try:
        standard_loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _line_of(error: BaseException, place: Place | None) -> str | None:
    """Return the line without its end that `error` says is no JSON; None for other errors, and other places."""
    doc, _ = _said(error)
    if doc is None or place is None or not isinstance(place.record, str):
        return None
    line = place.record
    if not 0 <= len(doc) - len(line) <= 1 or not doc.startswith(line):
        return None
    return line if doc[len(line) :] in ("", "\n") else None


def _said(error: BaseException) -> tuple[str | None, int]:
    """Return the text that `error` says is no JSON, and where in it; None and 0 for an error that is about no text.

    Parsers leave both in the error itself. Code of its class is not asked: it may raise whatever it likes.
    """
    if type(error).__name__ != "JSONDecodeError":
        return None, 0
    own = attribute(error, "__dict__")
    doc, at = own.get("doc"), own.get("pos")
    return (doc, at) if type(doc) is str and type(at) is int else (None, 0)


def encoding_hint(error: BaseException, place: Place | None) -> str | None:
    """Return an encoding that reads a line or document that is not UTF-8, and what it reads; None for other errors.

    >>> line = "name: Zürich".encode("latin-1")
    >>> try:
    ...     line.decode()
    ... except ValueError as error:
    ...     encoding_hint(error, Place("a.txt", line=1, record=line))
    "hint: encoding='latin-1' reads it as 'name: Zürich'; errors='replace' goes on with marks in place of such bytes"
    """
    if place is None or not isinstance(error, UnicodeDecodeError):
        return None
    wrong, read = undecoded(error), place.record
    if isinstance(read, str) and place.column is not None:  # a document is shown with marks in place of such bytes
        is_it = attribute(error, "object", UnicodeDecodeError).decode("utf-8", "replace") == read
    else:
        is_it = isinstance(read, bytes) and wrong in read
    return other_encoding(error, first=place.line == 1) if wrong and is_it else None
