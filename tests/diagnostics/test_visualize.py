"""Pictures of plans: what they show, that nothing in them overlaps, and that text stays text."""

from __future__ import annotations

import re
import stat
import sys
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.diagnostics.drawing import Drawing, Edge, Node, clean
from bagkit.diagnostics.layout import GAP, lay_out, ranks
from bagkit.diagnostics.picture import MOST_NODES, Picture
from tests.each_case import each_case
from tests.examples import examples
from tests.operations.cases import CASES, RECORDS, Case
from tests.operations.compare import outcome

SVG = "{http://www.w3.org/2000/svg}"


def bag() -> Any:
    return bk.range(100, npartitions=8)


def texts(picture: Picture) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(picture.svg).iter(f"{SVG}text")]


def nodes(picture: Picture) -> list[tuple[str, tuple[str, ...]]]:
    return [(node.shape, node.lines) for node in picture.drawing.nodes]


def edges(picture: Picture) -> list[tuple[str, str, str]]:
    drawn = picture.drawing.nodes
    return [(drawn[edge.source].lines[0], drawn[edge.target].lines[0], edge.label) for edge in picture.drawing.edges]


# What is shown ------------------------------------------------------------------------------------------------------


def test_functions_are_ellipses_and_data_are_boxes() -> None:
    picture = bag().map(str).distinct().visualize()
    assert nodes(picture) == [
        ("data", ("range",)), ("function", ("map(str)",)), ("function", ("distinct",)), ("data", ("result",)),
    ]  # fmt: skip
    root = ElementTree.fromstring(picture.svg)
    shapes = [(group[1].tag.removeprefix(SVG), group[2].text) for group in root.iter(f"{SVG}g")]
    assert shapes == [("rect", "range"), ("ellipse", "map(str)"), ("ellipse", "distinct"), ("rect", "result")]


def test_edges_count_partitions() -> None:
    picture = bag().map(str).repartition(3).frequencies().visualize()
    assert edges(picture) == [
        ("range", "map(str)", "8 partitions"),
        ("map(str)", "repartition(3)", "8 partitions → 3"),
        ("repartition(3)", "frequencies", "3 partitions → 1"),
        ("frequencies", "result", "1 partition"),
    ]


def test_a_bag_of_many_partitions_is_no_larger_a_picture() -> None:
    picture = bk.range(20_000, npartitions=10_000).map(str).count().visualize()
    assert len(picture.drawing.nodes) == 4
    assert "10,000 partitions → 1" in texts(picture)


def test_what_is_shared_is_drawn_once() -> None:
    shared = bag().map(str)
    picture = bk.visualize({"a": shared.count()}, [shared.distinct()])
    assert [lines for _, lines in nodes(picture)].count(("map(str)",)) == 1
    assert [target for source, target, _ in edges(picture) if source == "map(str)"] == ["count", "distinct"]
    ends = [("count", "result 1", ""), ("distinct", "result 2", "1 partition")]
    assert [edge for edge in edges(picture) if edge[1].startswith("result")] == ends


def test_an_item_beside_a_bag_has_no_count_on_its_edge() -> None:
    b = bag()
    picture = b.map(lambda x, y: x + y, b.max()).visualize()
    assert [edge for edge in edges(picture) if "" in edge[:2]] == [("max", "", ""), ("", "map(lambda)", "")]
    assert ("range", "map(lambda)", "8 partitions") in edges(picture)


def test_a_bag_used_twice_is_one_edge() -> None:
    b = bag()
    assert len(edges(b.map(lambda x, y: x + y, b).visualize())) == 2


def test_as_it_runs_a_chain_is_one_node() -> None:
    picture = bag().map(str).map(len).sum().visualize(optimize_graph=True, rankdir="TB")
    assert nodes(picture)[0] == ("chain", ("range", "map(str)", "map(len)"))
    upwards = bag().map(str).map(len).sum().visualize(optimize_graph=True)
    assert nodes(upwards)[0] == ("chain", ("map(len)", "map(str)", "range"))


def test_a_chain_ends_where_others_use_what_it_gives() -> None:
    shared = bag().map(str)
    picture = bk.visualize(shared.map(len).sum(), shared.map(int).max(), optimize_graph=True, rankdir="TB")
    assert nodes(picture)[0] == ("chain", ("range", "map(str)"))
    assert ("function", ("map(len)",)) in nodes(picture)


