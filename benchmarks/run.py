"""Runs the benchmarks and prints how they stand to their targets: `python -m benchmarks`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import cold_start, import_time, memory
from benchmarks.catalogue import WARM
from benchmarks.contenders import Setting, is_installed
from benchmarks.generate import SMALL, DataSet, files_of, uncompressed_bytes
from benchmarks.measure import Effort, Figure, run_rounds
from benchmarks.report import answers_agree, table, write_json

CONTENDERS = ("bagkit", "bagkit-processes", "dask", "dask-best", "pool", "polars", "polars-name", "fastest")
NAMES = (*WARM, import_time.NAME, *cold_start.DATA)
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
        """Run one of the warm benchmarks; of many tiny tasks the cost of one is of interest."""
        benchmark = WARM[name]
        paths = self.paths(benchmark.data) if benchmark.data else []
        tasks = max(1, int(benchmark.tasks * self.scale))
        chosen = [contender for contender in benchmark.contenders if contender in self.contenders]
        figures = run_rounds(name, chosen, Setting(paths, self.effort.workers, tasks), self.effort, benchmark.once)
        if benchmark.tasks:
            figures = [
                replace(figure, unit="µs/task", values=tuple(seconds * 1e6 / tasks for seconds in figure.values))
                for figure in figures
            ]
        size = (
            f"{uncompressed_bytes(paths) / 1e6:.0f} MB of JSON in {len(paths)} gz files" if paths else f"{tasks} tasks"
        )
        return f"{name}: {benchmark.title} ({size})", figures

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

    def memory(self) -> Iterator[tuple[str, list[Figure]]]:
        """Measure the peaks of parent and workers on one large file, plain and gzip."""
        source = self.paths(SMALL)[0]
        figures = memory.measure(self.contenders, source, int(GIGABYTE * self.scale), self.effort.workers)
        for name in dict.fromkeys(figure.benchmark for figure in figures):
            yield f"{name}: peak memory on one large file", [figure for figure in figures if figure.benchmark == name]

    def run(self, names: Sequence[str], with_memory: bool) -> Iterator[tuple[str, list[Figure]]]:
        """Run the named benchmarks, one after the other, and yield a title and figures for each."""
        for name in names:
            print(f"running {name} ...", file=sys.stderr, flush=True)
            if name == import_time.NAME:
                yield self.import_time()
            elif name in cold_start.DATA:
                yield self.cold(name)
            else:
                yield self.warm(name)
        if with_memory:
            yield from self.memory()


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="BENCHMARK", help=f"what to run (default: all): {', '.join(NAMES)}")
    parser.add_argument("--contenders", help=f"comma separated (default: all installed): {','.join(CONTENDERS)}")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes for each contender (default: 3)")
    parser.add_argument("--repeat", type=int, default=3, help="timed warm runs in each process (default: 3)")
    parser.add_argument("--workers", type=int, default=2, help="workers or threads of each contender (default: 2)")
    parser.add_argument("--scale", type=float, default=1.0, help="how much data, 1 being 150 MB (default: 1)")
    parser.add_argument("--data", type=Path, default=Path("data/benchmarks"), help="where the input files are kept")
    parser.add_argument("--memory", action="store_true", help="also measure peak memory on files of 1 GB")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    arguments = parser.parse_args(argv)
    unknown = [name for name in arguments.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    if arguments.contenders is not None:
        unknown = [name for name in arguments.contenders.split(",") if name not in CONTENDERS]
        if unknown:
            parser.error(f"no contender is called {unknown[0]!r}; there are {', '.join(CONTENDERS)}")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the status is 1 if a contender failed or answers differ."""
    arguments = parse_arguments(argv)
    asked = arguments.contenders.split(",") if arguments.contenders else CONTENDERS
    contenders = [name for name in asked if is_installed(name)]
    if len(contenders) < len(asked):
        print(f"not installed, left out: {', '.join(name for name in asked if name not in contenders)}")
    names = arguments.names or ([] if arguments.memory else NAMES)
    groups: list[list[Figure]] = []
    for title, figures in Session(arguments, contenders).run(names, arguments.memory):
        print(table(title, figures), flush=True)
        groups.append(figures)
    if arguments.json:
        write_json(arguments.json, groups)
    sound = all(answers_agree(figures) and not any(figure.error for figure in figures) for figures in groups)
    return 0 if sound else 1
