"""Methods for records that are text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from bagkit.front_doors import front_door, front_doors
from bagkit.lazily import Lazily
from bagkit.lazy.arguments import only_plain
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
    """The methods of `str`, called with each record: `bag.str.upper()`, `bag.str.split(",", maxsplit=1)`.

    `help(str.split)` says what a method does; `bag.str.match(pattern)` is the one that `str` does not have.

    >>> import bagkit as bk
    >>> bk.from_sequence(["Ada", "Bob"]).str.replace("b", "p").compute(scheduler="sync")
    ['Ada', 'Bop']
    """

    __slots__ = ("_bag",)

    capitalize: Callable[..., Bag[str]]
    casefold: Callable[..., Bag[str]]
    center: Callable[..., Bag[str]]
    expandtabs: Callable[..., Bag[str]]
    format: Callable[..., Bag[str]]
    format_map: Callable[..., Bag[str]]
    join: Callable[..., Bag[str]]
    ljust: Callable[..., Bag[str]]
    lower: Callable[..., Bag[str]]
    lstrip: Callable[..., Bag[str]]
    removeprefix: Callable[..., Bag[str]]
    removesuffix: Callable[..., Bag[str]]
    replace: Callable[..., Bag[str]]
    rjust: Callable[..., Bag[str]]
    rstrip: Callable[..., Bag[str]]
    strip: Callable[..., Bag[str]]
    swapcase: Callable[..., Bag[str]]
    title: Callable[..., Bag[str]]
    translate: Callable[..., Bag[str]]
    upper: Callable[..., Bag[str]]
    zfill: Callable[..., Bag[str]]
    endswith: Callable[..., Bag[bool]]
    isalnum: Callable[..., Bag[bool]]
    isalpha: Callable[..., Bag[bool]]
    isascii: Callable[..., Bag[bool]]
    isdecimal: Callable[..., Bag[bool]]
    isdigit: Callable[..., Bag[bool]]
    isidentifier: Callable[..., Bag[bool]]
    islower: Callable[..., Bag[bool]]
    isnumeric: Callable[..., Bag[bool]]
    isprintable: Callable[..., Bag[bool]]
    isspace: Callable[..., Bag[bool]]
    istitle: Callable[..., Bag[bool]]
    isupper: Callable[..., Bag[bool]]
    startswith: Callable[..., Bag[bool]]
    count: Callable[..., Bag[int]]
    find: Callable[..., Bag[int]]
    index: Callable[..., Bag[int]]
    rfind: Callable[..., Bag[int]]
    rindex: Callable[..., Bag[int]]
    encode: Callable[..., Bag[bytes]]
    rsplit: Callable[..., Bag[list[str]]]
    split: Callable[..., Bag[list[str]]]
    splitlines: Callable[..., Bag[list[str]]]
    partition: Callable[..., Bag[tuple[str, str, str]]]
    rpartition: Callable[..., Bag[tuple[str, str, str]]]
    maketrans: Callable[..., Bag[Any]]

    def __init__(self, bag: Making[Any]) -> None:
        self._bag = bag

    def match(self, pattern: str) -> Bag[str]:
        """Keep the records that match a pattern of the shell as a whole.

        Args:
            pattern: Text in which `*` stands for any characters, `?` for one, and `[abc]` for one of several. Case
                counts.

        Returns:
            A bag of the records that match.

        Raises:
            PlanError: `pattern` is not text.

        >>> import bagkit as bk
        >>> bk.from_sequence(["Ada L.", "Bob M.", "Al M."]).str.match("A* M.").compute(scheduler="sync")
        ['Al M.']
        """
        return self._bag._then(ops.MatchGlob(pattern))

    if not TYPE_CHECKING:  # for type checkers a class with it has every name

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(f"text has no method {name!r}; hint: bag.map(function) takes any function")

    def __dir__(self) -> list[str]:
        return sorted({"match", *NAMES})

    def __repr__(self) -> str:
        return "<the methods of text, for each record of a bag>"


def _method(name: str) -> Callable[..., Bag[Any]]:
    def method(self: Strings, /, *args: Any, **kwargs: Any) -> Bag[Any]:
        hint = f"bag.map(str.{name}, argument) takes bags, items and delayed values"
        args, kwargs = only_plain(f"str.{name}", "an argument", (args, kwargs), hint)
        return self._bag._then(ops.CallMethod(name, args, kwargs))

    of_text = getattr(str, name)
    method.__name__, method.__qualname__, method.__doc__ = name, f"Strings.{name}", of_text.__doc__
    method.__wrapped__ = of_text  # type: ignore[attr-defined]  # for its signature
    return front_door(method)


for _name in NAMES:  # in the class itself: there prompts look for what completes `bag.str.`
    setattr(Strings, _name, _method(_name))


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
