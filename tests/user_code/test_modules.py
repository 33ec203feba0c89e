"""The user's own modules: what is in them means the same in workers, edited, reloaded and patched as they may be."""

from __future__ import annotations

import importlib
import sys
import textwrap
import types
import unittest.mock
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.schedulers import pool

pytestmark = pytest.mark.usefixtures("workers_end")


def through(function: Callable[..., Any], *records: Any, npartitions: int = 2) -> list[Any]:
    """Map in worker processes."""
    bag = bk.from_sequence(list(records), npartitions=npartitions).map(function)
    return bag.compute(scheduler="processes", workers=2)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Write a module of the user's and import it; a module that is there already is reloaded."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names: list[str] = []

    def make(name: str, text: str) -> Any:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        name = name.removesuffix("/__init__").replace("/", ".")
        names.append(name)
        importlib.invalidate_caches()
        return importlib.reload(sys.modules[name]) if name in sys.modules else importlib.import_module(name)

    yield make
    for name in names:
        sys.modules.pop(name, None)


def test_a_reloaded_module_is_new_in_warm_workers(write: Any) -> None:
    module = write("crossing_reloaded", "def f(x): return 'old'")
    assert through(module.f, 1, 2) == ["old", "old"]
    write("crossing_reloaded", "def f(x): return 'brand new'")
    assert through(module.f, 1, 2) == ["brand new", "brand new"]
    del sys.modules["crossing_reloaded"]
    module = write("crossing_reloaded", "def f(x): return 'imported again'")
    assert through(module.f, 1, 2) == ["imported again"] * 2


def test_a_module_that_was_edited_and_not_reloaded_is_what_the_caller_has(write: Any, tmp_path: Path) -> None:
    module = write("crossing_edited", "def f(x): return 'as imported'")
    (tmp_path / "crossing_edited.py").write_text("def f(x): return 'edited since'")
    assert through(module.f, 1, 2) == [module.f(1)] * 2


def test_a_module_that_is_being_edited(write: Any, tmp_path: Path) -> None:
    module = write("crossing_broken", "def f(x): return 'as imported'")
    (tmp_path / "crossing_broken.py").write_text("def f(x): return")
    (tmp_path / "crossing_broken.py").write_text("def f(x) return")
    assert through(module.f, 1, 2) == [module.f(1)] * 2


def test_a_patched_function_is_patched_in_workers_also_for_modules_that_use_it(write: Any) -> None:
    module = write("crossing_patched", "def f(x): return x\ndef g(x): return f(x)")
    other = write("crossing_user", "import crossing_patched\ndef h(x): return crossing_patched.g(x)")

    def patched(x: Any) -> str:
        return "patched"

    with unittest.mock.patch.object(module, "f", patched):
        assert through(module.g, 1) == ["patched"]
        assert through(other.h, 1) == ["patched"]
        assert through(lambda x: other.h(x), 1) == ["patched"]
    assert through(other.h, 1) == [1]


def test_a_patched_method(write: Any) -> None:
    module = write("crossing_method", "class C:\n    def m(self): return 'm'\ndef f(x): return C().m()")
    assert through(module.f, 1) == ["m"]
    module.C.m = lambda self: "patched"
    assert through(module.f, 1) == ["patched"]
    assert [type(each) for each in through(lambda x: module.C(), 1)] == [module.C]


def test_a_method_in_whose_place_stands_another_function_of_the_users(write: Any) -> None:
    module = write(
        "crossing_methods",
        """
        class C:
            class Inner:
                def m(self): return "m of Inner"
            def m(self): return "m"
            other = m
            @staticmethod
            def s(): return "s"
        C.itself = C.Inner.outer = C
        def g(*_): return "g"
        def f(x): return C().m(), C().other(), C.s(), C.Inner().m()
        """,
    )
    other = write("crossing_more_methods", "def h(*_): return 'h'")
    assert through(module.f, 0) == [module.f(0)] == [("m", "m", "s", "m of Inner")]
    for change in (
        lambda: setattr(module.C, "m", module.g),
        lambda: setattr(module.C.Inner, "m", module.C.other),
        lambda: setattr(module.C, "s", staticmethod(other.h)),
    ):
        before = module.f(0)
        change()
        assert through(module.f, 0) == [module.f(0)] != [before]


