"""Pages of what runs took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from bagkit.amounts import how_many
from bagkit.html.style import counted, framed, head, shown

MOST_STEPS: Final = 100

BARS: Final = """
.bk .bk-bar { display: inline-block; height: 9px; border-radius: 3px; background: var(--bar); vertical-align: middle;
  min-width: 1px; }
.bk iframe { width: 100%; height: 480px; border: 0; }
"""


def profile_page(tasks: int, steps: Sequence[tuple[str, int, int, str, float]], tallies: Mapping[str, int]) -> str:
    """Return the page of what steps took: label, records in and out, time in words and in seconds of each.

    Below it stands what was counted by reason.
    """
    whole = sum([seconds for *_, seconds in steps]) or 1.0
    rows = "".join(
        [
            f'<tr><td>{shown(label)}</td><td class="bk-number">{records_in:,}</td>'
            f'<td class="bk-number">{records_out:,}</td><td class="bk-number">{shown(words)}</td>'
            f'<td><span class="bk-bar" style="width:{seconds / whole * 160:.1f}px"></span></td></tr>'
            for label, records_in, records_out, words, seconds in steps[:MOST_STEPS]
        ]
    )
    names = "".join([f"<th>{name}</th>" for name in ("step", "records in", "records out", "time of its own", "")])
    listed = f'<table class="bk-rows"><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>' if rows else ""
    more = len(steps) - MOST_STEPS
    left = f'<div class="bk-soft">… and {more:,} more steps in profile.figures()</div>' if more > 0 else ""
    title = head("Profile", how_many(tasks, "task"))
    return framed(title, listed, left, counted(tallies), style=BARS)


def report_page(place: str, text: str) -> str:
    """Return the page of a report: the whole file, in a frame of its own; `text` is empty before it is written."""
    if not text:
        return framed(head("Report", place, "not written yet"))
    inner = f'<iframe sandbox="" srcdoc="{escape(text, quote=True)}"></iframe>'
    return framed(head("Report", place), inner, style=BARS)
