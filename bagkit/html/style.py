"""The one style of what notebooks show: plain HTML and CSS, in light and dark, with nothing to load and no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from bagkit.visible import printable

MOST_REASONS: Final = 20

LIGHT: Final = (
    "--ink: #1f2328; --soft: #656d76; --line: #d8dee4; --back: #ffffff; --bar: #4f7cac; --rest: #e6eaef; "
    "--warn: #b35900; --bad: #c0392b; --good: #2e7d32; --text: #2b6a41; --number: #8a4b08; --key: #24507f; "
    "--k0: #4f7cac; --k1: #c9824a; --k2: #5b9279; --k3: #8f6bb0; --k4: #b8545f; --k5: #8a8f98; color-scheme: light;"
)
DARK: Final = (
    "--ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --back: #151b23; --bar: #6fa3d8; --rest: #2b323b; "
    "--warn: #f0a04b; --bad: #ff7b6b; --good: #7bc67e; --text: #8fd0a4; --number: #e0b074; --key: #8fbdf0; "
    "--k0: #6fa3d8; --k1: #dd9e68; --k2: #78b598; --k3: #ad8bd0; --k4: #d9777f; --k5: #9aa0a8; color-scheme: dark;"
)
_LIGHT_PAGES: Final = ('[data-jp-theme-light="true"]', '[data-theme="light"]', ".vscode-light", ".light")
_DARK_PAGES: Final = ('[data-jp-theme-light="false"]', '[data-theme="dark"]', "[theme=dark]", ".vscode-dark", ".dark")
"""How JupyterLab, VS Code, Colab, marimo and docs mark their pages; where none does, the system's setting counts."""


def _inside(pages: Sequence[str]) -> str:
    return ", ".join([f"{page} .bk" for page in pages])


STYLE: Final = f"""
.bk {{ {LIGHT} color: var(--ink); background: var(--back); font: 13px/1.45 system-ui, "DejaVu Sans", sans-serif;
  padding: 10px 12px; border: 1px solid var(--line); border-radius: 6px; max-width: 1100px; overflow-x: auto; }}
@media (prefers-color-scheme: dark) {{ .bk {{ {DARK} }} }}
{_inside(_LIGHT_PAGES)} {{ {LIGHT} }}
{_inside(_DARK_PAGES)} {{ {DARK} }}
.bk .bk-head {{ font-weight: 600; margin-bottom: 6px; overflow-wrap: anywhere; }}
.bk .bk-soft {{ color: var(--soft); }}
.bk .bk-warn {{ color: var(--warn); }}
.bk .bk-bad {{ color: var(--bad); }}
.bk summary {{ cursor: pointer; }}
.bk summary:hover {{ background: var(--rest); }}
.bk pre, .bk code {{ font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; background: none; color: inherit;
  margin: 0; padding: 0; border: 0; }}
.bk pre {{ white-space: pre-wrap; overflow-wrap: anywhere; margin: 2px 0 6px; }}
.bk table.bk-rows {{ border-collapse: collapse; margin: 4px 0; font-size: 12px; background: none; color: inherit; }}
.bk table.bk-rows th, .bk table.bk-rows td {{ text-align: left; padding: 1px 14px 1px 0; border: 0; background: none;
  color: inherit; vertical-align: top; overflow-wrap: anywhere; max-width: 60em; white-space: normal; }}
.bk table.bk-rows th {{ color: var(--soft); font-weight: 600; white-space: nowrap;
  border-bottom: 1px solid var(--line); }}
.bk table.bk-rows tbody tr:nth-child(n) {{ background: none; }}
.bk table.bk-rows .bk-number {{ text-align: right; white-space: nowrap; }}
"""


def framed(*parts: str, style: str = "", kind: str = "") -> str:
    """Return parts of HTML in the frame that all results have; `style` is what `kind` needs besides."""
    classes = f"bk {kind}".strip()
    return f'<div class="{classes}"><style>{STYLE}{style}</style>{"".join(parts)}</div>'


def shown(text: object, width: int = 300) -> str:
    """Return a text for HTML: without markup, without what can't be seen, and cut to `width` characters.

    >>> shown("map(<script>)")
    'map(&lt;script&gt;)'
    """
    return escape(printable(str(text), width), quote=True)


def head(title: str, *facts: str) -> str:
    """Return the first line of a result: what it is, and facts about it, but no empty ones."""
    rest = "".join([f' <span class="bk-soft">· {shown(fact)}</span>' for fact in facts if fact])
    return f'<div class="bk-head">{shown(title)}{rest}</div>'


def lines(text: str, width: int = 500) -> str:
    """Return text of several lines as it stands."""
    return f"<pre>{chr(10).join([shown(line, width) for line in text.splitlines()])}</pre>"


def folded(title: str, inside: str, opened: bool = False, kind: str = "bk-soft") -> str:
    """Return what is seen when its title is clicked at; `inside` is HTML, the title text."""
    return f'<details{" open" if opened else ""}><summary class="{kind}">{shown(title)}</summary>{inside}</details>'


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], more: str = "") -> str:
    """Return rows below the names of columns; `more` says in words which rows are left out. Ints stand to the right."""
    body = "".join([f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows])
    heads = "".join([f"<th>{shown(name)}</th>" for name in columns])
    rest = f'<div class="bk-soft">{shown(more)}</div>' if more else ""
    return f'<table class="bk-rows"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{rest}'


def counted(tallies: Mapping[str, int]) -> str:
    """Return a table of what was counted by reason; nothing where nothing was."""
    if not tallies:
        return ""
    more = f"… and {len(tallies) - MOST_REASONS:,} more in .tallies" if len(tallies) > MOST_REASONS else ""
    rows = [(count, reason) for reason, count in [*tallies.items()][:MOST_REASONS]]
    return folded("counted", table(("count", "reason"), rows, more), opened=True)


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td class="bk-number">{value:,}</td>'
    return f"<td>{shown(value)}</td>"
