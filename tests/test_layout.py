"""Who may import whom, how long things may be, and that everything is named and reachable."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import bagkit
from bagkit.plan import kinds
from bagkit.plan.kinds import Op

ROOT = Path(bagkit.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

OPEN = {"errors", "options", "sentinels", "lazily", "visible", "front_doors", "signatures", "option_values", "contexts",
        "html", "light_classes", "amounts", "own_threads", "dask_locks"}  # fmt: skip
"""What every room may use, but for those in CLOSED."""

MAY_IMPORT: dict[str, set[str]] = {
    "__init__": {
        "bag",
        "client",
        "combine",
        "computing",
        "create",
        "diagnostics.profile",
        "going_on",
        "io",
        "item",
        "lazy",
        "live",
        "work.failures",
        "methods",
        "user_code.module_loads",
        "ops",
        "profiling",
        "other_names",
        "random",
        "reading",
        "reading_tables",
        "rejects",
        "shown",
        "tallies",
    },
    "dask_locks": set(),
    "tallies": {"diagnostics", "flow.anew", "flow.tallies"},
    "shown": set(),
    "__main__": {"shell"},
    "shell": {"__init__", "methods.rejects", "io.input.codecs", "io.output.whole_files"},
    "html": {"tracebacks", "json.standard"},
    "client": {
        "computing",
        "diagnostics",
        "io.input.persisted",
        "live.dashboard",
        "flow",
        "lazy",
        "lower",
        "ops.calls",
        "ops.functions",
        "plan",
        "crossing",
        "schedulers",
        "tracebacks",
        "user_code.reached",
        "warn",
    },
    "going_on": {"io"},
    "combine": {"bag", "lazy", "ops", "plan"},
    "random": {"bag", "lazy"},
    "create": {"bag", "lazy", "io", "ops", "plan"},
    "reading": {"bag", "io", "ops", "plan"},
    "reading_tables": {"bag", "io", "plan", "reading"},
    "rejects": {"bag", "ops", "plan", "reading"},
    "replaying": {"errors", "flow", "io", "ops", "options", "plan", "user_code.modules", "work"},
    "bag": {
        "lazy",
        "methods",
        "item",
        "other_names",
        "computing",
        "warn",
        "io",
        "ops",
        "plan",
    },
    "methods": {
        "item",
        "computing",
        "lazy",
        "sizes",
        "io",
        "ops",
        "plan",
        "exchange",
        "profiling",
        "tracebacks",
        "warn",
    },
    "item": {"computing", "lazy", "ops", "other_names", "plan"},
    "lazy": {
        "computing",
        "crossing",
        "optimizer",
        "lower",
        "schedulers",
        "diagnostics",
        "io",
        "ops",
        "plan",
        "flow",
        "tracebacks",
        "user_code.main_module",
        "warn",
    },
    "computing": {
        "io.input.persisted",
        "replaying",
        "optimizer",
        "lower",
        "work.failures",
        "schedulers",
        "diagnostics",
        "flow",
        "ops",
        "plan",
        "tracebacks",
    },
    "profiling": {"ops", "plan", "flow", "json.standard", "exchange.spill", "exchange.checksum"},
    "optimizer": {"json", "ops", "plan", "user_code.instructions"},
    "lower": {"plan", "flow", "work", "ops", "user_code.code_parts"},
    "work": {"plan", "flow", "exchange", "json.standard", "tracebacks"},
    "io": {
        "ops",
        "plan",
        "flow",
        "json",
        "exchange.checksum",
        "exchange.frames",
        "user_code.main_module",
        "warn",
        "other_names",
    },
    "ops": {"plan", "flow", "json", "exchange", "user_code.instructions", "user_code.main_module"},
    "plan": {"flow", "exchange.spill", "user_code"},
    "exchange": {"flow", "light_classes"},
    "json": {"light_classes"},
    "flow": {"dask_locks", "light_classes", "visible"},
    "amounts": set(),
    "contexts": set(),
    "own_threads": set(),
    "live": {
        "diagnostics",
        "flow.tallies",
        "io.output.stores",
        "io.output.whole_files",
        "lower.stages",
        "crossing.hearing",
        "schedulers.pool",
        "schedulers.run_directory",
        "warn",
        "work.failures",
    },
    "schedulers": {
        "crossing",
        "diagnostics.events",
        "diagnostics.observer",
        "diagnostics.terminal",
        "exchange.remote",
        "exchange.spill",
        "flow",
        "lower.graph",
        "tracebacks",
        "user_code.module_loads",
        "user_code.purity",
        "warn",
    },
    "crossing": {
        "diagnostics.events",
        "diagnostics.observer",
        "diagnostics.terminal",
        "exchange.checksum",
        "exchange.frames",
        "flow",
        "json.standard",
        "lower.graph",
        "tracebacks",
        "user_code",
    },
    "diagnostics": {"flow.anew", "flow.tallies", "ops", "plan", "tracebacks", "warn"},
    "options": {"tracebacks", "warn"},
    "option_values": set(),
    "other_names": set(),
    "errors": {"visible"},
    "lazily": set(),
    "light_classes": set(),
    "sentinels": set(),
    "signatures": set(),
    "sizes": {"exchange"},
    "front_doors": {"other_names", "tracebacks"},
    "tracebacks": set(),
    "user_code": set(),
    "visible": set(),
    "warn": {"tracebacks"},
}
"""For each room (a package, or a module beside the packages) the others that it may import, now or later."""

CLOSED = {"exchange", "json", "flow", "errors", "sentinels", "visible"}
"""Rooms that know nothing of bagkit but themselves and what the table says."""

FOR_TYPES_ONLY = {("options", "schedulers.protocol"), ("diagnostics", "work.failures"),
                  ("diagnostics", "flow.report"), ("diagnostics", "lower.graph"), ("live", "lower.graph"),
                  ("methods", "bag"),
                  ("create", "item"), ("reading", "lazy.delayed_values"),
                  ("methods", "work.failures"),
                  ("bag", "diagnostics.picture"), ("item", "diagnostics.picture")}  # fmt: skip
"""Further edges of imports that only type checkers see."""

ONLY_IN = {
    "fsspec": {"io/input/paths.py", "exchange/remote.py", "shell/standard_input.py"},
    "cloudpickle": {"crossing/by_value.py"},
    "msgspec": {
        "json/attributes.py",
        "json/parse.py",
        "json/dump.py",
        "json/documents.py",
        "json/cutting.py",
        "json/unchanged.py",
        "exchange/packing.py",
        "crossing/annotations.py",
        "crossing/by_value.py",
        "profiling/reduction.py",
        "ops/validating.py",
    },
    "pydantic": {"ops/validating.py"},
    "tqdm": {"diagnostics/progress.py"},
    "vl_convert": {"diagnostics/picture.py"},
    "isal": {
        "io/input/codecs.py",
        "exchange/checksum.py",
    },
    "pandas": {"io/handover/frames.py"},
    "polars": {"io/handover/frames.py"},
    "h5py": {"io/handover/hdf5.py"},
    "fastavro": {"io/input/avro.py", "io/output/avro.py"},
    "multiprocessing": set(),
    "toolz": {"ops/sequences.py"},
    "cytoolz": {"ops/sequences.py"},
    "dask": set(),
    "distributed": {"client/distributed.py"},
}
"""Packages that have one place."""

HEAVY = {"fsspec", "msgspec", "isal", "cloudpickle", "tqdm", "asyncio", "multiprocessing",
         "orjson", "toolz", "cytoolz", "concurrent", "subprocess", "socket", "aiohttp", "s3fs",
         "distributed", "numpy", "pandas", "pyarrow", "polars", "h5py", "sqlite3", "fastavro", "csv"}  # fmt: skip
"""What `import bagkit` leaves to those who need it."""

NO_NAMES = {"utils", "util", "base", "core", "common", "helpers", "misc", "manager", "managers", "handler"}
LONGEST_MODULE = 500
LONGEST_BODY = 40


@dataclass(frozen=True)
class Import:
    file: str
    line: int
    module: str
    for_types: bool


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def names_type_checking(test: ast.expr) -> bool:
    return any(getattr(node, "id", None) == "TYPE_CHECKING" or getattr(node, "attr", None) == "TYPE_CHECKING"
               for node in ast.walk(test))  # fmt: skip


def imports_of(path: Path) -> Iterator[Import]:
    tree = tree_of(path)
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and names_type_checking(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: imports are absolute"
            # `from bagkit.ops import reductions` is an import of bagkit.ops.reductions.
            package = is_package(node.module)
            names = [f"{node.module}.{alias.name}" if package else str(node.module) for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "import_extra":
            names = [ast.literal_eval(node.args[0])]
        else:
            continue
        for name in names:
            yield Import(name_of(path), node.lineno, name, id(node) in for_types)


def is_package(module: str | None) -> bool:
    return module is not None and module.startswith("bagkit") and (ROOT.parent / module.replace(".", "/")).is_dir()


@functools.cache
def imports() -> list[Import]:
    """Return all imports of all files."""
    return [each for path in FILES for each in imports_of(path)]


def room(name: str) -> str:
    """Return the room that a file, or a dotted name below bagkit, belongs to."""
    return name.replace("/", ".").removesuffix(".py").partition(".")[0]


def inner(each: Import) -> str | None:
    """Return what an import takes of bagkit, without `bagkit.` in front; None for other packages."""
    package, _, name = each.module.partition(".")
    return (name or "__init__") if package == "bagkit" else None


def allowed(source: str, target: str) -> bool:
    if room(target) == source:
        return True
    if room(target) in OPEN and source not in CLOSED:
        return True
    return any(target == name or target.startswith(name + ".") for name in MAY_IMPORT[source])


def test_every_room_is_in_the_table() -> None:
    assert {room(name_of(path)) for path in FILES} == set(MAY_IMPORT)


def test_every_module_is_on_the_map() -> None:
    words = set(re.findall(r"\w+", (ROOT.parent / "docs/architecture.md").read_text()))
    missing = [name_of(path) for path in FILES if path.stem not in words and path.stem != "__init__"]
    assert missing == [], "docs/architecture.md names each module, with some words on what it is for"


def test_imports_go_one_way() -> None:
    wrong = [
        f"{each.file}:{each.line}: {room(each.file)} -> {target}"
        for each in imports()
        if not each.for_types and (target := inner(each)) is not None and not allowed(room(each.file), target)
    ]
    assert wrong == []


def test_imports_for_types_are_few() -> None:
    edges = {
        (room(each.file), target)
        for each in imports()
        if each.for_types and (target := inner(each)) is not None and not allowed(room(each.file), target)
    }
    assert edges <= FOR_TYPES_ONLY


def test_the_table_has_no_edge_that_nobody_uses() -> None:
    used = {(room(each.file), target) for each in imports() if (target := inner(each)) is not None}
    for source, targets in MAY_IMPORT.items():
        for target in targets if source not in ("bag", "methods") else ():  # these have methods to come
            assert any(s == source and (t == target or t.startswith(target + ".")) for s, t in used), (source, target)


def test_the_rooms_have_no_circle() -> None:
    edges = {(source, room(target)) for source, targets in MAY_IMPORT.items() for target in targets}
    rooms = set(MAY_IMPORT)
    while rooms:
        bottom = {each for each in rooms if not any(s == each and t in rooms for s, t in edges)}
        assert bottom, f"a circle among {sorted(rooms)}"
        rooms -= bottom


def test_what_reads_files_knows_nothing_of_what_writes_them() -> None:
    order = ["io.input", "io.output", "io.handover"]
    wrong = [
        f"{each.file}:{each.line}: {target}"
        for each in imports()
        for place, part in enumerate(order)
        if each.file.startswith(part.replace(".", "/")) and (target := inner(each)) is not None
        if any(target.startswith(above) for above in order[place + 1 :])
    ]
    assert wrong == []


def file_of(module: str) -> str:
    """Return the file that an import of `bagkit.…` is of: of a name in a module the module's."""
    path = ROOT.parent / module.replace(".", "/")
    while not (path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()):
        path = path.parent
    return name_of(path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py")


def imports_between_files() -> dict[str, set[str]]:
    """Return for each file the files that it imports, also in functions and for types.

    Families of methods name the class Bag, which is made of them, in their types.
    """
    edges: dict[str, set[str]] = {name_of(path): set() for path in FILES}
    for each in imports():
        target = file_of(each.module) if inner(each) is not None else each.file
        of_methods = each.for_types and room(each.file) == "methods" and target == "bag.py"
        if target != each.file and not of_methods:
            edges[each.file].add(target)
    return edges


def circles(edges: dict[str, set[str]]) -> list[set[str]]:
    """Return the largest sets of files in which each file leads to all others."""
    leads_to = {name: set(targets) for name, targets in edges.items()}
    for middle in edges:
        for name in edges:
            if middle in leads_to[name]:
                leads_to[name] |= leads_to[middle]
    around = {name: {other for other in leads_to[name] if name in leads_to[other]} for name in edges}
    return [set(group) for group in {frozenset(group) for group in around.values() if group}]


def test_circles_are_found() -> None:
    edges = {"a": {"b", "d"}, "b": {"c"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert sorted(map(sorted, circles(edges))) == [["a", "b", "c"], ["d", "e"]]


def test_files_have_no_circle() -> None:
    assert sorted(map(sorted, circles(imports_between_files()))) == [], "files that import each other in a circle"


@pytest.mark.parametrize("package", ONLY_IN)
def test_packages_have_one_place(package: str) -> None:
    places = {each.file for each in imports() if each.module.partition(".")[0] == package and not each.for_types}
    assert places <= ONLY_IN[package]


def test_importing_bagkit_imports_little() -> None:
    code = "import sys; before = set(sys.modules); import bagkit; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {name.partition(".")[0] for name in run.stdout.split()}
    assert found & HEAVY == set()


def test_building_a_plan_imports_little() -> None:
    code = (
        "import sys, bagkit as bk; bag = bk.from_sequence([1, 2]).map(str).filter(None);"
        "bag.frequencies().topk(1, 1); bag.distinct().map(len).sum(); repr(bag); print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {name.partition(".")[0] for name in run.stdout.split()}
    assert found & HEAVY == set()


NOT_FOR_A_SMALL_RUN = {
    "socket", "subprocess", "shutil", "tempfile", "hashlib", "secrets", "random", "urllib", "pathlib", "cloudpickle",
    "tqdm", "bagkit.ops.grouping", "bagkit.ops.text", "bagkit.ops.encoding", "bagkit.lazy.dask_protocol",
    "bagkit.schedulers.run_directory", "bagkit.diagnostics.progress", "bagkit.lower.limits",
}  # fmt: skip
"""What a run of a few records in the caller's process leaves to those who need it."""


def test_a_small_run_imports_little(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"name": "a"}\n' * 3)
    code = (
        "import json, sys; before = set(sys.modules); import bagkit as bk;"
        "names = bk.read_text(sys.argv[1]).map(json.loads).pluck('name');"
        "assert names.frequencies().topk(1, 1).compute() == [('a', 3)]; print(*set(sys.modules) - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.json")], capture_output=True, text=True, check=True
    )
    assert set(run.stdout.split()) & NOT_FOR_A_SMALL_RUN == set()


class TestEveryModule:
    """Each test goes through all files, so that a file more costs no test more."""

    def test_is_not_too_long(self) -> None:
        lengths = {name_of(path): len(path.read_text().splitlines()) for path in FILES}
        assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}

    def test_has_a_name_that_says_something(self) -> None:
        assert [name_of(path) for path in FILES if path.stem in NO_NAMES] == []

    def test_says_what_it_is_for(self) -> None:
        assert [name_of(path) for path in FILES if path.read_text() and not ast.get_docstring(tree_of(path))] == []

    def test_has_short_functions(self) -> None:
        nodes = [(path, node) for path in FILES for node in ast.walk(tree_of(path))]
        lengths = {
            (name_of(path), node.name, node.lineno): length_of_body(node)
            for path, node in nodes
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        assert {function: length for function, length in lengths.items() if length > LONGEST_BODY} == {}

    def test_has_docstrings_on_public_names(self) -> None:
        nodes = [(path, node) for path in FILES for node in tree_of(path).body]
        missing = [
            (name_of(path), node.name)
            for path, node in nodes
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
            if "overload" not in map(ast.unparse, node.decorator_list)
            if not node.name.startswith("_") and not ast.get_docstring(node)
            # Events and rows of the table of reductions say it in their names and fields.
            if not node.name.endswith("_row") and path.stem != "events"
        ]
        assert missing == []


def length_of_body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has below its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return function.body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]  # parsed code has its lines


def public(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


@pytest.mark.parametrize("kind", [bagkit.Bag, bagkit.Item], ids=lambda kind: kind.__name__)
def test_every_method_has_a_docstring(kind: type) -> None:
    missing = [name for name in public(kind) if name != "plan" and not inspect.getdoc(getattr(kind, name))]
    assert missing == []


def test_public_names_are_there_and_have_docstrings() -> None:
    assert bagkit.__all__ == sorted(bagkit.__all__)
    for name in bagkit.__all__:
        assert inspect.getdoc(getattr(bagkit, name)), name
    assert set(bagkit.__all__) <= set(dir(bagkit))


def ops() -> Iterator[type[Op]]:
    for info in pkgutil.iter_modules([str(ROOT / "ops")]):
        module = importlib.import_module(f"bagkit.ops.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Op) and value.__module__ == module.__name__:
                yield value


MOST_MEMBERS = 30
"""What passes, lowering and tasks may ask of ops, over all kinds. A pass that asks one op alone matches it instead."""


def test_kinds_of_ops_have_few_members() -> None:
    declared = {
        name
        for kind in vars(kinds).values()
        if isinstance(kind, type) and issubclass(kind, Op)
        for name in (*vars(kind), *kind.__annotations__)
        if not name.startswith("_")
    }
    assert len(declared) <= MOST_MEMBERS, sorted(declared)


def names_in(*files: str) -> set[str]:
    nodes = [node for file in files for node in ast.walk(ast.parse((ROOT / file).read_text()))]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


USERS_OF_OPS = ["bag.py", "item.py", "combine.py", "create.py", "reading.py", "rejects.py",
                "lazy/arguments.py", "lazy/delayed_values.py", "lazy/known.py",
                *(f"methods/{path.name}" for path in (ROOT / "methods").glob("*.py"))]  # fmt: skip


def test_every_op_can_be_had() -> None:
    # Passes make ParseJson, CompleteJson and WithLines of maps and filters, by_attributes and pairs_of_objects make of
    # those and of joins what takes objects, a sink SinkPart of a part; each reduction is a value of Row, ToTable or
    # FoldToTable, which make ByTables, and each way to take records by chance one of ByChance.
    passes = ("optimizer/recognise_json.py", "optimizer/recognise_dumps.py", "optimizer/filter_first.py",
              "optimizer/send_lines.py", "ops/by_attributes.py", "ops/pairs_of_objects.py")  # fmt: skip
    used = names_in(*USERS_OF_OPS, *passes, "io/output/sinks.py", "io/input/sharding.py")
    assert {op.__name__ for op in ops()} - used == {
        *("Row", "OtherSide", "ToTable", "FoldToTable", "ByTable", "ByChance")
    }


def test_every_row_of_the_table_of_reductions_can_be_had() -> None:
    tree = ast.parse((ROOT / "ops/reductions.py").read_text())
    rows = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.endswith("_row")}
    assert rows
    assert rows <= names_in(*USERS_OF_OPS)


def test_ops_are_frozen_values() -> None:
    declared = {
        (name_of(path), node.name): [ast.unparse(each) for each in node.decorator_list]
        for path in FILES
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef)
    }
    found = {op.__name__: declared[file_of(op.__module__), op.__name__] for op in ops()}
    assert len(found) > 50
    assert [name for name, decorators in found.items() if "frozen=True" not in str(decorators)] == []
