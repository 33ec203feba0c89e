import functools
import operator
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import cytoolz
import cytoolz.curried as cycurried
import pytest
import toolz
import toolz.curried as curried
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.ops.fields_read import fields_of_pair_read, fields_read
from bagkit.ops.functions import tuple_getter
from tests.each_case import each_case
from tests.pairwise import WHOLE

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


def with_aliases(r):
    user = r.get("user") or {}
    address = r["address"]
    return [user.get("id"), address["city"], address.get("zip", user.get("zip", 0))]


def one_of_two(r):
    chosen = r["a"] if r["c"] else r["b"]
    return chosen["x"]


def names_in_parameters(r, key="a", *, other="b"):
    return [r[key], r.get(other)]


def early(r):
    if "a" not in r:
        return None
    if r["a"]["x"] == 3:
        return r["a"]["y"]
    try:
        return r["address"]["city"]
    except KeyError:
        return r.get("user", {}).get("id", r.get("b"))


def walrus_inside(r):
    if (address := r["address"])["city"]:
        return address["zip"]
    return None


def renames_a_part(r):
    address = r["address"]
    city = address["city"]
    return city["x"]


def part_changes(r):
    part = r["address"]
    part = part["city"]
    return part["x"]


def part_is_changed(r):
    r["address"]["zip"] = 1
    return [r["address"]["zip"], r["a"]]


def part_in_loop(r):
    for each in ("x", "y"):
        part = r["address"]
        if part["city"] == each:
            return part[each]
    return None


def above(limit, r):
    return r["a"] == limit


def aliases(r):
    s = r
    return s["b"]


def looked_up_for_nothing(r):
    part = r["address"]["city"]  # noqa: F841
    return r["a"]


get_city = curried.get_in(["address", "city"])


@curried.curry
def curried_above(limit, r):
    return r["a"] == limit


@curried.curry
def curried_of_any(limit, *r):
    return r[0]["a"] == limit


def calls_itself(r):
    return itself(r["a"])


itself = functools.partial(calls_itself)
get_user = operator.itemgetter("user")


