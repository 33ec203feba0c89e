"""Text of others made safe to show: in messages, notes, warnings, plans, pictures and reprs.

File names, keys and the texts of exceptions come from anywhere. What bagkit writes has no character in it that moves a
terminal's cursor, turns text around or begins a line of its own, and no password of a URL. What is asked for a text may
raise, as code of users does. A leaf that every worker imports: it knows nothing of bagkit, and takes `re` only where
there is a URL.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from re import Pattern
    from typing import Any

LONGEST = 8 << 20
"""Characters or bytes of a text that is kept whole where it belongs to a failure: many of them fit into memory."""
KEPT = 10_000
"""What is kept of a longer one."""
HIDDEN = "***"
SECRETS = (
    r"[\w.\-]*(?:signature|token|secret|passw(?:or)?d|passphrase|credential|api[-_]?key|access[-_]?key|private[-_]?key)"
    r"|sig|pwd|pass|auth|authorization|jwt|hdnea|hdnts"
)
"""Names in a URL's query whose values are hidden; also the signatures in URLs of S3, Google, Azure and others."""

LONG_SECRET = 6
"""Characters of a password that is hidden wherever it stands: a shorter one may be a part of other words."""

_patterns: list[tuple[Pattern[str], str]] = []


def visible(text: str, *, lines: bool = False) -> str:
    """Return `text` as it may be shown: escapes for what can't be seen or moves the cursor, and no passwords of URLs.

    With `lines` its line breaks stay.

    >>> print(visible("logs/a" + chr(27) + "[31m" + chr(0x202E) + ".json"), visible("ftp://me:secret@host/a"))
    logs/a\\x1b[31m\\u202e.json ftp://me:***@host/a
    """
    text = without_secrets(text)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or (lines and char == "\n") else ascii(char)[1:-1] for char in text)


def visible_message(text: str) -> str:
    """Return a message as it may be shown: as `visible` gives it, with line breaks only before lines that are indented.

    >>> visible_message("two:" + chr(10) + "  one" + chr(10) + "fake: line")
    'two:\\n  one\\\\nfake: line'
    """
    if text.isprintable():
        return without_secrets(text)
    first, *rest = without_secrets(text).split("\n ")
    return "\n ".join(map(visible, (first, *rest)))


def printable(text: str, width: int = 160) -> str:
    """Return `text` as `visible` gives it, cut to `width` characters.

    >>> printable("one\\ntwo"), printable("a" * 200, width=4)
    ('one\\\\ntwo', 'aaa…')
    """
    text = visible(text[: width * 4 + 4096])  # what is hidden may end behind what is shown
    return text if len(text) <= width else text[: width - 1] + "…"


