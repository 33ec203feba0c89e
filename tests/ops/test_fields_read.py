import functools
import operator
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bagkit.ops.fields_read import fields_read

LIMIT = 3


def two_lines(r):
    a = r["a"]
    b = r["b"]
    return [a, b, a]


def with_try(r):
    try:
        return r["a"] + r["b"]
    except (KeyError, TypeError) as error:
        return (str(error), r.get("c"))


def with_loop(r):
    total = 0
    for each in (1, 2, 3):
        if each == r.get("b"):
            continue
        total += each
        while total < 3 and r["a"]:
            total += 1
    return total


def with_keyword(r, *, times=2):
    return [r["a"]] * times


def closed_over(limit):
    return lambda r: [r["a"], limit]


def one_of(name):
    return lambda r: r[name]


def with_with(r):
    import contextlib

    with contextlib.suppress(KeyError):
        return r["a"]
    return r.get("b")


TOLD: list[tuple[Callable[[Any], Any], str]] = [
    (lambda r: r["a"], "a"),
    (lambda r: r["a"] == 30 and r.get("b"), "a b"),
    (lambda r: r.get("a"), "a"),
    (lambda r: r.get("a", 0), "a"),
    (lambda r: r.get("a", None) == r.get("b", ()), "a b"),
    (lambda r: r.get("a", []), "a"),
    (lambda r: r.get("a", {}), "a"),
    (lambda r: r.get("a", LIMIT), "a"),
    (lambda r, default=5: r.get("a", default), "a"),
    (lambda r: str(r["a"]).upper().split("x")[0], "a"),
    (lambda r: f"{r['a']!r:>10} {r.get('b')}", "a b"),
    (lambda r: r["a"] if r["b"] else r["c"], "a b c"),
    (lambda r: [x + "b" for x in str(r["a"])], "a"),
    (lambda r: {x: 1 for x in str(r["a"]) if x}, "a"),
    (lambda r: (r["a"], r["b"], r["a"]), "a b"),
    (lambda r: {"x": r["a"], "y": r["b"]}, "a b"),
    (lambda r: not r["a"], "a"),
    (lambda r: r["a"] is None or r["b"] in (1, 2), "a b"),
    (lambda r: LIMIT, ""),
    (lambda r, k=1: (k, r["a"]), "a"),
    (lambda r: r["a b"], "a_b"),
    (lambda r: r[""], "''"),
    (lambda r: r["ab"], "ab"),
    (lambda r: max([r["a"], r["b"]], key=lambda x: repr(x)), "a b"),
    (lambda r: (lambda r: r)(r["a"]), "a"),
    (two_lines, "a b"),
    (with_try, "a b c"),
    (with_loop, "a b"),
    (with_keyword, "a"),
    (with_with, "a b"),
    (closed_over(3), "a"),
    (operator.itemgetter("a"), "a"),
    (operator.itemgetter("a", "b"), "a b"),
]


def names(text: str) -> frozenset[str]:
    if text == "''":
        return frozenset({""})
    return frozenset(name.replace("_", " ") for name in text.split())


@pytest.mark.parametrize(("function", "expected"), TOLD)
def test_told(function: Callable[[Any], Any], expected: str) -> None:
    assert fields_read(function) == names(expected)


def stores(r):
    r["x"] = 1
    return r["a"]


def deletes(r):
    del r["b"]
    return r["a"]


def renames(r):
    r = r["a"]
    return r["b"]


def aliases(r):
    s = r
    return s["b"]


def forgets(r):
    a = r["a"]
    del r
    return a


def stores_and_loads(r):
    a = r = r["a"]
    return a, r["b"]


def yields(r):
    yield r["a"]


async def waits(r):
    return r["a"]


async def waits_and_yields(r):
    yield r["a"]


def looks_in(r):
    return "a" in r


def looks_at_locals(r):
    return r["a"], locals()


def looks_at_frame(r):
    return r["a"], sys._getframe().f_locals


def looks_at_frame_inside(r):
    def inside():
        return sys._getframe(1).f_locals

    return r["a"], inside()


def looks_at_traceback(r):
    try:
        return r["a"]
    except KeyError as error:
        return error.__traceback__.tb_frame.f_locals


def matches(r):
    match r:
        case {"a": x}:
            return x
    return None


def walrus(r):
    return (r := r["a"], r)


def loops_over(r):
    return [key + "x" for key in r]


def in_comprehension(r):
    return dict.fromkeys(r["a"], r)


def method_kept(r):
    get = r.get
    return get("a")


@functools.wraps(two_lines)
def wrapped(r):
    return r["a"]


def nothing():
    return 1


class Reader:
    def __call__(self, r):
        return r["a"]

    def read(self, r):
        return r["a"]

    def read_self(self):
        return self["a"]