class OfTests:
    """Of a module that pytest has rewritten, for it has asserts."""

    def m(self) -> str:
        assert type(self) is OfTests
        return "m"

    def other(self) -> str:
        return "other"


def asks_tests(_: int) -> str:
    return OfTests().m()


def test_a_patched_method_of_a_module_that_pytest_has_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    assert through(asks_tests, 0) == ["m"]
    for patch in (OfTests.other, lambda self: "lambda", patched):
        with monkeypatch.context() as context:
            context.setattr(OfTests, "m", patch)
            assert through(asks_tests, 0) == [asks_tests(0)] != ["m"]
    assert through(asks_tests, 0) == ["m"]


def test_a_patched_method_of_a_module_in_a_zip_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "modules.zip", "w") as file:
        file.writestr("crossing_zipped.py", "class C:\n    def m(self): return 'm'\ndef f(x): return C().m()")
    monkeypatch.syspath_prepend(tmp_path / "modules.zip")
    module = importlib.import_module("crossing_zipped")
    assert through(module.f, 0) == ["m"]
    monkeypatch.setattr(module.C, "m", lambda self: "patched")
    assert through(module.f, 0) == ["patched"]


def test_changed_values_of_a_module_count_in_workers(write: Any) -> None:
    module = write(
        "crossing_values",
        """
        LIMIT = 1
        TABLE = {"a": 1}
        class Config:
            depth = 1
        settings = Config()
        def f(x): return LIMIT, TABLE["a"], Config.depth, getattr(settings, "more", 0)
        def set_limit(value):
            global LIMIT
            LIMIT = value
        """,
    )
    assert through(module.f, 0) == [(1, 1, 1, 0)]
    module.set_limit(2)
    module.TABLE["a"] = 3
    module.Config.depth = 4
    module.settings.more = 5
    assert through(module.f, 0) == [module.f(0)] == [(2, 3, 4, 5)]
    module.LIMIT = 1
    module.TABLE["a"] = 1
    assert through(module.f, 0) == [module.f(0)] == [(1, 1, 4, 5)]


def test_a_flag_does_not_cross_without_what_it_stands_for(write: Any) -> None:
    module = write(
        "crossing_flag",
        """
        loaded, model = False, None
        def load():
            global loaded, model
            if not loaded:
                loaded, model = True, (lambda x: x * 10)
            return model
        def f(x): return load()(x)
        """,
    )
    assert module.f(1) == 10  # now the flag is set here
    assert through(module.f, 1, 2) == [10, 20]


def test_a_module_that_was_made_by_hand() -> None:
    module = types.ModuleType("crossing_by_hand")
    exec("A = 3\ndef f(x): return x * A", vars(module))
    with unittest.mock.patch.dict(sys.modules, {"crossing_by_hand": module}):
        assert through(module.f, 1, 2) == [3, 6]
        assert through(lambda x: module.f(x) + module.A, 1, 2) == [6, 9]


def test_a_module_as_its_file_makes_it_travels_by_reference(write: Any) -> None:
    module = write(
        "crossing_whole",
        """
        import dataclasses, functools, threading
        lock = threading.Lock()  # which can't be pickled
        def plus_one(f):
            return lambda x: f(x) + 1
        @plus_one
        def decorated(x):
            with lock:
                return x
        @functools.cache
        def cached(x): return x * 3
        @dataclasses.dataclass(frozen=True, order=True)
        class Record:
            x: int
            def twice(self):
                with lock:
                    return self.x * 2
        """,
    )
    assert through(lambda x: module.decorated(x), 1, 2) == [2, 3]
    assert through(module.cached, 1, 2) == [3, 6]
    assert through(module.Record, 1, 2) == [module.Record(1), module.Record(2)]
    assert through(module.Record.twice, module.Record(1), module.Record(2)) == [2, 4]


