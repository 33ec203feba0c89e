"""Colours and numbers in HTML and SVG. Texts of others go through `html.style.shown`."""

from __future__ import annotations

PALETTE = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#ff9da7", "#9c755f", "#86bcb6", "#d37295")


def color_of(stage: int) -> str:
    """Return the colour of a stage, in all that is drawn of a run."""
    return PALETTE[(stage - 1) % len(PALETTE)]


def count_text(number: float) -> str:
    """Return a number of things.

    >>> count_text(1234567)
    '1,234,567'
    """
    return f"{number:,}"