def test_a_source_alone() -> None:
    assert nodes(bag().visualize(optimize_graph=True)) == [("data", ("range",)), ("data", ("result",))]


# Colours ------------------------------------------------------------------------------------------------------------


def test_color_by_function() -> None:
    picture = bag().map(str).map(len).map(str).visualize(color="function")
    first, other, again = (node.fill for node in picture.drawing.nodes[1:4])
    assert first == again != other


def test_color_by_time() -> None:
    def slow(x: int) -> int:
        return sum(range(20_000)) + x

    b = bag().map(slow).frequencies().topk(2, key=1)
    with bk.Profile() as profile:
        b.compute(scheduler="sync")
    b.compute(scheduler="sync")  # after the block: not counted
    picture = b.visualize(color="time", profile=profile, rankdir="TB")
    chain, frequencies, _, _ = picture.drawing.nodes
    assert chain.lines[:2] == ("range", "map(test_visualize.slow)")
    assert re.fullmatch(r"8 tasks, \d.* (s|ms|µs)", chain.lines[2])
    assert re.fullmatch(r"1 task, \d.* (s|ms|µs)", frequencies.lines[1])
    assert int(chain.fill[3:5], 16) < int(frequencies.fill[3:5], 16), "the less green, the redder"


def test_color_by_time_of_a_tree_counts_all_of_its_levels() -> None:
    b = bk.range(100, npartitions=20).map(str).map(len).sum(split_every=4)
    with bk.Profile() as profile:
        b.compute(scheduler="sync")
    picture = b.visualize(color="time", profile=profile)
    assert [node.lines[-1].partition(",")[0] for node in picture.drawing.nodes] == ["20 tasks", "8 tasks", "result"]


def test_a_profile_hears_of_every_run_inside_its_block_and_of_nothing_else() -> None:
    with bk.Profile() as outer:
        with bk.Profile() as inner:
            bag().sum().compute(scheduler="sync")
        bag().max().compute(scheduler="sync")
    bag().min().compute(scheduler="sync")
    assert {labels[-1] for labels in inner.spent()} == {"sum"}
    assert {labels[-1] for labels in outer.spent()} == {"sum", "max"}
    assert len(inner.tasks) == 9
    assert all(task.stop >= task.start for task in outer.tasks)


@each_case("case", CASES, ids=lambda case: f"{case.name}-{case.takes}")
@pytest.mark.filterwarnings("ignore::bagkit.ShortTakeWarning")
def test_every_operation_is_drawn_and_each_task_is_counted_once(case: Case) -> None:
    result = case.on_bag(bk.from_sequence(RECORDS[case.takes], npartitions=3))
    if not isinstance(result, (bk.Bag, bk.Item)):
        assert not hasattr(result, "visualize")  # a value, or several bags
        return
    for optimize_graph in (False, True):
        picture = result.visualize(optimize_graph=optimize_graph)
        assert picture.svg.count("<title>") == len(picture.drawing.nodes) >= 2
    with bk.Profile() as profile:
        outcome(lambda: result.compute(scheduler="sync"))
    counted = [
        int(found[1].replace(",", ""))
        for node in result.visualize(color="time", profile=profile).drawing.nodes
        if (found := re.match(r"([\d,]+) tasks?, ", node.lines[-1]))
    ]
    assert sum(counted) == len(profile.tasks)


# Text stays text ----------------------------------------------------------------------------------------------------

NASTY = "<script>alert('x')</script>&\"quoted\"]; --> \x1b[31m\u202eevil\ud800\n"


def nasty_picture() -> Picture:
    def function(record: Any) -> Any:
        return record

    function.__qualname__ = function.__name__ = NASTY
    return bag().map(function).pluck(NASTY).visualize()


def test_svg_has_no_markup_of_the_users() -> None:
    svg = nasty_picture().svg
    assert "<script" not in svg
    assert not set("\x1b\u202e\ud800") & set(svg)
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "g", "title", "rect", "ellipse", "text", "path", "polygon"}
    assert any("<script>alert('x')" in text for text in texts(nasty_picture()))