def walrus_of_record(r):
    return (s := r)["a"], s["b"]


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
    (tuple_getter(["a"]), "a"),
    (tuple_getter(["b", "a"]), "a b"),
    (tuple_getter([]), ""),
    (operator.methodcaller("get", "a"), "a"),
    (operator.methodcaller("get", "a", []), "a"),
    (functools.partial(two_lines), "a b"),
    (functools.partial(above, 3), "a"),
    (functools.partial(names_in_parameters, other="c"), "a c"),
    (functools.partial(functools.partial(names_in_parameters, key="b"), other="c"), "b c"),
    (functools.partial(operator.itemgetter("a")), "a"),
    (lambda r: r["address"]["city"], "address.city"),
    (lambda r: [r["address"]["city"], r["address"].get("zip")], "address.city address.zip"),
    (lambda r: [r["address"]["city"], r["address"]], "address"),
    (lambda r: r["address"]["city"]["x"], "address.city.x"),
    (lambda r: r["address"]["city"][0], "address.city"),
    (lambda r: len(r["address"]), "address"),
    (lambda r: [*r["address"]], "address"),
    (lambda r: r.get("user", {}).get("id"), "user.id"),
    (lambda r: r.get("user", {}).get("id", 0), "user.id"),
    (lambda r: (r.get("user") or {}).get("id"), "user.id"),
    (lambda r: (r["user"] or {})["id"], "user.id"),
    (lambda r: (r.get("user") or {"id": 1}).get("id"), "user"),
    (lambda r: (r.get("user") or r.get("address") or {}).get("id"), "user address.id"),
    (lambda r: r.get("user", {"id": 1})["id"], "user.id"),
    (lambda r: r.get("user", LIMIT), "user"),
    (lambda r: r.get("a", r["b"]), "a b"),
    (lambda r: r.get("a", r.get("b", r.get("c"))), "a b c"),
    (lambda r: r.get("a", str(r["b"]) + "x"), "a b"),
    (lambda r: r.get("a", [1]), "a"),
    (lambda r: r.get("a", -LIMIT), "a"),
    (lambda r: "a" in r, "a"),
    (lambda r: "a" not in r and "b" in r, "a b"),
    (lambda r: "city" in r["address"] and r["address"]["city"], "address.city"),
    (lambda r: "x" in r["address"]["city"], "address.city.x"),
    (lambda r: "x" in r.get("address", {}), "address.x"),
    (lambda r: "x" + "y" in str(r["a"]), "a"),
    (lambda r: r["a"] in {"x": 1}, "a"),
    (lambda r: [x for x in str(r["a"]) if x in str(r["address"]["city"])], "a address.city"),
    (lambda r: any(x == r["b"] for x in str(r["a"])), "a b"),
    (lambda r: sorted(str(r["a"]), key=lambda x: (x == r["address"]["city"], x)), "a address.city"),
    (lambda r: (lambda: r["a"])(), "a"),
    (lambda r: (lambda: [r["b"] for x in "ab"])(), "b"),
    (lambda r: f"{r['address']['city']!r:>{len(str(r['a']))}}", "a address.city"),
    (lambda r: (a := r["address"])["city"] == a.get("zip"), "address.city address.zip"),
    (lambda r: (r if LIMIT else {})["a"], "a"),
    (lambda r: ({} if LIMIT else r)["a"], "a"),
    (lambda r: (r or {}).get("a"), "a"),
    (lambda r: (r["a"], r["b"])[0], "a b"),
    (with_aliases, "user.id user.zip address.city address.zip"),
    (one_of_two, "a.x b.x c"),
    (names_in_parameters, "a b"),
    (early, "a address.city user.id b"),
    (walrus_inside, "address.city address.zip"),
    (renames_a_part, "address.city.x"),
    (part_changes, "address"),
    (part_is_changed, "a address"),
    (part_in_loop, "address"),
    (aliases, "b"),
    (walrus_of_record, "a b"),
    (looked_up_for_nothing, "address.city a"),
    (functools.partial(toolz.get, "a"), "a"),
    (functools.partial(toolz.get, ["a", "b"]), "a b"),
    (functools.partial(toolz.get_in, ["address", "city", 0]), "address.city"),
    (functools.partial(toolz.get_in, ["address", "city"], no_default=True), "address.city"),
    (curried.get("a"), "a"),
    (curried.get(["a", "b"], default=0), "a b"),
    (curried.get("a")(default=0), "a"),
    (get_city, "address.city"),
    (curried.get_in(("address", "city"), default=1), "address.city"),
    (curried.keyfilter({"a", "b"}.__contains__), "a b"),
    (curried.keyfilter(("b", "a").__contains__), "a b"),
    (toolz.compose(str, curried.get("a")), "a"),
    (toolz.compose_left(get_city, len, str), "address.city"),
    (toolz.compose(lambda pair: pair[0], lambda r: [r["b"], r["address"]["zip"]]), "b address.zip"),
    (toolz.juxt(curried.get("a"), lambda r: r["b"]), "a b"),
    (toolz.complement(curried.get("a")), "a"),
    (toolz.excepts(KeyError, lambda r: r["a"], lambda error: 0), "a"),
    (curried_above(3), "a"),
    (toolz.curry(lambda r: r["a"]), "a"),
    (functools.partial(cytoolz.get, "a"), "a"),
    (cycurried.get(["a", "b"], default=0), "a b"),
    (cycurried.get_in(["address", "city"]), "address.city"),
    (cycurried.keyfilter({"a", "b"}.__contains__), "a b"),
    (cytoolz.compose(str, cycurried.get("a")), "a"),
    (cytoolz.juxt(cycurried.get("a"), cycurried.get_in(["address", "zip"])), "a address.zip"),
    (lambda r: toolz.get("a", r), "a"),
    (lambda r: toolz.get_in(["address", "city"], r), "address.city"),
    (lambda r: toolz.get_in(["city", "x", "y"], r["address"]), "address.city.x.y"),
    (lambda r: toolz.get_in(["address", "city"], r, 0) == toolz.get("a", r, default=1), "address.city a"),
    (lambda r: toolz.get_in(["address", "city"], r, no_default=True), "address.city"),
    (lambda r: curried.get(["a", "b", "c"])(r), "a b c"),
    (lambda r: get_city(r) or get_user(r), "address.city user"),
    (lambda r: cytoolz.get_in(["address", "city"], r), "address.city"),
    (lambda r: toolz.keyfilter({"a", "b"}.__contains__, r), "a b"),
    (lambda r: toolz.pipe(r, get_city, str), "address.city"),
    (lambda r: toolz.pipe(r, curried.get("a"), lambda x: [x]), "a"),
    (lambda r: toolz.pipe(r["address"], curried.get(["city", "zip"])), "address.city address.zip"),
    (lambda r: get_city(r, 1), "address.city"),
    (calls_itself, "a"),
    (lambda r: [toolz.get("city", a) for a in [toolz.get("address", r)]], "address"),
]
UNTOLD_OF_TOOLZ = [
    toolz.get,
    functools.partial(toolz.get, 0),
    functools.partial(toolz.get, ["a", 0]),
    functools.partial(toolz.get, "a", {"a": 1}),
    functools.partial(toolz.get, ind="a"),
    functools.partial(toolz.get_in, "ab"),
    functools.partial(toolz.get_in, []),
    functools.partial(toolz.get_in, [0, "a"]),
    curried.get_in(["a", "b"], no_default=True),  # returns itself, with the record, where it raises TypeError
    curried.keyfilter(lambda key: key == "a"),
    curried.keyfilter("ab".__contains__),
    curried.keyfilter({"a", 1}.__contains__),
    curried.merge({"a": 1}),
    curried.assoc(key="a", value=1),
    curried.pluck("a"),
    curried_above(3, {"a": 3}),
    curried_of_any,
    cytoolz.compose(),
    toolz.compose(get_city, dict),
    toolz.juxt(get_city, len),
    toolz.memoize(lambda r: r["a"]),
    lambda r: toolz.get(LIMIT, r),
    lambda r: toolz.get(r, ["a"]),
    lambda r: toolz.get("a", [r]),
    lambda r: toolz.pipe(r),
    lambda r: toolz.pipe(r, len),
    lambda r: toolz.pipe(r, lambda x: x["a"]),
    lambda r: toolz.pipe(get_city, r),
    lambda r: toolz.merge(r, {"a": 1}),
    lambda r: (get_city, r),
    lambda r: str(get_city) + str(r),
    lambda r: max(get_user, r),
    lambda r: max(get_user, key=r),
    lambda r: get_user(*r),
    lambda r: two_lines(r),
]


