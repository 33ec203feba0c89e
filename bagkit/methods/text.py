"""Methods for records that are text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bagkit.arguments import holds_plan
from bagkit.errors import PlanError
from bagkit.front_doors import front_door, front_doors
from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.ops import text as ops
else:
    ops = Lazily("bagkit.ops.text")

NAMES = frozenset(name for name in dir(str) if not name.startswith("_"))
"""The methods that text has."""


@front_doors
class Strings:
    """Each method of `str` by its name, as one of the bag: `bag.str.upper()`, `bag.str.split(",", maxsplit=1)`."""

    __slots__ = ("_bag",)

    def __init__(self, bag: Making[Any]) -> None:
        self._bag = bag

    def match(self, pattern: str) -> Bag[Any]:
        """Return the bag of the records that match a pattern of the shell, with `*`, `?` and `[...]`, as a whole.

        >>> import bagkit as bk
        >>> bk.from_sequence(["Ada L.", "Bob M.", "Al M."]).str.match("A* M.").compute(scheduler="sync")
        ['Al M.']
        """
        return self._bag._then(ops.MatchGlob(pattern))

    def __getattr__(self, name: str) -> Callable[..., Bag[Any]]:
        if name not in NAMES:
            raise AttributeError(f"text has no method {name!r}; hint: bag.map(function) takes any function")

        @front_door
        def method(*args: Any, **kwargs: Any) -> Bag[Any]:
            if any(map(holds_plan, (*args, *kwargs.values()))):
                raise PlanError(
                    f"str.{name}: an argument is not computed yet; expected plain values; "
                    f"hint: bag.map(str.{name}, argument) takes bags, items and delayed values"
                )
            return self._bag._then(ops.CallMethod(name, args, kwargs))

        method.__name__, method.__doc__ = name, getattr(str, name).__doc__
        return method

    def __dir__(self) -> list[str]:
        return sorted({"match", *NAMES})

    def __repr__(self) -> str:
        return "<the methods of text, for each record of a bag>"


class Text(Making[T_co]):
    """Methods for records that are text."""

    __slots__ = ()

    @property
    def str(self) -> Strings:
        """The methods of text, by their names, for each record; and `str.match`, a filter.

        >>> import bagkit as bk
        >>> bk.from_sequence(["Ada", "Bob"]).str.upper().compute(scheduler="sync")
        ['ADA', 'BOB']
        >>> bk.from_sequence(["a,b", "c"]).str.split(",").compute(scheduler="sync")
        [['a', 'b'], ['c']]
        """
        return Strings(self)
