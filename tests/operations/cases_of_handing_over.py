"""Records that other libraries got, beside the same records as plain lists."""

from __future__ import annotations

import json

from tests.operations import handed_over
from tests.operations.case import Case

HANDING_OVER = [
    Case("to_dataframe", "dicts", lambda b: b.to_dataframe().to_dict("records"), list),
    Case("to_dataframe(columns)", "pairs", lambda b: b.to_dataframe(columns=["k", "v"]).to_dict("list"),
         lambda xs: {"k": [k for k, _ in xs], "v": [v for _, v in xs]}),
    Case("to_arrow", "dicts", lambda b: b.to_arrow().to_pylist(), list),
    Case("to_arrow(json)", "equal", lambda b: b.to_arrow(["x"], on_conflict="json")["x"].to_pylist(),
         lambda xs: list(map(json.dumps, xs)), of_all=True),
    Case("to_polars", "dicts", lambda b: b.to_polars().to_dicts(), list),
    Case("to_parquet", "dicts", handed_over.parquet, list),
    Case("to_sqlite", "pairs", lambda b: handed_over.sqlite(b, ["k", "v"]), list),
    Case("to_avro", "pairs", lambda b: handed_over.avro(b),
         lambda parts: [[{"k": k, "v": v} for k, v in part] for part in parts], sees_partitions=True),
]  # fmt: skip
"""Rows for `cases.CASES`."""