def names(text: str) -> frozenset[Any]:
    if text == "''":
        return frozenset({""})
    found = [name.replace("_", " ").split(".") for name in text.split()]
    return frozenset(path[0] if len(path) == 1 else tuple(path) for path in found)


@each_case(("function", "expected"), TOLD)
def test_told(function: Callable[[Any], Any], expected: str) -> None:
    """The same on each Python: one that has other instructions fails here, where it is only slow elsewhere."""
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


def looks_at_cells(r):
    return (lambda: r["a"]).__closure__


def sets_inside(r):
    def inside():
        nonlocal r
        r = {"b": 1}

    inside()
    return r["b"]


def class_inside(r):
    class Inside:
        a = r["a"]

    return Inside.a


def returns_alias(r):
    s = r
    return [s]


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
    lambda r: r.get("a", default=1),
    lambda r: r.get("a", 1, 2),
    lambda r: r.get(),
    lambda r: r.get(1),
    lambda r: r.get(LIMIT),
    lambda r: r.pop("a"),
    lambda r: r.items(),
    lambda r: r.setdefault("a", 1),
    lambda r: r.get("a") or r.keys(),
    lambda r: (lambda: r)(),
    lambda r: sorted([1], key=lambda x: len(r)),
    lambda r: LIMIT in r,
    lambda r: r in ({"a": 1}, {}),
    lambda r: (r["a"], LIMIT) in r,
    lambda r: r.get("a", 1 if LIMIT else 2),
    lambda r: (r or {"a": 1}).get("a"),
    lambda r: (r or {}) and 1,
    lambda r: (s := r) and s["a"],
    lambda r: r == 1,
    lambda r: r and r["a"],
    lambda r: not r,
    lambda r: f"{r}",
    lambda r: "{a}".format(**r),
    lambda r: "%(a)s" % r,  # noqa: UP031
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
    forgets,
    stores_and_loads,
    yields,
    waits,
    waits_and_yields,
    looks_at_cells,
    sets_inside,
    class_inside,
    returns_alias,
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
    operator.itemgetter(0),
    operator.itemgetter("a", 0),
    operator.attrgetter("a"),
    operator.methodcaller("get"),
    operator.methodcaller("get", 1),
    operator.methodcaller("get", "a", 1, 2),
    operator.methodcaller("get", "a", default=1),
    operator.methodcaller("pop", "a"),
    functools.partial(two_lines, {"a": 1}),
    functools.partial(above),
    functools.partial(above, 1, 2),
    functools.partial(above, r={"a": 1}),
    functools.partial(names_in_parameters, missing=1),
    functools.partial(names_in_parameters, r={}),
    functools.partial(names_in_parameters, key=0),
    functools.partial(operator.itemgetter("a"), 1),
    "a",
    None,
]


