"""The tables of `docs/benchmarks.md`: how many times as long as bagkit each contender takes, CPU time, and memory.

The page is prose with two marks in it. What stands between them is made here, from the figures of one run.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from benchmarks.measure import Figure
from benchmarks.report import own_figure, versions
from benchmarks.targets import OWN, judge

BEGIN, END = "<!-- figures of a run: begin -->", "<!-- figures of a run: end -->"
NAMES = (
    *("main-small", "main-large", "main-one", "cold-small", "cold-few", "cities", "foldby", "mean", "distinct"),
    *("distinct-numbers", "slow-one", "slow-files", "whole-count", "write-text", "write-dumps", "write-json"),
    *("groupby", "join", "records-back"),
)
"""The benchmarks that the page shows."""
COLUMNS = {
    "dask": "dask.bag",
    "dask-best": "dask.bag at its best",
    "pool": "pool by hand",
    "polars": "Polars",
    "polars-name": "Polars, told the field",
    "duckdb": "DuckDB",
    "fastest": "fastest by hand",
}
PACKAGES = ("bagkit", "dask", "polars", "duckdb", "msgspec", "isal")


def ratio_cell(figure: Figure | None, own: Figure) -> str:
    """Return how many times as long as bagkit a contender takes; in brackets what was aimed at, in bold if missed."""
    if figure is None:
        return ""
    if figure.error:
        return "failed"
    verdict = judge(figure, own)
    if verdict.ratio is None:
        return ""
    aim = verdict.target.removeprefix(">= ").removesuffix("x").removesuffix("0").removesuffix(".0")
    ratio = f"{verdict.ratio:.3g}x" + (f" ({aim})" if aim else "")
    return f"**{ratio}**" if verdict.met is False else ratio


def row(cells: Sequence[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def by_contender(figures: Sequence[Figure]) -> Mapping[str, Figure]:
    """Return the figures of one benchmark by their contenders."""
    return {figure.contender: figure for figure in figures}


def times(groups: Mapping[str, Sequence[Figure]]) -> list[str]:
    """Return the table of times: `groups` has the figures of each benchmark by its title."""
    lines = [row(["work", "bagkit", *COLUMNS.values()]), row(["---"] * (2 + len(COLUMNS)))]
    for title, figures in groups.items():
        own, found = own_figure(figures), by_contender(figures)
        if own is not None and own.values:
            cells = [ratio_cell(found.get(contender), own) for contender in COLUMNS]
            lines.append(row([title, f"{own.median:.3g} {own.unit}", *cells]))
    return lines


def cpu_cell(figure: Figure | None, own: float) -> str:
    """Return how many times as much CPU time as bagkit a contender takes."""
    return "" if figure is None or figure.median_cpu is None else f"{figure.median_cpu / own:.3g}x"


def cpu_times(groups: Mapping[str, Sequence[Figure]]) -> list[str]:
    """Return the table of CPU times: `groups` has the figures of each benchmark by its title."""
    lines = [row(["CPU time", "bagkit", *COLUMNS.values()]), row(["---"] * (2 + len(COLUMNS)))]
    for title, figures in groups.items():
        own, found = own_figure(figures), by_contender(figures)
        if own is not None and own.median_cpu is not None:
            cells = [cpu_cell(found.get(contender), own.median_cpu) for contender in COLUMNS]
            lines.append(row([title.partition(":")[0], f"{own.median_cpu:.3g} s", *cells]))
    return lines


def memory_cell(contender: str, found: Mapping[str, Figure]) -> str:
    """Return the peak of a contender's process in MB, and after a plus the peak of its largest worker."""
    peaks = [found.get(f"{contender} {process}") for process in ("parent", "worker")]
    return " + ".join(f"{peak.median:.0f}" for peak in peaks if peak is not None and peak.values)


def memory(groups: Mapping[str, Sequence[Figure]]) -> list[str]:
    """Return the table of peaks in memory: `groups` has the peaks of each benchmark by its title."""
    contenders = [OWN, *COLUMNS]
    lines = [row(["MB", "bagkit", *COLUMNS.values()]), row(["---"] * (1 + len(contenders)))]
    for title, peaks in groups.items():
        found = by_contender(peaks)
        lines.append(row([title, *(memory_cell(contender, found) for contender in contenders)]))
    return lines


def processor() -> str:
    """Return the model of the processor where the system says it, or else its architecture."""
    try:
        known = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        known = []
    names = [line.partition(":")[2].strip() for line in known if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine() -> str:
    """Say what was measured, when and on what."""
    found = versions()
    packages = ", ".join(f"{name} {found[name]}" for name in PACKAGES if name in found)
    return (
        f"{date.today().isoformat()}, {os.cpu_count()} cores ({processor()}), "
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}; {packages}."
    )


def rewrite(
    page: Path, command: str, timed: Mapping[str, Sequence[Figure]], peaks: Mapping[str, Sequence[Figure]]
) -> None:
    """Put the tables of a run between the marks of a page; `command` is what made them."""
    before, mark, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"{page} has no {BEGIN} and {END}, between which the tables go")
    tables = ["\n".join(lines) for lines in (times(timed), cpu_times(timed), memory(peaks))]
    made = [machine(), f"Made by `{command}`.", *tables]
    page.write_text("\n\n".join([before + BEGIN, *made, END]) + after, encoding="utf-8")