def test_resume_after_a_reload_does_not_keep_the_output_of_old_code(write: Any, tmp_path: Path) -> None:
    module = write("crossing_resumed", "def f(x): return 'old'")
    bag = bk.from_sequence([1, 2], npartitions=2)
    bag.map(module.f).compute(scheduler="processes")
    write("crossing_resumed", "def f(x): return 'brand new'")
    with bk.options(scheduler="processes"):
        bag.map(module.f).to_textfiles(tmp_path / "o-*.txt")
        bag.map(module.f).to_textfiles(tmp_path / "o-*.txt", exist="resume")
    assert bk.read_text(str(tmp_path / "o-*.txt")).compute() == ["brand new", "brand new"]


def patched(_: Any) -> str:
    return "patched"


# Reloaded modules that are reached in other ways than by the names of functions

OLD_AND_NEW = """
    LIMIT = "{0}"
    def f(x): return "{0}"
    class Record:
        kind = "{0}"
        def s(self): return "{0}"
"""


def test_a_reloaded_module_that_functions_import_while_they_run(write: Any) -> None:
    def plainly(x: int) -> Any:
        import crossing_inner

        return crossing_inner.f(x)

    def by_name(x: int) -> Any:
        from crossing_inner import f as found

        return found(x)

    def by_text(x: int) -> Any:
        return importlib.import_module("crossing_inner").f(x)

    write("crossing_inner", OLD_AND_NEW.format("old"))
    user = write("crossing_inner_user", "def h(x):\n    import crossing_inner\n    return crossing_inner.f(x)")
    functions = plainly, by_name, by_text, user.h
    assert [through(each, 1) for each in functions] == [["old"]] * 4
    write("crossing_inner", OLD_AND_NEW.format("brand new"))
    assert [through(each, 1) for each in functions] == [["brand new"]] * 4


def test_a_reloaded_module_of_the_class_of_records(write: Any) -> None:
    import operator

    def texts() -> list[Any]:
        record = module.Record()
        call = bk.delayed(lambda each: each.s())(record).compute(scheduler="processes")
        return [*through(lambda each: each.s(), record), *through(operator.methodcaller("s"), record), call]

    module = write("crossing_records", OLD_AND_NEW.format("old"))
    assert texts() == ["old"] * 3
    write("crossing_records", OLD_AND_NEW.format("brand new"))
    assert texts() == ["brand new"] * 3


def test_what_has_changed_in_a_module_that_functions_import_while_they_run(write: Any) -> None:
    def all_of(x: int) -> Any:
        import crossing_lazy
        from crossing_lazy import LIMIT

        record = crossing_lazy.Record()
        return LIMIT, crossing_lazy.f(x), record.kind, record.s()

    module = write("crossing_lazy", OLD_AND_NEW.format("old"))
    user = write("crossing_lazy_user", "def h(x):\n    import crossing_lazy\n    return crossing_lazy.LIMIT")
    pool.end_workers()
    module.LIMIT = "changed"  # before a worker has imported the module
    assert through(user.h, 1) == ["changed"]
    assert through(all_of, 1) == [("changed", "old", "old", "old")]
    module.Record.kind = "changed"
    assert through(all_of, 1) == [("changed", "old", "changed", "old")]
    with unittest.mock.patch.object(module, "f", new=patched):
        assert through(all_of, 1) == [("changed", "patched", "changed", "old")]
        with unittest.mock.patch.object(module.Record, "s", new=patched):
            assert through(all_of, 1) == [("changed", "patched", "changed", "patched")]
    assert through(all_of, 1) == [("changed", "old", "changed", "old")]


def test_a_changed_attribute_of_the_class_of_records(write: Any) -> None:
    module = write("crossing_kinds", OLD_AND_NEW.format("old"))
    for kind in ("old", "changed", "again"):
        module.Record.kind = kind
        assert through(lambda record: record.kind, module.Record(), module.Record()) == [kind] * 2