@each_case("function", UNTOLD + UNTOLD_OF_TOOLZ)
def test_needs_the_whole_record(function: Any) -> None:
    assert fields_read(function) is None


@pytest.mark.parametrize("count", [200, 300, *[70000] * WHOLE])
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


def only(paths: list[tuple[str, ...]], value: Any) -> Any:
    """Return what `paths` lead to, in dicts of nothing else."""
    if () in paths or type(value) is not dict:
        return value
    inner = {key: [path[1:] for path in paths if path[0] == key] for key in value}
    return {key: only(inner[key], value[key]) for key in value if inner[key]}


KEYS = st.sampled_from(["a", "b", "c", "a b", "", "ab", "z", "user", "address", "id", "zip", "city", "x"])
PLAIN = st.none() | st.integers(0, 3) | st.text("abx", max_size=2) | st.lists(st.integers(0, 3), max_size=2)
VALUES = PLAIN | st.dictionaries(KEYS, PLAIN | st.dictionaries(KEYS, PLAIN, max_size=2), max_size=4)


READ = [(function, fields_read(function) or set()) for function, _ in TOLD]


@given(st.dictionaries(KEYS, VALUES) | VALUES)
def test_same_answer_from_a_dict_of_these_fields(record: Any) -> None:
    for function, fields in READ:
        fewer = only([(field,) if isinstance(field, str) else field for field in fields], record)
        assert outcome(function, deepcopy(fewer)) == outcome(function, deepcopy(record))


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


