"""What functions do as expressions: the expression gives and raises what the function does, or there is none."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from bagkit.ops._as_expression import as_expression
from tests.each_case import each_case
from tests.examples import FACTOR

LIMIT = 3
VALUES = [0, 1, -1, 2.5, -0.0, float("nan"), float("inf"), 10**30, True, None, "a", "", [1], [], {"x": 1}, "é"]

KNOWN: list[tuple[Any, str]] = [
    (lambda r: r["a"], "r_a"),
    (lambda r: r["a"]["b"], "r_a_b"),
    (lambda r: r["a"] > 30, "(r_a > (30))"),
    (lambda r: not r["a"], "(not r_a)"),
    (lambda r: -r["a"], "(-r_a)"),
    (lambda r: r["a"] - -1.5, "(r_a - (-1.5))"),
    (lambda r: r["a"] % 2 == 0, "((r_a % (2)) == (0))"),
    (lambda r: r["a"] in ("x", None), "(r_a in ('x',None,))"),
    (lambda r: r["a"] not in {"x"}, "(r_a not in {'x'})"),
    (lambda r: "é\n'" in r["a"], '("\\xe9\\n\'" in r_a)'),
    (lambda r: r["a"]["b"] + r["a"]["c"] * 2, "(r_a_b + (r_a_c * (2)))"),
    (lambda r: 7, "(7)"),
    (lambda r: r["a"] and r["b"], "(r_a and r_b)"),
    (lambda r: r["a"] > 1 and r["b"] and r["c"], "((r_a > (1)) and (r_b and r_c))"),
    (lambda r: (r["a"] or r["b"]) and r["c"], "((r_a or r_b) and r_c)"),
    (lambda r: (r["a"] and r["b"]) or r["c"], "((r_a and r_b) or r_c)"),
    (lambda r: (r["a"] or r["b"]) + 1, "((r_a or r_b) + (1))"),
    (lambda r: r["a"] is None, "(r_a is None)"),
    (lambda r: r["a"] is not None and r["b"], "((r_a is not None) and r_b)"),
    (lambda r: (r["a"], [r["b"], 1]), "(r_a,[r_b,(1),],)"),
    (lambda r: {"x": r["a"], "y": 1}, "{'x': r_a,'y': (1)}"),
    (lambda r: {r["a"]: r["b"], None: []}, "{r_a: r_b,None: []}"),
]


def in_place(r: Any) -> Any:
    total = r["a"]
    total += 1
    return total


def of_two(r: Any, other: int = 2) -> Any:
    return r["a"] + other


def of_any(*r: Any) -> Any:
    return r[0]["a"]


def by_name(r: Any, *, other: int = 2) -> Any:
    return r["a"] + other


def in_parts(r: Any) -> Any:
    yield r["a"]


def caught(r: Any) -> Any:
    try:
        return r["a"] > 1
    except TypeError:
        return False


NOT_KNOWN: list[Any] = [
    *(lambda r: r, lambda r: r["a"] if r["b"] else 1, lambda r: r.get("a")),
    *(lambda r: len(r["a"]), lambda r: r["a"] > LIMIT, lambda r: r["a"].b, lambda r: "a" in r, lambda r: r == 1),
    *(lambda r: r["a"][0], lambda r: r[0], lambda r: r["a"]["b":"c"], lambda r: f"{r['a']}", lambda r: 1 < r["a"] < 2),
    *(lambda r: [x + 1 for x in r["a"]], lambda r: b"x" in r["a"], lambda r: r["a"] is ..., lambda r: 1j * r["a"]),
    *(in_place, of_two, of_any, by_name, in_parts, caught, len, "a", None, print),
    lambda r: r["a"] + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1,
]


def spell(path: tuple[str, ...]) -> str | None:
    return "_".join(["r", *path]) if path else None


@each_case("case", KNOWN)
def test_what_is_known(case: tuple[Any, str]) -> None:
    function, expected = case
    assert as_expression(function, (), spell) == expected


@each_case("function", NOT_KNOWN)
def test_what_is_not_known(function: Any) -> None:
    assert as_expression(function, (), spell) is None


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@each_case("source", ["5 is None", "'a' is not True", "r['a'] or (1, 2) is None", "(5 if 1 else r['a'],) is None"])
def test_what_python_warns_of_is_not_known(source: str) -> None:
    assert as_expression(eval(f"lambda r: {source}"), (), spell) is None


def test_other_arguments_come_first() -> None:
    assert as_expression(lambda total, r: total + r["n"], ["total"], spell) == "(total + r_n)"
    assert as_expression(lambda total, r: r["n"] - total, ["so_far"], spell) == "(r_n - so_far)"
    assert as_expression(lambda total, r: total, ["total"], spell) == "total"
    assert as_expression(lambda r: r["n"], ["total"], spell) is None
    assert as_expression(lambda total, r: total["n"] + r["n"], ["total"], spell) is None


PAIRS: list[tuple[Any, str | None]] = [
    (lambda pair: pair[0]["m"] + pair[1]["n"], "(left['m'] + right['n'])"),
    (lambda pair: (pair[0], pair[0][1], pair[0]["a"][-1]), "(left,left[1],left['a'][-1],)"),
    (lambda pair: pair[0][70000], None),
    (lambda pair: pair[2]["m"], None),
    (lambda pair: pair[True]["m"], None),
    (lambda pair: pair["m"], None),
    (lambda pair: pair[1]["n"][0], None),
    (lambda pair: pair[0][True], None),
    (lambda pair: pair[1][0], None),
    (lambda pair: pair, None),
    (lambda pair: pair[1], None),
]


def of_pair(path: tuple[Any, ...]) -> str | None:
    if not path or path == (1,):
        return None
    return ("left", "right")[path[0]] + "".join([f"[{key!r}]" for key in path[1:]])


@each_case("case", PAIRS)
def test_parts_of_pairs(case: tuple[Any, str | None]) -> None:
    assert as_expression(case[0], (), of_pair, pair=True) == case[1]


def test_both_of_a_pair_as_arguments() -> None:
    both: Any = lambda left, right: left["m"] + right["n"]  # noqa: E731
    assert as_expression(both, [(0,)], of_pair, (1,), pair=True) == "(left['m'] + right['n'])"
    whole: Any = lambda left, right: right  # noqa: E731
    assert as_expression(whole, [(0,)], of_pair, (1,), pair=True) is None


def test_what_is_not_spelt_is_not_known() -> None:
    assert as_expression(lambda r: r["a"] + r["b"], (), {("a",): "a"}.get) is None


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    try:
        found = function(*args)
    except Exception as error:
        return type(error), str(error)
    return type(found), repr(found)


def an_expression(rng: random.Random, depth: int = 0) -> str:
    kind = rng.randrange(11 if depth < 3 else 2)
    if kind < 2:
        return rng.choice(
            ['r["a"]', 'r["b"]', 'r["c"]["d"]', repr(rng.choice(VALUES[:5])), "'a'", "None", "True", "12"]
        )
    if kind < 6:
        sign = rng.choice(["+", "-", "*", "/", "//", "%", "&", "|", "^", "<", "<=", "==", "!=", ">", ">=", "in"])
        return f"({an_expression(rng, depth + 1)} {sign} {an_expression(rng, depth + 1)})"
    if kind == 6:
        return f"({rng.choice(['not ', '-'])}{an_expression(rng, depth + 1)})"
    if kind == 7:
        return f"({an_expression(rng, depth + 1)} {rng.choice(['in (1, 2.5)', 'not in {None, 12}', 'is None'])})"
    one, other = an_expression(rng, depth + 1), an_expression(rng, depth + 1)
    if kind == 8:
        return rng.choice([f"({one}, {other})", f"[{one}, {other}]", f"{{'x': {one}, 'y': {other}}}"])
    return f"({one} {rng.choice(['and', 'or'])} {other})"


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("seed", range(6 * FACTOR))
def test_random_expressions(seed: int) -> None:
    rng = random.Random(f"expressions {seed}")
    known = 0
    for _ in range(200):
        source = an_expression(rng)
        text = as_expression(eval(f"lambda r: {source}"), (), spell)
        if text is None:
            continue
        known += 1
        for _ in range(5):
            a, b, d = rng.choice(VALUES), rng.choice(VALUES), rng.choice(VALUES)
            again = eval(f"lambda r_a, r_b, r_c_d: {text}")
            called = outcome(eval(f"lambda r: {source}"), {"a": a, "b": b, "c": {"d": d}})
            assert outcome(again, a, b, d) == called, source
    assert known > 100
