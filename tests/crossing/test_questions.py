"""What functions in workers find of the program's own module when they look it up by its name."""

from __future__ import annotations

import pickle
import sys
import textwrap
import types
from collections.abc import Callable
from typing import Any

import pytest

import bagkit as bk

PROGRAM = """
    import pickle, sys, threading

    LIMIT = 5
    TABLE = {"limit": 7}
    lock = threading.Lock()

    class Kept:
        def __init__(self, value): self.value = value
        def __eq__(self, other): return type(other) is type(self) and other.value == self.value

    class Named(Kept): pass

    def twice(x): return x * 2

    def pickled(x): return pickle.dumps(Kept(x))

    def there_and_back(x): return pickle.loads(pickle.dumps(Kept(x)))

    def import_main(x):
        import __main__
        return __main__.twice(x), __main__.LIMIT, hasattr(__main__, "nothing")

    def from_main(x):
        from __main__ import Named
        return Named(x)

    def by_name(x): return getattr(sys.modules[__name__], "tw" + "ice")(x)

    def evaluated(x): return eval("LIMIT + twice(x)")

    def executed(x):
        found = {}
        exec("y = TABLE['limit'] + x", globals() | {"x": x}, found)
        return found["y"]

    def looked_up(x): return globals()["twice"](x), "lock" in "a lock", "{LIMIT}".format(**globals())

    def nested(x):
        def inner(): return eval("LIMIT")
        return inner()

    def queried(x):
        import pandas
        return len(pandas.DataFrame({"a": [1, 9]}).query("a > @LIMIT"))
"""


pytestmark = pytest.mark.usefixtures("workers_end")


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = types.ModuleType("__main__")
    exec(compile(textwrap.dedent(PROGRAM), "<__main__>", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


def through(function: Callable[..., Any], *records: Any) -> list[Any]:
    return bk.from_sequence(records, npartitions=2).map(function).compute(scheduler="processes", workers=2)


FUNCTIONS = ["pickled", "there_and_back", "import_main", "from_main", "by_name"]
FUNCTIONS += ["evaluated", "executed", "looked_up", "nested", "queried"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_functions_look_up_by_name(main: Any, name: str) -> None:
    function = getattr(main, name)
    assert through(function, 1, 2) == [function(1), function(2)]


def test_pickles_that_are_records(main: Any) -> None:
    assert through(pickle.loads, pickle.dumps(main.Named(1)), pickle.dumps(main.Kept(2))) == [
        main.Named(1),
        main.Kept(2),
    ]


def test_what_the_module_has_at_the_next_run(main: Any) -> None:
    assert through(main.import_main, 1) == [(2, 5, False)]
    main.LIMIT = main.nothing = 6
    assert through(main.import_main, 1) == [(2, 6, True)]


def test_what_can_t_cross_is_not_there(main: Any) -> None:
    def look(x: int) -> Any:
        import __main__

        return __main__.lock

    with pytest.raises(AttributeError, match="no attribute 'lock'"):
        through(look, 1)


def test_objects_of_the_module_still_come_back_by_value(main: Any) -> None:
    groups = bk.from_sequence([1, 2, 3], npartitions=2).map(main.Kept).groupby(lambda kept: kept.value % 2)
    assert dict(groups.compute(scheduler="processes")) == {1: [main.Kept(1), main.Kept(3)], 0: [main.Kept(2)]}
