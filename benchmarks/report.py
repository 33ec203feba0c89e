"""The table that is read, the JSON that is kept, and whether all contenders gave the same answer."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import Figure
from benchmarks.targets import OWN, judge

PACKAGES = ("bagkit", "dask", "polars", "duckdb", "pyspark", "msgspec", "isal", "orjson")


def own_figure(figures: Sequence[Figure]) -> Figure | None:
    """Return bagkit's figure among those of one benchmark."""
    return next((figure for figure in figures if figure.contender == OWN), None)


def answers_agree(figures: Sequence[Figure]) -> bool:
    """Whether all contenders of one benchmark that came to an answer came to the same one."""
    answers = [figure.answer for figure in figures if figure.values]
    return all(answer == answers[0] for answer in answers)


def table(title: str, figures: Sequence[Figure]) -> str:
    """Lay out the figures of one benchmark, one contender a line."""
    own = own_figure(figures)
    lines = ["", title, f"  {'':18} {'median':>10} {'best':>10} {'unit':8} {'bagkit is':>10} {'CPU s':>8}  target"]
    for figure in figures:
        if figure.error:
            lines.append(f"  {figure.contender:18} failed: {figure.error}")
            continue
        verdict = judge(figure, own)
        ratio = "" if verdict.ratio is None else f"{verdict.ratio:.2f}x"
        met = {None: "", True: "met", False: "MISSED"}[verdict.met]
        cpu = "" if figure.median_cpu is None else f"{figure.median_cpu:.3g}"
        values = f"{figure.median:10.4g} {min(figure.values):10.4g} {figure.unit:8} {ratio:>10} {cpu:>8}"
        lines.append(f"  {figure.contender:18} {values}  {verdict.target} {met}".rstrip())
    if not answers_agree(figures):
        lines.append("  THE ANSWERS DIFFER:")
        lines += [f"    {figure.contender}: {figure.answer}" for figure in figures]
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """Return what was measured, and on what."""
    found = {"python": platform.python_version(), "system": platform.platform(), "cpus": str(os.cpu_count())}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def write_json(path: Path, groups: Sequence[Sequence[Figure]]) -> None:
    """Write all figures, each with its median and how it stands to its target."""
    rows: list[str] = []
    for figures in groups:
        own = own_figure(figures)
        for figure in figures:
            median = figure.median if figure.values else None
            row = {**asdict(figure), "median": median, **asdict(judge(figure, own))}
            rows.append(json.dumps(row, ensure_ascii=False))
    lines = ",\n  ".join(rows)
    path.write_text(f'{{\n "versions": {json.dumps(versions())},\n "figures": [\n  {lines}\n ]\n}}\n', encoding="utf-8")
