"""Texts of others in HTML and SVG. Whatever is shown goes through here."""

from __future__ import annotations

from html import escape

from bagkit.errors import printable

PALETTE = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#ff9da7", "#9c755f", "#86bcb6", "#d37295")


def shown(text: object, width: int = 300) -> str:
    """Return a text for HTML: without markup, without what can't be seen, and cut to `width` characters.

    >>> shown("map(<script>)")
    'map(&lt;script&gt;)'
    """
    return escape(printable(str(text), width), quote=True)


def color_of(stage: int) -> str:
    """Return the colour of a stage, in all that is drawn of a run."""
    return PALETTE[(stage - 1) % len(PALETTE)]


def count_text(number: float) -> str:
    """Return a number of things.

    >>> count_text(1234567)
    '1,234,567'
    """
    return f"{number:,}"
