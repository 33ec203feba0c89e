"""Many calls of one function: what they are called, and how far ahead they are submitted."""

from __future__ import annotations

import itertools
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bagkit.client.calls import NOT_A_NAME
from bagkit.client.futures import Future, wait
from bagkit.errors import OptionError, one_line

if TYPE_CHECKING:
    from bagkit.lower.graph import Key

T = TypeVar("T")

AHEAD: Final = 1000
"""Calls of a map over an iterator that are submitted and not done, at the most."""


def named_calls(key: Any, iterables: Sequence[Iterable[Any]]) -> Iterator[tuple[Key | None, tuple[Any, ...]]]:
    """Return the name and the arguments of each call of a map; `key` names them all together, or one by one."""
    arguments = zip(*iterables, strict=False)
    if key is None:
        return zip(itertools.repeat(None), arguments, strict=False)
    if isinstance(key, str):
        prefix = f"{key}-{uuid.uuid4().hex[:8]}"
        return ((f"{prefix}-{number}", args) for number, args in enumerate(arguments, 1))
    if not isinstance(key, (list, tuple)):
        raise OptionError(
            f"map: key is {one_line(key)}; expected text, or a list with a name for each call; {NOT_A_NAME}"
        )
    if all(isinstance(each, Sized) for each in iterables):
        count = min([len(each) for each in iterables if isinstance(each, Sized)], default=0)
        if count != len(key):
            raise OptionError(f"map: key has {len(key)} names for {count} calls; expected a name for each")
    return _each_named(key, arguments)


def _each_named(
    names: Sequence[Key], arguments: Iterator[tuple[Any, ...]]
) -> Iterator[tuple[Key | None, tuple[Any, ...]]]:
    for name, args in itertools.zip_longest(zip(names, strict=True), arguments):
        if name is None or args is None:
            count = "more" if name is None else "fewer"
            raise OptionError(f"map: key has {len(names)} names, and there are {count} calls; expected a name for each")
        yield name[0], args


def some_ahead(futures: Iterator[Future[T]]) -> Iterator[Future[T]]:
    """Yield `futures`; some are submitted before they are asked for."""
    waiting: deque[Future[T]] = deque()
    for future in futures:
        waiting.append(future)
        while len(waiting) > AHEAD:
            wait((waiting[0],))
            yield waiting.popleft()
    yield from waiting