@pytest.mark.parametrize("words", [toolz, cytoolz, curried, cycurried], ids=lambda module: module.__name__)
def test_twins_are_known_by_what_they_read_and_by_name(words: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """toolz, cytoolz, and the curried form of each: the same fields, and names that say which function it is."""
    home, made = ("cytoolz", cycurried) if "cytoolz" in words.__name__ else ("toolz", curried)
    negated = f"complement({home}.get('a'))" if home == "cytoolz" else f"compose(operator.not_, {home}.get('a'))"
    known: list[tuple[Any, str, str]] = [
        (functools.partial(words.get, "a"), "a", f"partial({home}.get)"),
        (words.curry(words.get)("a"), "a", f"{home}.get('a')"),
        (made.get(["a", "b"]), "a b", f"{home}.get(['a', 'b'])"),
        (functools.partial(words.get_in, ["a", "x"]), "a.x", f"partial({home}.get_in)"),
        (made.get_in(["a", "x"], default=0), "a.x", f"{home}.get_in(['a', 'x'], default=0)"),
        (words.compose(str, made.get("a")), "a", f"compose(str, {home}.get('a'))"),
        (words.compose_left(made.get("a"), str), "a", f"compose(str, {home}.get('a'))"),
        (words.juxt(made.get("a"), made.get("b")), "a b", f"juxt({home}.get('a'), {home}.get('b'))"),
        (words.complement(made.get("a")), "a", negated),
        (words.excepts(KeyError, made.get("a")), "a", f"excepts(KeyError, {home}.get('a'))"),
        (functools.partial(words.keyfilter, {"a", "b"}.__contains__), "a b", f"partial({home}.keyfilter)"),
        (made.keyfilter({"a", "b"}.__contains__), "a b", f"{home}.keyfilter(set.__contains__)"),
    ]
    space = {"words": words, "made": made}
    known += [
        (eval(f"lambda r: words.{call}", space), fields, "lambda")
        for call, fields in (
            ("get('a', r)", "a"),
            ("get_in(['a', 'x'], r)", "a.x"),
            ("pipe(r, made.get('a'), str)", "a"),
            ("keyfilter({'a', 'b'}.__contains__, r)", "a b"),
        )
    ]
    for function, fields, name in known:
        assert fields_read(function) == names(fields), name
        bk.range(1, 1).map(function).explain()
        assert f"map({name})" in capsys.readouterr().out
    for function in (made.pluck("a"), functools.partial(words.pluck, "a"), functools.partial(made.pluck, "a")):
        bk.read_json(__file__).map_partitions(function).explain()
        assert "parse_json(fields: a)" in capsys.readouterr().out
    with pytest.raises(TypeError) as caught:
        bk.range(1, 1).map(words.compose(made.get("a"), str)).compute(scheduler="sync")
    assert f"in map(compose({home}.get('a'), str))" in "".join(caught.value.__notes__)


def unpacking(pair):
    other, record = pair
    return other["m"], record["a"], record.get("b")


def unpacking_in_part(pair):
    _, record = pair
    return record["a"]


def unpacking_and_setting(pair):
    other, record = pair
    record = other
    return record["a"]


def named(pair):
    record = pair[1]
    return [record["a"]], pair[0]


def kept_inside(pair):
    return lambda: pair[1]["a"]


PAIRS: dict[Callable[[Any], Any], Any] = {
    (lambda pair: pair[0]["m"] + pair[1]["a"]): {"a"},
    (lambda pair: (pair[0], pair[1]["a"]["x"], pair[1].get("b", 0))): {("a", "x"), "b"},
    (lambda pair: pair[0]["m"]): set(),
    (lambda pair: "a" in pair[1]): {"a"},
    unpacking: {"a", "b"},
    unpacking_in_part: {"a"},
    named: {"a"},
    kept_inside: {"a"},
    unpacking_and_setting: None,
    (lambda pair: pair[-1]["a"]): None,
    (lambda pair: pair[1]): None,
    (lambda pair: pair): None,
    (lambda pair: pair["a"]): None,
    (lambda pair: pair[True]["a"]): None,
    (lambda pair: len(pair[1])): None,
    (lambda pair: dict(pair[1])["a"]): None,
    (lambda pair: pair[1][1]): None,
    (lambda pair: [record["a"] for record in pair]): None,
    operator.itemgetter(1): None,
}


@each_case("function", PAIRS, ids=[f"{number}-{each.__class__.__name__}" for number, each in enumerate(PAIRS)])
def test_what_is_read_of_the_second_of_a_pair(function: Callable[[Any], Any]) -> None:
    expected = PAIRS[function]
    assert fields_of_pair_read(function) == expected
