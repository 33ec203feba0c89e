"""What bagkit means to reach, in one place."""

from dataclasses import dataclass

from benchmarks.measure import Figure

OWN = "bagkit"

# How many times as long as bagkit each contender takes, at the least.
COLD = {"dask": 4.0, "pool": 2.5, "polars": 1.0, "duckdb": 1.5}
RATIOS: dict[str, dict[str, float]] = {
    "main-small": {"dask": 9.0, "pool": 5.0, "polars": 1.3, "duckdb": 2.5, "fastest": 0.85},
    "main-large": {"dask": 6.0, "pool": 4.0, "polars": 1.5, "duckdb": 7.0, "fastest": 1.0},
    "main-one": {"dask": 12.0, "polars": 1.3, "duckdb": 2.2},
    "cold-few": COLD,
    "cold-small": COLD,
    "cities": {"dask": 8.0, "pool": 5.0, "polars": 1.5, "duckdb": 2.2},
    "slow-files": {"dask": 1.5, "pool": 1.0},
    "slow-one": {"dask": 2.8},
    "whole-count": {"dask": 3.0},
    "whole-reduce": {"dask": 3.0},
    "records-back": {"dask": 20.0, "pool": 4.0},
    "groupby": {"dask": 9.0, "pyspark": 1.0},
    "groupby-disk": {"dask": 6.0, "pyspark": 1.0},
    "join": {"dask": 6.0},
    "foldby": {"dask": 9.0, "polars": 1.6},
    "distinct": {"dask": 8.0},
    "distinct-numbers": {"dask": 10.0, "polars": 1.0},
    "distinct-range": {"dask": 8.0},
    "mean": {"dask": 11.0, "polars": 1.7},
    "write-text": {"dask": 3.0},
    "write-json": {"dask": 9.0, "polars": 1.0},
    "write-dumps": {"dask": 5.0},
    "delayed-build": {"dask": 10.0},
    "delayed-run": {"dask": 10.0},
    "delayed-many": {"in-tenths": 1 / 1.5},
    "delayed-processes": {"dask": 2.0},
    "submit": {"dask": 10.0},
    "round-trips": {"dask": 5.0},
    "sample-letters": {"in-sequence": 1.8},
    "sample-tree": {"in-sequence": 1.8},
}

# What bagkit's own figure is at the most, in the unit of the figure.
WITHIN = ("groupby", "sort", "distinct", "distinct-keys", "frequencies", "foldby")
LIMITS: dict[tuple[str, str], float] = {
    **{(f"memory-{name}", f"bagkit {process}"): 1.3 for name in WITHIN for process in ("parent", "worker")},
    ("memory-delayed", "bagkit"): 1500.0,
    ("submit", "bagkit"): 100.0,
    ("round-trips", "bagkit"): 1000.0,
    ("import", "bagkit"): 30.0,
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