def test_edited_modules_that_functions_import_while_they_run(write: Any, tmp_path: Path) -> None:
    def plainly(x: int) -> Any:
        import crossing_package.inner
        import crossing_package.other

        return crossing_package.inner.f(x), crossing_package.other.g(x)

    def by_name(x: int) -> Any:
        from crossing_package import inner, other

        return inner.f(x), other.g(x)

    (tmp_path / "crossing_package").mkdir()
    write("crossing_package/__init__", "")
    write("crossing_package/other", "def g(x):\n    from .inner import f\n    return f(x)")
    write("crossing_package/inner", "def f(x): return 'as imported'")
    (tmp_path / "crossing_package" / "inner.py").write_text("def f(x): return 'edited since'")
    assert through(plainly, 1) == through(by_name, 1) == [("as imported", "as imported")]
    importlib.reload(sys.modules["crossing_package.inner"])
    assert through(plainly, 1) == through(by_name, 1) == [("edited since", "edited since")]


def test_resume_and_cache_see_what_functions_import_while_they_run(write: Any, tmp_path: Path) -> None:
    def lazily(x: int) -> Any:
        import crossing_cached

        return crossing_cached.f(x)

    for text in ("old", "brand new"):
        write("crossing_cached", OLD_AND_NEW.format(text))
        bag = bk.from_sequence([1, 2], npartitions=2).map(lazily)
        assert bag.cache(str(tmp_path / "cache")).compute(scheduler="processes") == [text] * 2
    with unittest.mock.patch.object(sys.modules["crossing_cached"], "f", new=patched):
        assert bag.cache(str(tmp_path / "cache")).compute(scheduler="processes") == ["patched"] * 2


def test_resume_sees_methods_of_a_metaclass(write: Any) -> None:
    from bagkit.plan.fingerprint import lasting_digest

    text = "class Meta(type):\n    def s(cls): return '{}'\nclass A(metaclass=Meta): pass"
    digests = {lasting_digest(write("crossing_meta", text.format(word)).A) for word in ("old", "brand new", "old")}
    assert len(digests) == 2


DISPATCHED = """
    import functools

    @functools.singledispatch
    def word(x): return "?"

    @word.register
    def _(x: int): return "{0}"

    @word.register
    def _(x: list): return [word(each) for each in x]

    def by_name(x): return word(x)

    class A:
        @functools.singledispatchmethod
        def word(self, x): return "?"

        @word.register
        def _(self, x: int): return "{0}"

        @word.register
        def _(self, x: list): return "several"

    class B:
        @functools.singledispatchmethod
        @classmethod
        def word(cls, x): return "{0}"

        @word.register
        @classmethod
        def _(cls, x: list): return "several"
"""


@pytest.mark.parametrize("name", ["word", "by_name", "A", "B"])
def test_resume_sees_what_is_registered_for_types(write: Any, name: str) -> None:
    from bagkit.plan.fingerprint import lasting_digest

    text = textwrap.dedent(DISPATCHED)
    digests = set()
    for word in ("old", "brand new", "old"):
        digests.add(lasting_digest(getattr(write("crossing_dispatched", text.format(word)), name)))
    assert len(digests) == 2


@pytest.mark.parametrize("decorator", ["", "@dataclasses.dataclass", "@dataclasses.dataclass(slots=True)"])
def test_resume_knows_classes_with_annotations_of_what_only_type_checkers_see(write: Any, decorator: str) -> None:
    from bagkit.plan.fingerprint import lasting_digest

    missing = "Missing" if sys.version_info >= (3, 14) else "'Missing'"  # older versions look it up at once
    text = f"import dataclasses\n{decorator}\nclass A:\n    x: {missing}\n    y: {{}}"
    digests = {lasting_digest(write("crossing_annotated", text.format(word)).A) for word in ("int", "str", "int")}
    assert len(digests) == 2


# Modules that were edited and not reloaded

