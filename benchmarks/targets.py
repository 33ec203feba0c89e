"""What bagkit means to reach, in one place."""

from dataclasses import dataclass

from benchmarks.measure import Figure

OWN = "bagkit"

# How many times as long as bagkit each contender takes, at the least.
MAIN = {"dask": 8.0, "pool": 4.0, "polars": 1.0, "polars-name": 1.0, "fastest": 1 / 1.4}
COLD = {"dask": 1 / 0.6, "polars": 1.0}
RATIOS: dict[str, dict[str, float]] = {
    "main-small": MAIN,
    "main-large": MAIN,
    "cold-few": COLD,
    "cold-small": COLD,
    "whole-count": {"dask": 3.0},
    "whole-reduce": {"dask": 3.0},
    "records-back": {"dask": 10.0},
    "groupby": {"dask": 6.0, "pyspark": 1.0},
    "groupby-disk": {"dask": 6.0, "pyspark": 1.0},
    "foldby": {"dask": 8.0},
    "distinct": {"dask": 8.0},
    "distinct-range": {"dask": 8.0},
    "mean": {"dask": 8.0},
    "write-text": {"dask": 3.0},
    "write-json": {"dask": 3.0},
    "write-dumps": {"dask": 5.0},
    "delayed-build": {"dask": 10.0},
    "delayed-run": {"dask": 10.0},
    "delayed-many": {"in-tenths": 1 / 1.5},
    "delayed-processes": {"dask": 2.0},
    "sample-letters": {"in-sequence": 1.8},
    "sample-tree": {"in-sequence": 1.8},
}

# What bagkit's own figure is at the most, in the unit of the figure.
WITHIN = ("groupby", "sort", "distinct", "distinct-keys", "frequencies", "foldby")
LIMITS: dict[tuple[str, str], float] = {
    **{(f"memory-{name}", f"bagkit {process}"): 1.3 for name in WITHIN for process in ("parent", "worker")},
    ("memory-delayed", "bagkit"): 1500.0,
    ("import", "bagkit"): 60.0,
    ("memory-plain-main-small", "bagkit worker"): 150.0,
    ("memory-plain-whole-count", "bagkit worker"): 150.0,
    ("memory-gz-main-small", "bagkit worker"): 150.0,
    ("memory-gz-whole-count", "bagkit worker"): 150.0,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a figure stands to bagkit's (`ratio`, above 1 where bagkit is better) and to its target, if it has one."""

    ratio: float | None = None
    target: str = ""
    met: bool | None = None


def judge(figure: Figure, own: Figure | None) -> Verdict:
    """Compare a figure with bagkit's own figure of the same benchmark and with what was aimed at."""
    if not figure.values:
        return Verdict()
    limit = LIMITS.get((figure.benchmark, figure.contender))
    if limit is not None:
        return Verdict(target=f"<= {limit:g} {figure.unit}", met=figure.median <= limit)
    wanted = RATIOS.get(figure.benchmark, {}).get(figure.contender)
    target = "" if wanted is None else f">= {wanted:.2f}x"
    if own is None or own is figure or not own.values or own.median <= 0:
        return Verdict(target=target)
    ratio = figure.median / own.median
    return Verdict(ratio, target, None if wanted is None else ratio >= wanted)
