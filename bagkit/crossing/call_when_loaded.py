"""What pickles to a call. Imported by workers, so light."""

from __future__ import annotations

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class CallWhenLoaded:
    """Pickles to a call of `function` with `args`: what is unpickled is what the call returns."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._call = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call
