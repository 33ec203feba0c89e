"""Values as a tree that opens and closes: JSON records, and whatever else they hold.

However large a value is, the tree has at most NODES of its parts. Each part of a list or dict gets its share of them,
so that one huge record does not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import count, islice
from typing import Any, Final

from bagkit.amounts import how_many
from bagkit.html.style import shown
from bagkit.visible import ask, one_line, printable

NODES: Final = 1_000
WIDEST: Final = 100
"""Parts of one list or dict."""
DEEPEST: Final = 40
LONG_TEXT: Final = 200
"""Characters of a text that are shown at once, and"""
LONGEST_TEXT: Final = 4_000
"""those that are shown when it is opened."""
BRIEF: Final = 110
"""Characters of a closed list or dict."""
OPENED: Final = 40
"""A tree with no more parts is opened from the first."""

TREE: Final = """
.bk-tree, .bk-tree summary { font: 12px/1.55 ui-monospace, "DejaVu Sans Mono", monospace; }
.bk-tree { max-height: 520px; overflow: auto; }
.bk-tree summary { list-style: none; border-radius: 4px; }
.bk-tree summary::-webkit-details-marker { display: none; }
.bk-tree summary::before { content: "\\25B8"; color: var(--soft); display: inline-block; width: 1.2em; }
.bk-tree details[open] > summary::before { content: "\\25BE"; }
.bk-tree details[open] > summary > .bk-brief { display: none; }
.bk-tree .bk-in { margin-left: .5em; padding-left: .9em; border-left: 1px solid var(--line); }
.bk-tree .bk-leaf { padding-left: 1.2em; overflow-wrap: anywhere; }
.bk-tree .bk-key { color: var(--key); }
.bk-tree .bk-str { color: var(--text); white-space: pre-wrap; overflow-wrap: anywhere; }
.bk-tree .bk-num { color: var(--number); }
.bk-tree .bk-lit { color: var(--k3); }
.bk-tree .bk-brief { color: var(--soft); }
"""

Parts = tuple[str, int, Iterator[tuple[str, Any]], str]
"""What opens a value that has parts, how many it has, those with their keys, and what closes it."""


def tree(value: object, opened: int | None = None) -> str:
    """Return `value` as a tree, `opened` levels deep; None: as far as that stays short."""
    if opened is None:
        opened = DEEPEST if _few(value, OPENED) else 1
    return f'<div class="bk-tree">{_node("", value, 0, NODES, opened)[0]}</div>'


def _node(key: str, value: Any, depth: int, budget: int, opened: int) -> tuple[str, int]:
    """Return a value below its `key`, with at most about `budget` parts of it, and how many it took."""
    found = parts_of(value)
    if found is None or depth >= DEEPEST or budget < 2 or not found[1]:
        return _leaf(key, value, budget)
    _, size, parts, _ = found
    most = min(size, WIDEST, budget - 1)
    inside, used = [], 1
    for number, (name, part) in enumerate(islice(parts, most)):
        text, took = _node(name, part, depth + 1, max(1, (budget - used) // (most - number)), opened)
        inside.append(text)
        used += took
    if size > most:
        inside.append(f'<div class="bk-leaf bk-soft">… {size - most:,} more</div>')
    flag = " open" if depth < opened else ""
    return (
        f'<details{flag}><summary>{_name(key)}<span class="bk-soft">{shown(_size(value, size))}</span> '
        f'<span class="bk-brief">{shown(brief(value), BRIEF + 2)}</span></summary>'
        f'<div class="bk-in">{"".join(inside)}</div></details>'
    ), used


def _leaf(key: str, value: Any, budget: int) -> tuple[str, int]:
    kind, text = _words(value)
    size = str.__len__(value) if isinstance(value, str) else bytes.__len__(value) if isinstance(value, bytes) else 0
    longest = min(LONGEST_TEXT, LONG_TEXT * budget)
    if size > LONG_TEXT and longest > LONG_TEXT:
        unit = "characters" if isinstance(value, str) else "bytes"
        whole = shown(one_line(value, longest), longest)
        return (
            f'<details><summary>{_name(key)}<span class="bk-soft">{size:,} {unit}</span> '
            f'<span class="bk-brief {kind}">{text}</span></summary><div class="bk-in {kind}">{whole}</div></details>'
        ), longest // LONG_TEXT
    return f'<div class="bk-leaf">{_name(key)}<span class="{kind}">{text}</span></div>', 1


def _name(key: str) -> str:
    return f'<span class="bk-key">{shown(key, 120)}</span>: ' if key else ""


def _words(value: Any) -> tuple[str, str]:
    """Return the class of a value that has no parts, and its text for HTML."""
    kind = "bk-str" if isinstance(value, (str, bytes)) else "bk-num"
    if value is None or isinstance(value, bool):
        kind = "bk-lit"
    elif not isinstance(value, (str, bytes, int, float)):
        kind = "bk-soft"
    return kind, shown(_short(value, LONG_TEXT), LONG_TEXT)


def parts_of(value: Any) -> Parts | None:
    """Return what `value` is made of; None if it is one thing. What a class of its own says of itself is not asked."""
    kind = type(value)
    if isinstance(value, dict):
        return "{", dict.__len__(value), ((_key(key), part) for key, part in dict.items(value)), "}"
    if isinstance(value, list):
        return "[", list.__len__(value), ((str(number), part) for number, part in enumerate(list.__iter__(value))), "]"
    if isinstance(value, tuple):
        named = ask(kind, "_fields")
        names = map(str, named if isinstance(named, tuple) else count())
        start = f"{kind.__name__}(" if isinstance(named, tuple) else "("
        return start, tuple.__len__(value), zip(names, tuple.__iter__(value), strict=False), ")"
    if isinstance(value, (set, frozenset)):
        plain: Any = set if isinstance(value, set) else frozenset
        return "{", plain.__len__(value), (("", part) for part in plain.__iter__(value)), "}"
    own = _fields(value)
    return (f"{kind.__name__}(", len(own), ((name, _field(value, name)) for name in own), ")") if own else None


def _fields(value: Any) -> list[str]:
    """Return the names of the fields of a dataclass or a Struct of msgspec."""
    if isinstance(ask(type(value), "__dataclass_fields__"), dict):
        return [each.name for each in fields(type(value))]
    found = ask(type(value), "__struct_fields__", ())
    return list(found) if isinstance(found, tuple) else []


def _field(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except Exception as error:  # of a property of the user's
        return error


def _key(key: Any) -> str:
    return printable(key, 60) if type(key) is str and key else one_line(key, 60)


def _size(value: Any, size: int) -> str:
    kind = type(value)
    unit = "key" if isinstance(value, dict) else "item" if isinstance(value, (list, tuple, set, frozenset)) else "field"
    name = "" if kind in (dict, list, tuple) else f"{kind.__name__} "
    return name + how_many(size, unit)


def _short(value: Any, width: int) -> str:
    """Return a value in about `width` characters. What it is made of beyond these is not looked at."""
    found = parts_of(value)
    return one_line(value, width) if found is None else brief(value, width)


def brief(value: object, width: int = BRIEF) -> str:
    """Return a value on one line of about `width` characters, however large it is.

    >>> brief({"id": 1, "tags": ["a", "b"], "text": "x" * 1000}, 40)
    "{id: 1, tags: ['a', 'b'], text: 'xxxxxx…"
    """
    text = ""
    for piece in _pieces(value, width, 0):
        text += piece
        if len(text) > width:
            return text[: width - 1] + "…"
    return text


def _pieces(value: Any, width: int, depth: int) -> Iterable[str]:
    found = parts_of(value)
    if found is None:
        yield one_line(value, width)
        return
    start, _, parts, end = found
    yield start
    if depth >= 6:
        yield "…" + end
        return
    named = not isinstance(value, (list, set, frozenset)) and start != "("
    for number, (name, part) in enumerate(parts):
        yield ", " if number else ""
        yield f"{name}: " if named else ""
        yield from _pieces(part, width, depth + 1)
    yield end


def _few(value: Any, most: int) -> bool:
    """Return whether a value has no more than `most` parts, at all levels together."""
    waiting, seen = [value], 0
    while waiting:
        found = parts_of(waiting.pop())
        seen += 1
        if found is None:
            continue
        if found[1] + len(waiting) + seen > most:
            return False
        waiting.extend([part for _, part in found[2]])
    return True
