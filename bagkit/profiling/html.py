"""A Findings as a tree with bars for notebooks: plain HTML and CSS, in light and dark, with nothing to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from bagkit.html.style import framed
from bagkit.profiling.kinds import Steps, path_text
from bagkit.profiling.parts import Findings, NumberProfile, PathProfile, TextProfile, children
from bagkit.profiling.table import (
    headline,
    in_folder,
    number_words,
    path_words,
    percent,
    rare_looks,
    rare_types,
    remarks,
    types_words,
    values_words,
)
from bagkit.visible import one_line, visible

if TYPE_CHECKING:
    from bagkit.profiling.examples import Example

ROWS: Final = 500
"""Paths that are shown."""
REMARKS: Final = 100
TOP: Final = 8

STYLE: Final = """
.bk-profile summary, .bk-profile .bk-leaf { display: grid; align-items: center; gap: 10px; padding: 1px 4px;
  grid-template-columns: minmax(180px, 2fr) 130px 150px minmax(220px, 3fr); border-radius: 4px; }
.bk-profile summary { cursor: pointer; list-style: none; }
.bk-profile summary.bk-look { display: block; }
.bk-profile summary::-webkit-details-marker { display: none; }
.bk-profile .bk-name { font-family: ui-monospace, monospace; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
.bk-profile .bk-name::before { content: "\\25B8"; color: var(--soft); display: inline-block; width: 1em; }
.bk-profile details[open] > summary .bk-name::before { content: "\\25BE"; }
.bk-profile .bk-bar { display: flex; height: 9px; background: var(--rest); border-radius: 3px; overflow: hidden; }
.bk-profile .bk-bar i { display: block; height: 100%; }
.bk-profile .bk-share { display: grid; grid-template-columns: 70px 1fr; gap: 6px; align-items: center; }
.bk-profile .bk-soft { color: var(--soft); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bk-profile .bk-more { margin: 2px 0 6px 22px; padding-left: 8px; border-left: 2px solid var(--line); }
.bk-profile .bk-more table { border-collapse: collapse; margin: 3px 0; font-size: 12px; background: none;
  color: var(--ink); }
.bk-profile .bk-more td { padding: 0 10px 0 0; text-align: left; border: 0; background: none; color: inherit; }
.bk-profile .bk-more td.bk-wide { width: 160px; }
.bk-profile .bk-below { margin-left: 16px; }
.bk-profile code { font-family: ui-monospace, monospace; background: none; color: inherit; }
.bk-profile ul { margin: 2px 0 6px; padding-left: 20px; }
"""
_COLOURS: Final = {"dict": 5, "list": 3, "str": 0, "int": 2, "float": 2, "bool": 3, "null": 4}


def page(profile: Findings) -> str:
    """Return a profile as HTML."""
    shown = dict(list(profile.paths.items())[:ROWS])
    below = children(profile)
    root = profile.paths.get("$")
    parts = [f'<div class="bk-head">{escape(headline(profile))}</div>']
    found = list(remarks(profile))
    if found:
        rows = "".join([f"<li>{escape(each)}</li>" for each in found[:REMARKS]])
        title = f"{len(found):,} to look at{escape(in_folder(profile))}"
        rest = f"<li>and {len(found) - REMARKS:,} more</li>" if len(found) > REMARKS else ""
        parts.append(
            f'<details open><summary class="bk-look"><span class="bk-name bk-warn">{title}</span></summary>'
            f"<ul>{rows}{rest}</ul></details>"
        )
    if root is not None:
        parts.append(_node(root, below, shown))
    if len(profile.paths) > ROWS:
        parts.append(f'<div class="bk-soft">{len(profile.paths) - ROWS:,} more paths in profile.paths</div>')
    return framed(*parts, style=STYLE, kind="bk-profile")


def _node(each: PathProfile, below: dict[Steps, list[PathProfile]], shown: dict[str, PathProfile]) -> str:
    inner = [child for child in below[each.steps] if child.path in shown]
    opened = " open" if len(each.steps) < 2 and inner else ""
    inside = "".join([_node(child, below, shown) for child in inner])
    return (
        f"<details{opened}><summary>{_row(each)}</summary>{_more(each)}"
        + (f'<div class="bk-below">{inside}</div>' if inside else "")
        + "</details>"
    )


def _row(each: PathProfile) -> str:
    warn = " bk-warn" if rare_types(each) or rare_looks(each) else ""
    name = escape(_last(each))
    title = escape(f"{path_words(each)}: in {each.records:,} records, {each.count:,} values", quote=True)
    types = "".join(
        [
            f'<i style="width:{count / each.count:.2%};background:var(--k{_COLOURS.get(kind, 1)})"></i>'
            for kind, count in each.types.items()
        ]
    )
    return (
        f'<span class="bk-name{warn}" title="{title}">{name}</span>'
        f'<span class="bk-share">{_bar(each.share_of_parent)}<span>{percent(each.share_of_parent)}</span></span>'
        f'<span><span class="bk-bar" title="{escape(types_words(each), quote=True)}">{types}</span></span>'
        f'<span class="bk-soft">{escape(" · ".join(filter(None, (types_words(each), values_words(each)))))}</span>'
    )


def _last(each: PathProfile) -> str:
    """Return the last step of a path as it stands in it, and `$` for the records."""
    return visible(path_text(each.steps[-1:]))


def _bar(share: float) -> str:
    return f'<span class="bk-bar"><i style="width:{min(share, 1):.2%};background:var(--bar)"></i></span>'


def _more(each: PathProfile) -> str:
    """Return what is shown of a path when it is opened."""
    said = f"in {each.records:,} records ({percent(each.share)}), {each.count:,} values, {each.non_null:,} not null"
    parts = [f'<div class="bk-soft">{escape(said)}</div>']
    if len(each.types) > 1:
        parts.append(_counts(list(each.types.items()), each.count, each.examples))
    for title, numbers in (("numbers", each.numbers), ("lengths", each.lengths)):
        if numbers is not None and numbers.count:
            parts.append(_numbers(title, numbers))
    if each.texts is not None:
        parts.append(_texts(each.texts))
    if each.keys:
        keys = ", ".join([one_line(key, 40) for key in each.keys])
        parts.append(f'<div class="bk-soft">keys such as {escape(keys)}</div>')
    return f'<div class="bk-more">{"".join(parts)}</div>'


def _counts(
    counts: Sequence[tuple[str, int]], whole: int, examples: dict[str, list[Example]], quoted: bool = False
) -> str:
    rows = []
    for name, count in counts:
        found = ", ".join([f"{one.value} at {one.where}" for one in examples.get(name, [])[:2]])
        shown = one_line(name, 60) if quoted else visible(name)
        rows.append(
            f'<tr><td><code>{escape(shown)}</code></td><td class="bk-wide">{_bar(count / whole)}</td>'
            f'<td>{count:,}</td><td class="bk-soft">{escape(found)}</td></tr>'
        )
    return f"<table>{''.join(rows)}</table>"


def _numbers(title: str, numbers: NumberProfile) -> str:
    cells: list[tuple[str, Any]] = [("min", numbers.min)]
    cells += [(f"{share:.0%}", value) for share, value in numbers.quantiles.items()]
    cells += [("max", numbers.max), ("mean", numbers.mean), ("whole", numbers.integers)]
    cells += [("NaN", numbers.nan)] if numbers.nan else []
    cells += [("infinite", numbers.infinite)] if numbers.infinite else []
    heads = "".join([f'<td class="bk-soft">{escape(name)}</td>' for name, _ in cells])
    values = "".join([f"<td>{escape(number_words(value))}</td>" for _, value in cells])
    return f"<table><tr><td>{title}</td>{heads}</tr><tr><td></td>{values}</tr></table>"


def _texts(texts: TextProfile) -> str:
    about = f" ± {texts.distinct_error:.1%}" if texts.distinct_error else ""
    low, high = number_words(texts.lengths.min), number_words(texts.lengths.max)
    parts = [f'<div class="bk-soft">{texts.distinct:,}{about} different, lengths {low} to {high}</div>']
    if texts.looks:
        parts.append(_counts(list(texts.looks.items()), texts.count, texts.examples))
    top = [(text, count) for text, count in texts.top[:TOP] if count > 1]
    if top:
        parts.append(_counts(top, texts.count, {}, quoted=True))
    return "".join(parts)


def changes_page(groups: Iterable[tuple[str, Iterable[Any]]]) -> str:
    """Return groups of what has changed as HTML, each below its title."""
    parts = []
    for title, found in groups:
        rows = "".join([f"<li>{escape(visible(str(each)))}</li>" for each in found])
        if rows:
            parts.append(f'<div class="bk-head">{title}</div><ul>{rows}</ul>')
    return framed(*parts or ("no drift",), style=STYLE, kind="bk-profile")
