"""What a program has changed in the user's modules counts in workers, which import these modules."""

from __future__ import annotations

import array
import collections
import configparser
import decimal
import functools
import importlib
import logging
import math
import operator
import re
import shutil
import statistics
import sys
import threading
import types
import zoneinfo
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bagkit as bk
from bagkit.schedulers import pool


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    directory = tmp_path_factory.mktemp("modules")
    shutil.copy(Path(__file__).parent / "module_of_values.py", directory / "module_of_changes.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(directory)
        patch.setattr(sys, "dont_write_bytecode", True)
        yield importlib.import_module("module_of_changes")
        del sys.modules["module_of_changes"]
    pool.end_workers()


@pytest.fixture(autouse=True)
def put_back(module: Any) -> Iterator[None]:
    content = dict(vars(module))
    yield
    vars(module).update(content)


def through(function: Callable[..., Any], *records: Any) -> list[Any]:
    bag = bk.from_sequence(records or [0], npartitions=1)
    return bag.map(function).compute(scheduler="processes", workers=1)


def config() -> configparser.ConfigParser:
    made = configparser.ConfigParser()
    made.read_dict({"a": {"b": "c"}})
    return made


VALUES: dict[str, Callable[[Any], Any]] = {
    "pattern": lambda m: re.compile("b"),
    "zone": lambda m: zoneinfo.ZoneInfo("UTC"),
    "array of numpy": lambda m: np.arange(3),
    "number of numpy": lambda m: np.float64(3),
    "frame": lambda m: pd.DataFrame({"a": [1]}),
    "series": lambda m: pd.Series([1]),
    "enum": lambda m: m.Color.BLUE,
    "frozen": lambda m: m.Frozen(3),
    "data": lambda m: m.Data(re.compile("c")),
    "named tuple": lambda m: m.Named(3),
    "slots": lambda m: m.Slotted(3),
    "object": lambda m: m.Plain(3),
    "dict of a class": lambda m: m.Table(),
    "namespace": lambda m: types.SimpleNamespace(a=re.compile("b"), b=3),
    "counter": lambda m: collections.Counter("aab"),
    "defaultdict": lambda m: collections.defaultdict(list, a=[1]),
    "deque": lambda m: collections.deque([1]),
    "ordered": lambda m: collections.OrderedDict(b=1, a=2),
    "user dict": lambda m: collections.UserDict(a=3),
    "proxy": lambda m: types.MappingProxyType({"a": 1}),
    "bytearray": lambda m: bytearray(b"x"),
    "array": lambda m: array.array("i", [3]),
    "config": lambda m: config(),
    "logger": lambda m: logging.getLogger("bagkit.test"),
    "module": lambda m: statistics,
    "class": lambda m: m.Plain,
    "function of C": lambda m: math.sqrt,
    "function": lambda m: m.two,
    "item getter": lambda m: operator.itemgetter(1),
    "long list": lambda m: list(range(1001)),
    "list of objects": lambda m: [m.Plain(3), m.Color.RED],
    "dict of patterns": lambda m: {"a": re.compile("d"), "b": {m.Frozen(2)}},
}


def is_same(one: Any, other: Any) -> bool:
    if isinstance(one, (pd.DataFrame, pd.Series)):
        return one.equals(other)
    return type(one) is type(other) and (one is other or repr(one) == repr(other) or bool(one == other))


@pytest.mark.parametrize("is_warm", [True, False], ids=["warm", "cold"])
def test_a_value_that_was_put_into_a_module_counts(module: Any, is_warm: bool) -> None:
    wrong = []
    for name, make in VALUES.items():
        module.VALUE = value = make(module)
        if not is_warm and name in ("pattern", "slots", "module"):
            pool.end_workers()
        (found,) = through(module.get)
        if not is_same(value, found):
            wrong.append((name, found))
    assert wrong == []
    module.VALUE = None
    assert through(module.get) == [None]


EQUAL = [
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ([1, 2], [True, 2.0]),
    ((1, {"a": 0.0}), (1, {"a": -0.0})),
    (0.0, -0.0),
    (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    tuple(datetime(2020, 1, 1, 12 + n, tzinfo=timezone(timedelta(hours=n))) for n in (0, 2)),
]


@pytest.mark.parametrize(("before", "after"), EQUAL, ids=repr)
def test_a_value_that_equals_the_one_before_and_is_another(module: Any, before: Any, after: Any) -> None:
    """It was taken for the same: a dict that was put in another order kept its old one in workers."""
    assert before == after
    for value in (before, after):
        module.VALUE = value
        assert repr(through(module.get)) == repr([value])


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.make(5),
        lambda m: m.Plain(4).get,
        lambda m: functools.partial(m.make, 3),
        lambda m: functools.partial(m.Plain, m.Frozen(2)),
        lambda m: m.two,
    ],
    ids=["closure", "bound method", "partial", "partial of a class", "function"],
)
def test_code_that_was_put_into_a_module_counts(module: Any, make: Callable[[Any], Any]) -> None:
    def called(x: Any) -> Any:
        return x() if isinstance(x, types.FunctionType) else x

    module.VALUE = make(module)
    assert list(map(called, through(module.call))) == [called(module.VALUE())]


def test_what_is_changed_back_is_as_before(module: Any) -> None:
    assert through(module.of_function) == [1]
    kept = module.FUNCTION
    module.FUNCTION = module.make(2)
    assert through(module.of_function) == [2]
    module.FUNCTION = kept
    assert through(module.of_function) == [1]