def one_line(value: object, width: int = 160) -> str:
    """Return `value` for a message: its repr, made safe to show, cut to `width` characters.

    >>> one_line("a\\x1b]0;b" + "c" * 20, width=16)
    "'a\\\\x1b]0;bccccc…"
    """
    try:
        text = repr(value[: width * 4] if isinstance(value, (str, bytes)) and len(value) > width * 4 else value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return printable(text, width)


def ask(value: object, name: str, default: Any = None) -> Any:
    """Return an attribute of what a user has made; `default` if it has none, or its own code raises anything instead.

    >>> class Row(dict):
    ...     __getattr__ = dict.__getitem__
    >>> ask(Row(a=1), "a"), ask(Row(a=1), "shape")
    (1, None)
    """
    try:
        return getattr(value, name, default)
    except Exception:
        return default


def text_of(error: BaseException) -> str:
    """Return the text of `error`, or words for what its `__str__` raises."""
    try:
        return str(error)
    except Exception as broken:
        return f"<its str() raises {type(broken).__name__}>"


def notes_on_text(error: BaseException) -> list[str]:
    """Return a note on why `error` has no text that can be shown, if that is so."""
    try:
        str(error)
    except Exception as broken:
        return [f"its text can't be shown: its str() raises {type(broken).__name__}: {text_of(broken)}"]
    return []


def cut(text: str) -> str:
    """Return the beginning of a text that is too long to be kept whole."""
    return text if len(text) <= KEPT else text[: KEPT - 1] + "…"


def type_and_size(result: object) -> str:
    """Return type and size of a result in a few words; a small value that holds no others as it is."""
    kind, shape = type(result).__name__, ask(result, "shape")
    if isinstance(shape, tuple) and shape:
        return f"{kind} of {' × '.join([f'{size:,}' if isinstance(size, int) else str(size) for size in shape])}"
    if isinstance(result, (list, tuple, dict, set, frozenset)):
        return f"{kind} of {len(result):,}"
    return one_line(result, 80)


def without_secrets(text: str) -> str:
    """Return `text` with `***` for passwords in URLs, and for the values of what commonly is a secret in their queries.

    >>> without_secrets("http://me:secret@host/a?token=1f3a&page=2 and simplecache::s3://id:secret@bucket/b")
    'http://me:***@host/a?token=***&page=2 and simplecache::s3://id:***@bucket/b'
    """
    if "://" not in text or ("@" not in text and "=" not in text):
        return text
    if not _patterns:
        _patterns.extend(_made())
    for pattern, instead in _patterns:
        text = pattern.sub(instead, text)
    return text


def without_secrets_of(url: str, text: str) -> str:
    """Return `text`, which is about `url`, with `***` for the passwords of `url` where they stand by themselves.

    >>> without_secrets_of("s3://id:secret@bucket/b", 'Invalid bucket name "id:secret@bucket"')
    'Invalid bucket name "id:***@bucket"'
    """
    if "://" not in url or "@" not in url:
        return text
    from re import findall, split
    from urllib.parse import unquote

    for part in url.split("::"):
        for user, password in findall(r"://([^\s/?#@:]*)(?::(?!\d+/)(\S*))?@", part):
            if not password:
                # A user without a password is a token to a web server.
                text = text.replace(f"{user}@", f"{HIDDEN}@") if user and part.startswith("http") else text
            for each in {password, unquote(password)} - {""}:
                text = text.replace(f":{each}@", f":{HIDDEN}@")
                first, *more = split("[/?#]", each)  # at which those who read the URL end it
                text = text.replace(f":{first}", f":{HIDDEN}") if first and more else text
                text = text.replace(each, HIDDEN) if len(each) >= LONG_SECRET else text
    return text


def _made() -> list[tuple[Pattern[str], str]]:
    """Return patterns and their replacements. No pattern takes more than one step back."""
    from re import IGNORECASE
    from re import compile as pattern

    name = r"(://(?!\[)[^\s/?#@:'\"<>]{0,500})"
    # A quotation mark may be part of a password, unless it looks as if it ended a text that the URL is in.
    quote = r"['\"](?![,:\]})])"

    def run(without: str) -> str:
        plain = rf"[^\s@'\"{without}]{{0,500}}+"
        return rf"{plain}(?:{quote}{plain}){{0,20}}+"

    # A user without a password is a token to a web server. A password with a slash, "?" or "#" in it is none that
    # anything could read; there, what is behind the colon is no port.
    no_port = r"(?!\d*(?:[/?#\s'\",;)\]}]|$))"
    # `key` may name anything; what is long and has no dot or slash in it is what Google's services take.
    long_key = r"([?&;]key=)[\w\-]{20,}(?=[&#\s'\"]|$)"
    # zip://a.json::ftp://me:secret@host has another URL behind the colon.
    password = r":(?!:(?:[A-Za-z][\w+.\-]{0,50}+::){0,9}+[A-Za-z][\w+.\-]{0,50}+://)"
    return [
        (pattern(rf"{name}{password}(?:{run('/?#')}@)+"), rf"\1:{HIDDEN}@"),
        (pattern(rf"{name}{password}{no_port}{run('')}@"), rf"\1:{HIDDEN}@"),
        (pattern(r"(https?://)[^\s/?#@:'\"<>]{1,2000}+@"), rf"\1{HIDDEN}@"),
        (pattern(rf"([?&;#](?:{SECRETS})=)[^&;#\s'\"<>]+", IGNORECASE), rf"\1{HIDDEN}"),
        (pattern(long_key, IGNORECASE), rf"\1{HIDDEN}"),
    ]
