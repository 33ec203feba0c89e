"""Runs the benchmarks and prints how they stand to their targets: `python -m benchmarks`."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import cold_start, import_time, memory, page
from benchmarks.catalogue import BEYOND, MEASURED, WARM
from benchmarks.contenders import what_is_missing
from benchmarks.generate import SMALL, DataSet, files_of, uncompressed_bytes
from benchmarks.measure import Effort, Figure, run_rounds
from benchmarks.report import answers_agree, table, write_json

CONTENDERS = tuple(dict.fromkeys(name for benchmark in MEASURED.values() for name in benchmark.contenders))
NAMES = (*WARM, import_time.NAME, *cold_start.DATA, *memory.NAMES)
FAMILIES: Mapping[str, Sequence[str]] = {
    "page": page.NAMES,
    "main": ("main-small", "main-large", "main-one"),
    "python": ("cities", "slow-files", "slow-one", "whole-count", "whole-reduce", "records-back"),
    "grouping": ("groupby", "groupby-disk", "join", "foldby", "distinct", "distinct-numbers", "distinct-range", "mean"),
    "writing": ("write-text", "write-json", "write-dumps"),
    "delayed": ("delayed-build", "delayed-run", "delayed-many", "delayed-processes", memory.DELAYED),
    "client": ("submit", "round-trips"),
    "samples": ("sample-letters", "sample-tree", "sample-stocks"),
    "limits": tuple(BEYOND),
    "memory": memory.NAMES,
}
"""What a command line can ask for in one word."""
GIGABYTE = 10**9


class Session:
    """What the command line asked for, and the input files made for it so far."""

    def __init__(self, arguments: argparse.Namespace, contenders: Sequence[str]) -> None:
        self.folder: Path = arguments.data
        self.scale: float = arguments.scale
        self.effort = Effort(arguments.rounds, arguments.repeat, arguments.workers)
        self.contenders = contenders

    def paths(self, data: DataSet) -> list[str]:
        """Return the files of a data set."""
        return files_of(data.scaled(self.scale), self.folder)

    def warm(self, name: str) -> tuple[str, list[Figure]]:
        """Run one of the warm benchmarks; of many tasks the cost of one is of interest."""
        benchmark = WARM[name]
        setting = benchmark.setting(self.scale, self.folder, self.effort.workers)
        chosen = [contender for contender in benchmark.contenders if contender in self.contenders]
        effort = self.effort
        if benchmark.cold:
            effort = replace(effort, rounds=effort.rounds * effort.repeat, repeat=0)
        figures = run_rounds(name, chosen, setting, effort, benchmark.once)
        if benchmark.tasks:
            unit, tasks = f"µs/{benchmark.each}", setting.tasks
            figures = [
                replace(figure, unit=unit, values=tuple(seconds * 1e6 / tasks for seconds in figure.values), cpu=())
                for figure in figures
            ]
            return f"{name}: {benchmark.title} ({tasks:,} {benchmark.each}s)", figures
        size = uncompressed_bytes(setting.paths) / 1e6
        return f"{name}: {benchmark.title} ({size:,.1f} MB in {len(setting.paths)} files)", figures

    def import_time(self) -> tuple[str, list[Figure]]:
        """Measure what importing costs."""
        repeat = self.effort.rounds * self.effort.repeat
        figures = import_time.measure(self.contenders, repeat, self.effort.workers)
        return "import: time of the import, over a bare interpreter", figures

    def cold(self, name: str) -> tuple[str, list[Figure]]:
        """Measure whole programs, from the start of the interpreter to its end."""
        paths = self.paths(cold_start.DATA[name])
        figures = cold_start.measure(name, self.contenders, paths, self.effort.rounds, self.effort.workers)
        return f"{name}: a whole program, {uncompressed_bytes(paths) / 1e6:.1f} MB in {len(paths)} gz files", figures

    def memory_of_files(self) -> Iterator[tuple[str, list[Figure]]]:
        """Measure the peaks of parent and workers on one large file, plain and gzip."""
        source = self.paths(SMALL)[0]
        figures = memory.measure_files(self.contenders, source, int(GIGABYTE * self.scale), self.effort.workers)
        for name in dict.fromkeys(figure.benchmark for figure in figures):
            yield f"{name}: peak memory on one large file", [figure for figure in figures if figure.benchmark == name]

    def memory(self, name: str) -> Iterator[tuple[str, list[Figure]]]:
        """Measure what one of the memory benchmarks is about."""
        if name == memory.FILES:
            yield from self.memory_of_files()
            return
        setting = MEASURED[name].setting(self.scale, self.folder, self.effort.workers)
        if name in BEYOND:
            title = f"{name}: {BEYOND[name].title}, peak memory where {setting.memory_limit / 1e6:.0f} MB are the limit"
            yield title, memory.measure_within_limit(name, self.contenders, setting)
        else:
            title = f"{name}: {MEASURED[name].title} ({setting.tasks:,} tasks)"
            yield title, memory.measure_waiting(self.contenders, setting)

    def peaks(self, name: str) -> list[Figure]:
        """Return the peaks in memory of the contenders of one of the warm benchmarks, in a single cold run of each."""
        setting = WARM[name].setting(self.scale, self.folder, self.effort.workers)
        chosen = [contender for contender in WARM[name].contenders if contender in self.contenders]
        return [peak for one in chosen for peak in memory.measure_one(name, name, one, setting)]

    def run(self, names: Sequence[str]) -> Iterator[tuple[str, list[Figure]]]:
        """Run the named benchmarks, one after the other, and yield a title and figures for each."""
        for name in names:
            print(f"running {name} ...", file=sys.stderr, flush=True)
            if name == import_time.NAME:
                yield self.import_time()
            elif name in cold_start.DATA:
                yield self.cold(name)
            elif name in memory.NAMES:
                yield from self.memory(name)
            else:
                yield self.warm(name)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="BENCHMARK",
        help=f"what to run (default: all but memory): {', '.join(NAMES)}; or several: {', '.join(FAMILIES)}",
    )
    parser.add_argument("--contenders", help=f"comma separated (default: all installed): {','.join(CONTENDERS)}")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes for each contender (default: 3)")
    parser.add_argument("--repeat", type=int, default=3, help="timed warm runs in each process (default: 3)")
    parser.add_argument("--workers", type=int, default=2, help="workers or threads of each contender (default: 2)")
    parser.add_argument("--scale", type=float, default=1.0, help="how much data, 1 being 150 MB (default: 1)")
    parser.add_argument("--data", type=Path, default=Path("data/benchmarks"), help="where the input files are kept")
    parser.add_argument("--memory", action="store_true", help="the same as the name memory")
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help="put the figures, and peaks in memory, into a page such as docs/benchmarks.md",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    arguments = parser.parse_args(argv)
    asked = [*arguments.names, *(["memory"] if arguments.memory else [])]
    unknown = [name for name in asked if name not in NAMES and name not in FAMILIES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join([*NAMES, *FAMILIES])}")
    everything = [name for name in NAMES if name not in memory.NAMES]
    found = [name for one in asked for name in FAMILIES.get(one, [one])]
    arguments.names = list(dict.fromkeys(found)) or everything
    if arguments.contenders is not None:
        unknown = [name for name in arguments.contenders.split(",") if name not in CONTENDERS]
        if unknown:
            parser.error(f"no contender is called {unknown[0]!r}; there are {', '.join(CONTENDERS)}")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the status is 1 if a contender failed or answers differ."""
    arguments = parse_arguments(argv)
    asked = arguments.contenders.split(",") if arguments.contenders else CONTENDERS
    missing = {name: lack for name in asked if (lack := what_is_missing(name))}
    for name, lack in missing.items():
        print(f"left out: {name}, because {lack} is not there")
    contenders = [name for name in asked if name not in missing]
    session = Session(arguments, contenders)
    timed: dict[str, list[Figure]] = {}
    for title, figures in session.run(arguments.names):
        print(table(title, figures), flush=True)
        timed[title] = figures
    if arguments.json:
        write_json(arguments.json, list(timed.values()))
    if arguments.page:
        peaks = {WARM[name].title: session.peaks(name) for name in arguments.names if name in WARM}
        asked_for = " ".join(["python -m benchmarks", *(sys.argv[1:] if argv is None else argv)])
        page.rewrite(arguments.page, asked_for, timed, peaks)
    sound = all(answers_agree(figures) and not any(figure.error for figure in figures) for figures in timed.values())
    return 0 if sound else 1