def test_values_in_classes_objects_and_defaults(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = (module.of_class, module.of_settings, module.defaults)
    before = [through(each) for each in functions]
    assert before == [[each(0)] for each in functions]
    with monkeypatch.context() as patch:
        patch.setattr(module.Plain, "inner", re.compile("b"))
        patch.setattr(module.SETTINGS, "a", (re.compile("c"), 3))
        patch.setattr(module.Plain.get, "__defaults__", (re.compile("d"),))
        patch.setattr(module.defaults, "__defaults__", (re.compile("e"), 4))
        patch.setattr(module.defaults, "__kwdefaults__", {"last": "y"})
        changed = [through(each) for each in functions]
        assert changed == [[each(0)] for each in functions] != before
    assert [through(each) for each in functions] == before
    patched = module.defaults.__defaults__
    module.defaults.__defaults__ = (*patched[:1], 7)
    assert through(module.defaults) == [("a", 7, "x")]
    module.defaults.__defaults__ = patched
    module.SETTINGS = types.SimpleNamespace(get=module.two, more=re.compile("f"))
    assert through(module.of_settings) == ["two"]


def test_values_in_inner_classes_and_under_odd_names(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert through(module.of_inner) == [module.of_inner(0)] == [((1, frozenset((1,))), 1, "1")]
    monkeypatch.setattr(module.Outer.Inner, "depth", re.compile("b"))
    vars(module).update({"__VALUE": 2, "__version__": "2"})
    module.Outer.Inner.get.__func__.__defaults__ = (3,)
    assert through(module.of_inner) == [module.of_inner(0)] == [((re.compile("b"), 3), 2, "2")]


def test_cached_functions_see_what_has_changed(module: Any) -> None:
    for value in (1, re.compile("a"), [re.compile("b")]):
        module.VALUE = value
        assert through(module.cached) == [value]
    module.VALUE.append(3)
    assert through(module.cached) == [module.VALUE]


def test_modules_share_a_value_there_if_they_do_here(module: Any, tmp_path: Path) -> None:
    (tmp_path / "module_of_sharing.py").write_text(
        "from module_of_changes import SHARED, add\ndef f(x):\n    add(x)\n    return SHARED.tolist()\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        sharing = importlib.import_module("module_of_sharing")
        assert through(sharing.f) == [[0, 0]]
        module.SHARED[0] = 5
        assert through(sharing.f, 1) == [[5, 1]]
        module.SHARED[0] = 6
        assert through(sharing.f, 1) == [[6, 1]]
        del sys.modules["module_of_sharing"]


def test_changes_in_place_count_and_stay_the_objects_that_they_are(module: Any) -> None:
    other: Any = types.ModuleType("unused")
    for value, change in [
        (collections.Counter("a"), lambda each: each.update("ab")),
        (collections.deque([1], 3), lambda each: each.extend([2, 3, 4])),
        (collections.defaultdict(set), lambda each: each["a"].add(3)),
        (bytearray(b"a"), lambda each: each.extend(b"b")),
        (module.Data([re.compile("a")]), lambda each: each.a.append(re.compile("b"))),
    ]:
        module.VALUE = other.value = value
        assert through(module.get) == [value]
        change(value)
        assert through(module.get) == [value]


def test_what_functions_of_a_worker_have_put_into_a_value_stays(module: Any) -> None:
    module.VALUE = collections.Counter(uses=0)
    assert through(module.use, 0, 1) == [1, 2]
    assert through(module.use, 0, 1) == [3, 4]
    module.VALUE["uses"] = 10
    assert through(module.use, 0, 1) == [11, 12]


def test_what_nobody_has_changed_stays_the_object_that_it_is(module: Any) -> None:
    assert through(module.is_unset) == [(True, 1)]
    module.VALUE = {"a": module.Plain(frozenset({"one", "two", "three"}))}
    assert through(module.is_unset) == [(True, 1)]
    pool.end_workers()
    assert through(module.is_held) == [True]
    module.UNSET, kept = object(), module.UNSET
    assert through(module.is_unset) == [(True, 1)]  # equal to the one of the file, whichever that is
    module.UNSET = kept


def test_functions_of_the_program_see_it_too(module: Any) -> None:
    content: dict[str, Any] = {"__name__": "__main__", "module": module}
    exec("def f(x): return module.SETTINGS.a.pattern", content)
    assert through(content["f"]) == ["a"]
    module.SETTINGS = module.Plain(re.compile("b"))
    assert through(content["f"]) == ["b"]


def test_values_that_belong_together_go_together_or_not_at_all(module: Any) -> None:
    module.set_value(re.compile("b"))
    assert through(module.get) == [module.VALUE]
    module.set_value(threading.Lock())
    assert through(module.get) == [None]
    module.set_value(np.zeros(1 << 20))
    assert through(module.get) == [None]


def test_a_process_that_is_the_callers_own_is_told_nothing(module: Any) -> None:
    module.VALUE = value = [lambda: 1]
    with ThreadPoolExecutor(1) as executor:
        bk.from_sequence([0]).map(module.get).compute(scheduler=executor)
    assert module.VALUE is value


@pytest.mark.parametrize("make", [re.compile, lambda text: types.MappingProxyType({"a": text})])
def test_a_run_that_goes_on_sees_such_values(module: Any, tmp_path: Path, make: Callable[[str], Any]) -> None:
    def write() -> None:
        bag = bk.from_sequence([0]).map(module.get).map(str)
        bag.to_textfiles(tmp_path / "*.txt", exist="resume", scheduler="sync")

    module.VALUE = make("a")
    write()
    module.VALUE = make("a")
    write()
    module.VALUE = make("b")
    with pytest.raises(bk.ResumeMismatchError, match="get"):
        write()