def test_dot_has_quotes_and_backslashes_escaped() -> None:
    dot = nasty_picture().dot
    lines = [line for line in dot.splitlines() if "script" in line]
    assert len(lines) == 2
    for line in lines:
        assert re.fullmatch(r'  n\d+ \[label="(?:[^"\\]|\\.)*", shape=ellipse, fillcolor="#\w{6}"\]', line), line


def test_mermaid_has_numbers_for_signs() -> None:
    mermaid = nasty_picture().mermaid
    assert "#60;script#62;" in mermaid
    assert "<script" not in mermaid
    assert len(mermaid.splitlines()) == 1 + 4 + 3 + 4


@given(st.text())
@examples(60)
def test_any_text_makes_xml(text: str) -> None:
    drawing = Drawing([Node((clean(text),), "function", "#ffffff")], [], "TB")
    root = ElementTree.fromstring(Picture(drawing).svg)
    assert [element.text or "" for element in root.iter(f"{SVG}title")] == [clean(text)]
    dot = Picture(drawing).dot.splitlines()
    assert len(dot) == 6, dot


def test_a_long_line_is_cut_and_whole_in_the_tooltip() -> None:
    name = "a_rather_" + "long_" * 20 + "name"
    picture = bag().pluck(name).visualize()
    assert any(text.endswith("…") and len(text) == 48 for text in texts(picture))
    titles = [element.text for element in ElementTree.fromstring(picture.svg).iter(f"{SVG}title")]
    assert f"pluck({name!r})" in titles


# Files --------------------------------------------------------------------------------------------------------------

BEGINNINGS = {"svg": b"<svg ", "png": b"\x89PNG\r\n", "pdf": b"%PDF-", "dot": b"digraph {", "mermaid": b"flowchart BT"}


@pytest.mark.parametrize("suffix", BEGINNINGS)
def test_a_file_by_suffix(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{suffix}"
    picture = bag().sum().visualize(path)
    assert isinstance(picture, Picture)
    assert path.read_bytes().startswith(BEGINNINGS[suffix])


@pytest.mark.parametrize("suffix", BEGINNINGS)
def test_a_file_by_format(suffix: str, tmp_path: Path) -> None:
    bk.visualize(bag().sum(), filename=tmp_path / "picture", format=suffix)
    assert (tmp_path / f"picture.{suffix}").read_bytes().startswith(BEGINNINGS[suffix])


def test_a_file_of_neither_is_svg_and_other_suffixes_are_known(tmp_path: Path) -> None:
    bag().visualize(tmp_path / "one")
    bag().visualize(tmp_path / "two.mmd")
    bag().visualize(tmp_path / "three.gv")
    beginnings = {path.name: path.read_bytes()[:5] for path in tmp_path.iterdir()}
    assert beginnings == {"one.svg": b"<svg ", "two.mmd": b"flowc", "three.gv": b"digra"}


def test_no_file_is_written_without_a_filename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture = bag().visualize()
    assert picture._repr_svg_() == picture.svg
    assert repr(picture) == "<Picture of 2 nodes; .save('picture.svg') writes it to a file>"
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        bk.MissingExtraError, match=r"'vl-convert-python' .* to write \.png files; .*bagkit\[pictures\]"
    ):
        bag().visualize(tmp_path / "picture.png")
    assert not (tmp_path / "picture.png").exists()


def test_without_the_extra_graphviz_draws_if_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1], sys.stdin.read(), end='')\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    picture = bag().visualize(tmp_path / "picture.pdf")
    assert (tmp_path / "picture.pdf").read_text() == f"-Tpdf {picture.dot}"


