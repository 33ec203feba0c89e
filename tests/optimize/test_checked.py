"""Plans made wrong on purpose, and passes that change what they must keep."""

from __future__ import annotations

import json
import operator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.ops.elementwise import Filter, Map, OnErrorFor, ParseJson, Pluck
from bagkit.ops.reductions import sum_row
from bagkit.ops.regroup import Apply, Concat, Pick, Repartition
from bagkit.ops.sequences import Zip
from bagkit.optimizer import optimize
from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import Op
from bagkit.plan.node import Plan
from tests.optimize.checked import check_kept, check_legal

BAG = bk.range(6, 3).plan
ABS = Plan(Map(abs), (BAG,))
OTHER = bk.range(6, 2).plan
VALUE = bk.range(6, 3).sum().plan


@pytest.fixture
def lines(tmp_path: Path) -> Plan:
    path = tmp_path / "a.json"
    path.write_text('{"name": "ada", "n": 1}\n')
    return bk.read_text(str(path)).plan


@pytest.mark.parametrize(
    ("plan", "fault"),
    [
        (Plan(Map(abs)), r"map\(abs\) is not legal: it works on nothing"),
        (Plan(Map(abs), (VALUE,)), r"map\(abs\) is not legal: it works on \['a value'\]"),
        (Plan(Map(abs), (BAG, BAG)), r"works on \['a bag', 'a bag'\]"),
        (Plan(sum_row(), (VALUE,)), r"sum is not legal: it works on \['a value'\]"),
        (Plan(BAG.op, (BAG,)), r"range is not legal: it works on \['a bag'\]"),
        (Plan(Zip(2), (BAG, OTHER)), r"different numbers of partitions; got 3, 2"),
        (Plan(Zip(2), (BAG, VALUE)), r"works on \['a bag', 'a value'\]"),
        (Plan(Apply(abs, ()), (BAG,)), r"apply\(abs\) is not legal: it works on \['a bag'\]"),
        (Plan(Concat()), r"concat is not legal: it works on nothing"),
        (Plan(Repartition(2), (BAG, BAG)), r"repartition\(2\) is not legal"),
        (Plan(Pick((0, 3)), (BAG,)), r"it picks partitions out of 3 that are not there"),
        (Plan(ChainMark(), (Plan(ChainMark(), (BAG,)),)), r"chain is not legal"),
        (Plan(ChainMark(), (Plan(Concat(), (BAG,)),)), r"chain is not legal"),
        (
            Plan(ParseJson(first=frozenset({"n"})), (Plan(Map(str), (BAG,)),)),
            r"parse_json\(first: n\) does not stand on a source",
        ),
        (Plan(Op(), (BAG,)), r"Op has no label"),
    ],
)
def test_what_is_not_legal(plan: Plan, fault: str) -> None:
    with pytest.raises((bk.PlanError, TypeError), match=fault):
        check_legal((plan,))


def test_parsers_give_what_their_users_read(lines: Plan) -> None:
    narrow, parsed = Plan(ParseJson(fields=frozenset({"name"})), (lines,)), Plan(ParseJson(), (lines,))
    check_kept((Plan(Pluck("name"), (parsed,)),), (Plan(Pluck("name"), (narrow,)),))
    for user in (Pluck("n"), Filter(None)):
        with pytest.raises(bk.PlanError, match=r"parse_json\(fields: name\) gives less than its users read"):
            check_kept((Plan(user, (parsed,)),), (Plan(user, (narrow,)),))
    with pytest.raises(bk.PlanError, match=r"parse_json\(fields: name\) gives less than its users read"):
        check_kept((parsed,), (narrow,))
    for fields in (None, frozenset({"n"})):
        with pytest.raises(bk.PlanError, match=r"gives what is not among its fields"):
            check_legal((Plan(ParseJson(fields=fields, plucked=Pluck("name")), (lines,)),))


def test_attributes_are_for_those_who_take_them(lines: Plan) -> None:
    records: Any = bk.Bag(lines).map(json.loads)
    folded = records.foldby("name", lambda total, r: total + r["n"], 0, operator.add).plan
    (legal,) = optimize((folded,), until="objects_of_fields")
    check_legal((legal,))
    (parsed,) = legal.inputs
    for other in (Plan(Map(len), (parsed,)), parsed):
        with pytest.raises(bk.PlanError, match=r"parse_json\(attributes: name, n\) gives objects to those who do not"):
            check_legal((legal, other))
    assert isinstance(parsed.op, ParseJson)
    whole = Plan(replace(parsed.op, attributes=()), parsed.inputs)
    with pytest.raises(bk.PlanError, match="takes attributes of parse_json"):
        check_legal((legal.with_inputs((whole,)),))


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ((BAG,), (BAG, BAG), "the roots have changed"),
        ((BAG,), (Plan(Repartition(2), (BAG,)),), "the roots have changed"),
        ((BAG,), (VALUE,), "the roots have changed"),
        ((ABS,), (BAG,), "functions, or what happens"),
        ((ABS,), (Plan(Map(str), (BAG,)),), "functions, or what happens"),
        ((Plan(OnErrorFor("skip"), (ABS,)),), (ABS,), "functions, or what happens"),
        ((BAG,), (bk.range(6, 3).plan,), "sources were read"),
        ((Plan(Zip(2), (BAG, BAG)),), (Plan(Zip(2), (BAG, Plan(BAG.op))),), "sources were read"),
    ],
)
def test_what_a_pass_must_keep(before: tuple[Plan, ...], after: tuple[Plan, ...], fault: str) -> None:
    check_kept(before, before)
    with pytest.raises(bk.PlanError, match=fault):
        check_kept(before, after)