EDITED = """
    import collections, dataclasses, enum, functools, typing

    def deco(function):
        @functools.wraps(function)
        def wrapper(x): return function(x)
        return wrapper

    @deco
    def decorated(x): return "old"

    TABLE = dict(f=lambda x: "old")
    def in_a_dict(x): return TABLE["f"](x)

    class Cached:
        @functools.cached_property
        def value(self): return "old"
    def cached_property(x): return Cached().value

    @functools.singledispatch
    def dispatched(x): return "object"
    @dispatched.register
    def _(x: int): return "old"

    def closing_over(text):
        def inner(x): return text
        return inner
    closed = closing_over("old")

    class Colour(enum.Enum):
        RED = "old"
    def enum_value(x): return Colour.RED.value

    class Pair(typing.NamedTuple):
        a: str = "old"
    def named_tuple(x): return Pair().a

    @dataclasses.dataclass
    class Data:
        a: str = "old"
        b: list = dataclasses.field(default_factory=lambda: ["old"])
    def dataclass(x): return Data().a + Data().b[0]

    partial = functools.partial(closing_over, "old")
    def of_partial(x): return partial()(x)

    Ordered = collections.namedtuple("Ordered", "a", defaults=["old"])
    def ordered(x): return Ordered().a

    def default(x, text="old"): return text
    def constant(x): return frozenset({"old"})
"""


def test_whatever_was_edited_is_as_the_caller_has_it(write: Any, tmp_path: Path) -> None:
    module = write("crossing_kinds_edited", EDITED)
    names = ["decorated", "in_a_dict", "cached_property", "dispatched", "closed", "enum_value", "named_tuple",
             "dataclass", "of_partial", "ordered", "default", "constant"]  # fmt: skip
    got = {name: through(getattr(module, name), 1) for name in names}
    (tmp_path / "crossing_kinds_edited.py").write_text(textwrap.dedent(EDITED).replace("old", "edited since"))
    pool.end_workers()
    for name in names:
        assert through(getattr(module, name), 1) == got[name] == [getattr(module, name)(1)], name
        assert through(lambda x, name=name: getattr(module, name)(x), 1) == got[name], name
    assert through(lambda colour: colour.value, module.Colour.RED) == ["old"]
    assert through(lambda x: module.Colour.RED, 1) == [module.Colour.RED]
    write("crossing_kinds_edited", EDITED.replace("old", "edited since"))
    assert all("edited since" in str(through(getattr(module, name), 1)) for name in names)


def test_an_edited_module_that_cannot_travel_by_value(write: Any, tmp_path: Path) -> None:
    text = "import threading\nLOCK = threading.Lock()\ndef f(x):\n    with LOCK: return x"
    module = write("crossing_locked", text)
    assert through(module.f, 1) == [1]
    (tmp_path / "crossing_locked.py").write_text(f"# a comment\n{text}")
    with pytest.raises(bk.NotPicklableError, match=r"`LOCK`.*lock.*or importlib.reload\(crossing_locked\)"):
        through(module.f, 1)
    importlib.reload(module)
    assert through(module.f, 1) == [1]


def test_executors_get_what_was_reloaded_by_value(write: Any, tmp_path: Path) -> None:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    def lazily(x: int) -> Any:
        import crossing_executed

        return crossing_executed.f(x)

    def texts() -> list[Any]:
        bags = (bk.from_sequence([1]).map(each) for each in (lazily, module.f))
        record = bk.from_sequence([module.Record()]).map(lambda each: each.s())
        return [each for bag in (*bags, record) for each in bag.compute(scheduler=executor)]

    module = write("crossing_executed", OLD_AND_NEW.format("old"))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        assert texts() == ["old"] * 3
        (tmp_path / "crossing_executed.py").write_text(textwrap.dedent(OLD_AND_NEW.format("edited since")))
        assert texts() == ["old"] * 3
        importlib.reload(module)
        assert texts() == ["edited since"] * 3
        with unittest.mock.patch.object(module, "f", new=patched):
            assert texts() == ["patched", "patched", "edited since"]
        assert texts() == ["edited since"] * 3