# Errors -------------------------------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "rankdir": ({"rankdir": "up"}, "visualize: rankdir is 'up'; expected one of TB, BT, LR, RL"),
    "color": ({"color": "order"}, "visualize: color is 'order'; expected 'function' or 'time'"),
    "time without a profile": ({"color": "time"}, "visualize: color='time' and profile= go together; hint: "),
    "profile without time": ({"profile": bk.Profile()}, "visualize: color='time' and profile= go together; hint: "),
    "no profile": ({"color": "time", "profile": 5}, "visualize: profile is 5; expected a bagkit.Profile"),
    "no path": ({"filename": 5}, "visualize: filename is 5; expected a path, as a str or os.PathLike"),
    "format without filename": ({"format": "png"}, "visualize: format is 'png', and there is no filename; hint: "),
    "format": (
        {"filename": "picture.jpeg"},
        "visualize: no format is called 'jpeg'; expected one of svg, png, pdf, dot, mermaid"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_wrong_arguments(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, message = ERRORS[case]
    with pytest.raises(bk.PlanError, match=re.escape(message)):
        bag().visualize(**arguments)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_draw() -> None:
    with pytest.raises(
        bk.PlanError,
        match="visualize: there is nothing to draw; expected bags, items or delayed values, also in containers",
    ):
        bk.visualize([1, {"a": 2}])


def test_too_much_for_a_picture(tmp_path: Path) -> None:
    drawing = Drawing([Node(("x",), "function", "#ffffff")] * (MOST_NODES + 1), [], "TB")
    with pytest.raises(bk.PlanError, match=r"visualize: too much for a picture; got 6,001 nodes, expected 6,000 at"):
        Picture(drawing).save(tmp_path / "picture.svg")
    assert repr(Picture(drawing)) == "<Picture of 6,001 nodes; .save('picture.dot') writes it to a file>"
    Picture(drawing).save(tmp_path / "picture.dot")
    assert (tmp_path / "picture.dot").read_text().count("label=") == MOST_NODES + 1


def test_too_long_edges_for_a_picture() -> None:
    # A chain whose first value goes to all: the edges alone would be a million points.
    edges = [Edge(n, n + 1) for n in range(1499)] + [Edge(0, n) for n in range(2, 1500)]
    drawing = Drawing([Node(("x",), "function", "#ffffff")] * 1500, edges, "TB")
    message = r"visualize: too much for a picture; got edges that pass 1,125,748 layers, expected 30,000 at the most"
    with pytest.raises(bk.PlanError, match=message):
        _ = Picture(drawing).svg


# Where things go ----------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: Any) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    count = draw(st.integers(1, 14))
    sizes = draw(st.lists(st.tuples(st.floats(5, 200), st.floats(5, 80)), min_size=count, max_size=count))
    pairs = list(combinations(range(count), 2))
    return sizes, draw(st.lists(st.sampled_from(pairs), unique=True, max_size=30)) if pairs else []


@given(graphs())
@examples(60)
def test_no_two_nodes_overlap_and_edges_go_down(graph: Any) -> None:
    sizes, edges = graph
    layout = lay_out(sizes, edges)
    boxes = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(layout.centres, sizes, strict=True)]
    for one, other in combinations(boxes, 2):
        apart = max(other[0] - one[2], one[0] - other[2], other[1] - one[3], one[1] - other[3])
        assert apart > GAP * 0.99
    for left, top, right, bottom in boxes:
        assert -0.01 <= left <= right <= layout.width + 0.01
        assert -0.01 <= top <= bottom <= layout.height + 0.01
    for (source, target), route in zip(edges, layout.routes, strict=True):
        assert route[0] == pytest.approx((layout.centres[source][0], boxes[source][3]))
        assert route[-1] == pytest.approx((layout.centres[target][0], boxes[target][1]))
        assert [y for _, y in route] == sorted(y for _, y in route)


@given(graphs())
@examples(50)
def test_each_edge_goes_to_a_later_layer(graph: Any) -> None:
    sizes, edges = graph
    layers = ranks(len(sizes), edges)
    assert min(layers) == 0
    assert all(layers[source] < layers[target] for source, target in edges)


def test_a_tree_has_no_crossings_and_parents_stand_over_their_children() -> None:
    # 8 leaves, in an order that has nothing to do with who their parents are.
    leaves = [3, 6, 1, 0, 7, 2, 5, 4]
    edges = [(leaf, 8 + n // 2) for n, leaf in enumerate(leaves)] + [(8, 12), (10, 12), (9, 13), (11, 13)]
    edges += [(12, 14), (13, 14)]
    layout = lay_out([(40, 40)] * 15, edges)
    for parent in range(8, 15):
        children = [layout.centres[source][0] for source, target in edges if target == parent]
        assert layout.centres[parent][0] == pytest.approx(sum(children) / 2, abs=1)


def test_the_four_directions() -> None:
    drawing = [Node(("a",), "data", "#ffffff"), Node(("b",), "data", "#ffffff")]
    places = {}
    for rankdir in ("TB", "BT", "LR", "RL"):
        root = ElementTree.fromstring(Picture(Drawing(drawing, [Edge(0, 1)], rankdir)).svg)
        places[rankdir] = [(float(e.get("x") or 0), float(e.get("y") or 0)) for e in root.iter(f"{SVG}text")]
    (ax, ay), (bx, by) = places["TB"]
    assert ax == bx
    assert ay < by
    assert [y for _, y in places["BT"]] == [by, ay]
    (ax, ay), (bx, by) = places["LR"]
    assert ay == by
    assert ax < bx
    assert [x for x, _ in places["RL"]] == [bx, ax]


# Delayed calls ------------------------------------------------------------------------------------------------------


@bk.delayed
def inc(x: int) -> int:
    return x + 1


@bk.delayed
def add(x: int, y: int) -> int:
    return x + y


def test_delayed_calls_are_ellipses_and_delayed_values_boxes_between_them() -> None:
    start = inc(bk.delayed(5))
    picture = add(start, start).visualize()
    assert nodes(picture) == [
        ("data", ("5",)), ("function", ("inc",)), ("data", ("",)), ("function", ("add",)), ("data", ("result",)),
    ]  # fmt: skip
    assert edges(picture) == [("5", "inc", ""), ("inc", "", ""), ("", "add", ""), ("add", "result", "")]
    assert texts(picture) == ["5", "inc", "add", "result"]


def test_what_is_a_result_and_used_by_others_is_one_box() -> None:
    start = inc(1)
    picture = bk.visualize(start, add(start, 2, dask_key_name="sum"))
    assert [lines for shape, lines in nodes(picture) if shape == "data"] == [("result 1",), ("sum", "result 2")]
    assert ("result 1", "add", "") in edges(picture)


def test_a_long_chain_is_a_node_with_its_first_and_last_lines() -> None:
    long = bag()
    for _ in range(50):
        long = long.map(abs)
    (_, lines), _ = nodes(long.visualize(optimize_graph=True, rankdir="TB"))
    assert lines == ("range", *["map(abs)"] * 13, "… 32 more …", *["map(abs)"] * 5)


def test_a_value_that_is_long_to_tell_is_named() -> None:
    picture = bk.visualize(bk.delayed([1, 2]), bk.delayed("x" * 1000), {"c": bk.delayed(len)})
    first, second, third = (lines for shape, lines in nodes(picture)[:3] if shape == "data")
    assert first == ("list", "result 1")
    assert len(second[0]) < 40
    assert third == ("len", "result 3")


def test_bags_items_and_delayed_calls_in_one_picture() -> None:
    b = bag()
    total = b.sum()
    picture = bk.visualize([inc(total)], b.max())
    assert [lines[0] for _, lines in nodes(picture)] == ["range", "sum", "", "inc", "result 1", "max", "result 2"]
    assert edges(picture)[:3] == [("range", "sum", "8 partitions → 1"), ("sum", "", ""), ("", "inc", "")]


def test_calls_of_one_name_are_one_node() -> None:
    picture = add(inc(1, pure=True), inc(1, pure=True)).visualize()
    assert [lines[0] for _, lines in nodes(picture)] == ["inc", "", "add", "result"]


def test_what_persist_keeps_is_data() -> None:
    value, total = bk.persist(inc(1), bag().sum(), scheduler="sync")
    picture = bk.visualize(add(value, total))
    assert nodes(picture)[:2] == [("data", ("2",)), ("data", ("4950",))]


def test_color_by_time_of_delayed_calls_tells_them_apart() -> None:
    first, second = inc(1), inc(2)
    last = add(inc(first), add(second, second))
    with bk.Profile() as profile:
        last.compute(scheduler="sync")
    picture = last.visualize(color="time", profile=profile)
    timed = [(lines[0], len(lines) == 2 and lines[1].startswith("1 task, ")) for _, lines in nodes(picture) if lines[0]]
    # Calls that only wait for one another are one task, which counts for the last of them.
    assert timed == [("inc", False), ("inc", True), ("inc", True), ("add", True), ("add", True), ("result", False)]


def test_a_long_run_of_calls_is_drawn() -> None:
    value = bk.delayed(0)
    for _ in range(1000):
        value = inc(value)
    assert value.visualize().svg.count("<ellipse") == 1000