UNTOLD = [
    lambda r: r,
    lambda r: (r, r["a"]),
    lambda r: (r["a"], r),
    lambda r: {**r},
    lambda r: [*r],
    lambda r: len(r),
    lambda r: str(r["a"]) + str(r),
    lambda r: r[0],
    lambda r: r[None],
    lambda r: r["a":"b"],
    lambda r: r["a", "b"],
    lambda r: r[r["a"]],
    lambda r: r[LIMIT],
    lambda r: r["a" if LIMIT else "b"],
    lambda r: r.get,
    lambda r: r.get(*["a"]),
    lambda r: r.get("a", r),
    lambda r: r.get("a", r["b"]),
    lambda r: r.get("a", [1]),
    lambda r: r.get("a", default=1),
    lambda r: r.get("a", 1, 2),
    lambda r: r.get(),
    lambda r: r.get(1),
    lambda r: r.get(LIMIT),
    lambda r: r.pop("a"),
    lambda r: r.items(),
    lambda r: r.setdefault("a", 1),
    lambda r: r.get("a") or r.keys(),
    lambda r: (lambda: r["a"])(),
    lambda r: sorted([1], key=lambda x: r["a"]),
    lambda r: LIMIT in r,
    lambda r: r == 1,
    lambda r: r and r["a"],
    lambda r: not r,
    lambda r: f"{r}",
    lambda r: "{a}".format(**r),
    lambda r: "%(a)s" % r,  # noqa: UP031
    lambda r: (r or {}).get("a"),
    lambda r: eval("r['b']"),
    lambda r: vars() and r["a"],
    lambda *r: r[0],
    lambda r, *more: r["a"],
    lambda r, **more: r["a"],
    lambda r, s: r["a"],
    lambda r, *, s: r["a"],
    lambda: 1,
    one_of("a"),
    stores,
    deletes,
    renames,
    aliases,
    forgets,
    stores_and_loads,
    yields,
    waits,
    waits_and_yields,
    looks_in,
    looks_at_locals,
    looks_at_frame,
    looks_at_frame_inside,
    looks_at_traceback,
    matches,
    walrus,
    loops_over,
    in_comprehension,
    method_kept,
    wrapped,
    nothing,
    Reader,
    Reader(),
    Reader().read,
    len,
    str.upper,
    dict,
    functools.partial(two_lines),
    operator.itemgetter(0),
    operator.itemgetter("a", 0),
    operator.attrgetter("a"),
    operator.methodcaller("get", "a"),
    "a",
    None,
]


@pytest.mark.parametrize("function", UNTOLD)
def test_needs_the_whole_record(function: Any) -> None:
    assert fields_read(function) is None


@pytest.mark.parametrize("function", [lambda r: (r if LIMIT else {})["a"], lambda r: ({} if LIMIT else r)["a"]])
def test_told_where_the_compiler_writes_it_out(function: Any) -> None:
    """Python 3.11 jumps into the middle of the subscript, later ones have it twice."""
    assert fields_read(function) == (None if sys.version_info < (3, 12) else {"a"})


@pytest.mark.parametrize("count", [200, 300, 70000])
def test_long_functions(count: int) -> None:
    """Beyond 255 constants or names arguments take an instruction of their own."""
    wanted = [f"k{index}" for index in range(count // 100)]
    filler = "; ".join(f"x = {index}.5" for index in range(count))
    source = f"def f(r):\n  {filler}\n  return [{', '.join(f'r[{name!r}]' for name in wanted)}, r.get('z', 1)]"
    space: dict[str, Any] = {}
    exec(source, space)
    assert fields_read(space["f"]) == {*wanted, "z"}


def test_many_parameters_and_variables() -> None:
    space: dict[str, Any] = {}
    exec("def f(r, " + ", ".join(f"v{i}=0" for i in range(300)) + "):\n  w = r['a']; return v299, r['b'], w", space)
    assert fields_read(space["f"]) == {"a", "b"}
    exec("def f(" + ", ".join(f"v{i}=0" for i in range(300)) + "):\n  v299 = v0['a']; return v299, v0", space)
    assert fields_read(space["f"]) is None


def outcome(function: Callable[[Any], Any], record: dict[str, Any]) -> Any:
    try:
        return function(record)
    except Exception as error:
        return type(error), str(error)


values = st.none() | st.integers(0, 3) | st.text("ab", max_size=2) | st.lists(st.integers(0, 3), max_size=2)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "a b", "", "ab", "z"]), values))
def test_same_answer_from_a_dict_of_these_fields(record: dict[str, Any]) -> None:
    for function, _ in TOLD:
        fields = fields_read(function)
        assert fields is not None
        fewer = {name: value for name, value in record.items() if name in fields}
        assert outcome(function, fewer) == outcome(function, record)


@pytest.mark.parametrize(
    ("binop", "expected"),
    [
        (lambda total, r: total + r["x"], {"x"}),
        (lambda total, r: {**total, r["k"]: r.get("v", 0)}, {"k", "v"}),
        (lambda total, r: total, set()),
        (lambda total, r: [*total, r], None),
        (lambda r: r["x"], None),
        (lambda total, other, r: r["x"], None),
    ],
)
def test_the_record_may_be_the_second_of_two_arguments(binop, expected):
    assert fields_read(binop, 2) == expected
