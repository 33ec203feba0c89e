"""Each pass before and after, in the notation of explain(); the pairs are in fixtures/.

A fixture is some cases, parted by a line of dashes. A case is a title, `passes:` (those that are applied, in order),
`bag:` (Python), the plan before, `=>`, and the plan after; `(unchanged)` where the pass declines, and is to give the
very same plan.
"""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toolz.curried

import bagkit as bk
from bagkit.optimizer import PASSES, optimize
from bagkit.plan.explain import plan_text
from tests.optimize.checked import check_passes

FIXTURES = Path(__file__).parent / "fixtures"
RULES = {rule.__name__: rule for rule in PASSES}
CASE = re.compile(
    r"(?P<title>.+)\npasses: (?P<passes>.+)\nbag: (?P<bag>.+)\n\n(?P<before>(?:.+\n)+)=>\n(?P<after>(?:.+\n)+)"
)


def cases() -> Iterator[Any]:
    for path in sorted(FIXTURES.glob("*.txt")):
        for text in re.split(r"^-+\n", path.read_text(), flags=re.MULTILINE):
            match = CASE.fullmatch(text.strip("\n") + "\n")
            assert match, f"{path.name}: not a case: {text}"
            yield pytest.param(match.groupdict(), id=f"{path.stem}: {match['title']}")


def get_name(record: dict[str, Any]) -> Any:
    return record["name"]


def whole(record: Any) -> Any:
    return record


@pytest.fixture(autouse=True)
def in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json", "c.json"):
        tmp_path.joinpath(name).write_text('{"name": "ada", "n": 1}\n')
    monkeypatch.chdir(tmp_path)


def bag_of(expression: str) -> Any:
    names = {
        "bk": bk,
        "json": json,
        "partial": functools.partial,
        "operator": operator,
        "toolz": toolz,
        "get_name": get_name,
        "whole": whole,
        "a": bk.read_text("a.json"),
        "b": bk.read_text("b.json"),
        "both": bk.read_text(["a.json", "b.json"]),
        "numbers": bk.range(6, 3),
    }
    return eval(expression, names)


@pytest.mark.parametrize("case", list(cases()))
def test_before_and_after(case: dict[str, str]) -> None:
    root = bag_of(case["bag"]).plan
    check_passes(root)
    assert plan_text(root) == case["before"].strip("\n")
    roots = (root,)
    *earlier, last = case["passes"].split(", ")
    for name in earlier:
        roots = RULES[name](roots)
    after = RULES[last](roots)
    if case["after"].strip() == "(unchanged)":
        assert after[0] is roots[0]
    else:
        assert plan_text(*after) == case["after"].strip("\n")


def test_every_pass_has_cases_of_both_kinds() -> None:
    seen = {(case.values[0]["passes"].split(", ")[-1], "unchanged" in case.values[0]["after"]) for case in cases()}
    # fuse marks every source, so it declines nowhere.
    assert seen >= {(name, declines) for name in RULES for declines in (True, False)} - {("fuse", True)}


def test_optimize_can_stop_anywhere() -> None:
    bag = bk.concat([bk.read_text("a.json"), bk.read_text("b.json")]).map(json.loads).pluck("name")
    texts = [plan_text(*optimize((bag.plan,), until=name)) for name in RULES]
    assert "concat" in texts[0].splitlines()[2]
    assert texts[1].splitlines()[0] == "concat"
    assert "parse_json" in texts[list(RULES).index("recognise_json")]
    assert "fields: name" in texts[list(RULES).index("push_fields")]
    assert texts[-1] == plan_text(*optimize((bag.plan,)))
    with pytest.raises(bk.PlanError, match=r"^optimize: no pass is called 'fuze'; there are prune, "):
        optimize((bag.plan,), until="fuze")


@pytest.mark.parametrize("name", RULES)
def test_passes_change_nothing_the_second_time(name: str) -> None:
    bag = bk.concat([bk.read_text("a.json"), bk.read_text("b.json")]).map(json.loads).repartition(2).pluck("name")
    for each, rule in RULES.items():
        once = rule((bag.plan,))
        if each == name != "fuse":
            assert plan_text(*rule(once)) == plan_text(*once)


def test_passes_keep_what_is_shared(capsys: pytest.CaptureFixture[str]) -> None:
    shared = bk.read_text("a.json").map(json.loads)
    roots = optimize((shared.pluck("name").plan, shared.count().plan))
    assert plan_text(*roots).count("read_text") == 1
    shared.pluck("name").explain()
    assert capsys.readouterr().out == (
        "as written:\n\npluck('name')\n  map(json.loads)\n    read_text('a.json')\n\n"
        "as run:\n\nstage 1, 1 task   read_text('a.json') (24 B) -> parse_json(value: name)\n"
    )


def test_items_explain_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    bk.range(3, 2).sum().explain()
    assert capsys.readouterr().out == (
        "as written:\n\nsum\n  range\n\nas run:\n\n"
        "stage 1, 2 tasks   range -> sum\nstage 2, 1 task    combine sum of stage 1\n"
    )


def test_bags_may_be_added_in_a_loop() -> None:
    bag: Any = bk.range(1, 1)
    for _ in range(1500):
        bag = bk.concat([bag, bk.range(1, 1)])
    assert bag.count().compute(scheduler="sync") == 1501
    assert bag.map(str).distinct().compute(scheduler="sync") == ["0"]


def test_explain_says_why_lines_are_decoded_and_records_made(capsys: pytest.CaptureFixture[str]) -> None:
    """Only where a pass might have done otherwise; nothing is said where it has."""
    records, shared = bk.read_json("a.json"), bk.read_text("a.json")
    writes = {
        records: "",
        records.filter(lambda r: r["n"] > 1): "",
        bk.from_sequence([{"n": 1}]): "",
        records.map(whole): "copying lines for to_jsonl: map(test_rules.whole) stands before it",
        records.filter(whole): "what filter(test_rules.whole) reads of a record, or whether it changes it",
        bk.read_json("a.json", columns=["n"]): "only some fields of the records are written",
        bk.read_text("a.json").map(str.strip).map(json.loads): "map(str.strip) makes the lines",
    }
    for bag, reason in writes.items():
        (write,) = bag.to_jsonl("out/*.jsonl", compute=False)
        bk.explain(write)
        told = capsys.readouterr().out.partition("not done:")[2]
        assert reason in told
        assert bool(told) is bool(reason)
    filters: dict[Any, str] = {
        shared.filter(lambda line: "ada" in line): "",
        shared.filter(whole): "filter(test_rules.whole) may keep a line whatever is in it, as far as its code shows",
        bk.read_text("a.json", encoding="utf-16").filter(lambda line: "ada" in line): "can't be told in bytes",
        bk.zip(shared, shared.filter(lambda line: "ada" in line)): "others read all lines of read_text('a.json') too",
    }
    for bag, reason in filters.items():
        bag.explain()
        told = capsys.readouterr().out.partition("not done:")[2]
        assert reason in told
        assert bool(told) is bool(reason)
        bag.explain(optimize=False)
        assert "not done" not in capsys.readouterr().out