def test_a_module_that_was_imported_before_bagkit(write: Any, tmp_path: Path) -> None:
    import subprocess

    program = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        sys.dont_write_bytecode = True
        import crossing_early
        import bagkit as bk
        print(bk.from_sequence([1]).map(crossing_early.f).compute(scheduler="processes", workers=1))
        open(crossing_early.__file__, "w").write("def f(x, text='edited since'): return text")
        print(bk.from_sequence([1]).map(crossing_early.f).compute(scheduler="processes", workers=1))
    """
    (tmp_path / "crossing_early.py").write_text("def f(x, text='old'): return text")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["['old']", "['old']"], done.stderr


# Modules that hold what another one had before it was reloaded


def test_what_another_module_has_kept_of_a_reloaded_one(write: Any) -> None:
    text = """
        def g(x): return "@"
        def closing_over(text):
            def inner(x): return "@" + text
            return inner
        class Base:
            def s(self): return "@"
    """
    write("crossing_below", text.replace("@", "old"))
    above = write("crossing_above", """
        import crossing_below
        from crossing_below import Base, closing_over, g
        class Derived(Base):
            pass
        TABLE = {"g": g}
        made = closing_over("!")
        instance = Base()
        def by_name(x): return g(x)
        def by_module(x): return crossing_below.g(x)
        def of_base(x): return Derived().s()
        def of_table(x): return TABLE["g"](x)
        def of_closure(x): return made(x)
        def of_instance(x): return instance.s()
    """)  # fmt: skip
    names = "by_name", "by_module", "of_base", "of_table", "of_closure", "of_instance"
    for _ in range(2):
        for name in names:
            function = getattr(above, name)
            assert through(function, 1) == through(lambda x, name=name: getattr(above, name)(x), 1) == [function(1)]
        assert through(lambda each: each.s(), above.Derived()) == [above.Derived().s()]
        write("crossing_below", text.replace("@", "brand new"))
    assert above.by_name(1) == "old"
    assert above.by_module(1) == "brand new"


def test_a_module_object_that_was_left_behind(write: Any) -> None:
    old = write("crossing_left", OLD_AND_NEW.format("old"))
    user = write("crossing_left_user", "import crossing_left\ndef h(x): return crossing_left.f(x)")
    assert through(user.h, 1) == ["old"]
    del sys.modules["crossing_left"]
    new = write("crossing_left", OLD_AND_NEW.format("brand new"))
    assert through(user.h, 1) == [user.h(1)] == ["old"]
    assert through(lambda x: (old.f(x), new.f(x), old.Record().s(), new.Record().s()), 1) == [
        ("old", "brand new", "old", "brand new")
    ]
    assert through(lambda each: each.s(), old.Record(), new.Record()) == ["old", "brand new"]


# Modules that the caller has not imported


def test_edits_of_a_module_that_only_workers_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bagkit.plan.fingerprint import lasting_digest

    def lazily(x: int) -> Any:
        from crossing_unimported.inner import f

        return f(x)

    def write_all(text: str) -> None:
        (tmp_path / "crossing_unimported" / "inner.py").write_text("from .deeper import f")
        (tmp_path / "crossing_unimported" / "deeper.py").write_text(f"def f(x): return '{text}'")

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "crossing_unimported").mkdir()
    digests = set()
    for text in ("old", "brand new", "old"):
        write_all(text)
        assert through(lazily, 1, 2) == [text] * 2
        digests.add(lasting_digest(lazily))
    assert len(digests) == 2
    assert "crossing_unimported" not in sys.modules
    assert bk.from_sequence([1]).map(lazily).compute(scheduler="sync") == ["old"]
    try:
        module = sys.modules["crossing_unimported.deeper"]
        assert lasting_digest(lazily) in digests
        write_all("brand new")
        assert lasting_digest(lazily) not in digests
        importlib.reload(module)
        importlib.reload(sys.modules["crossing_unimported.inner"])
        assert lasting_digest(lazily) in digests
    finally:
        for name in ("", ".inner", ".deeper"):
            sys.modules.pop(f"crossing_unimported{name}", None)
