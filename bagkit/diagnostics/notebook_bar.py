"""A progress bar in a notebook: HTML in the output of its cell, which stays there when the notebook is saved.

It needs no widgets, so that what is seen is also in the file: for who opens it again, and for nbconvert.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib import import_module
from typing import Any

from bagkit.amounts import bytes_text, seconds_text
from bagkit.diagnostics.standing import Standing


class NotebookBar:
    """A bar in the output of the cell that was running when it was made; mutable, of one ProgressBar."""

    def __init__(self, clock: Callable[[], float], started: float) -> None:
        self._clock = clock
        self._started = started
        self._handle: Any = None

    def draw(self, standing: Standing, remarks: list[str]) -> None:
        """Draw how far it is, in the place where it was drawn before."""
        shown = ShownBar(standing, remarks, self._clock() - self._started)
        if self._handle is None:
            self._handle = import_module("IPython.display").display(shown, display_id=True)
        else:
            self._handle.update(shown)

    def clear(self) -> None:
        """Leave it: it is in nobody's way."""

    def close(self) -> None:
        """Leave what was drawn last."""


class ShownBar:
    """How far it is, as a notebook shows it: HTML, and text for where there is none."""

    def __init__(self, standing: Standing, remarks: list[str], seconds: float) -> None:
        self._part = standing.part
        texts = [f"{self._part:.0%}"]
        if standing.weight:
            texts.append(f"{bytes_text(standing.done)} of {bytes_text(standing.total)}")
        else:
            texts.append(f"{standing.done:,} of {standing.total:,} {standing.unit}s")
        left = seconds / self._part * (1 - self._part) if 0 < self._part < 1 else 0.0
        texts.append(seconds_text(seconds) + (f", {seconds_text(left)} left" if left else ""))
        self._text = " · ".join([*texts, *remarks])

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        bar = f'<progress value="{self._part:.4f}" max="1" style="width: 20em; vertical-align: middle"></progress>'
        return f"<div>{bar} <small>{escape(self._text)}</small></div>"
