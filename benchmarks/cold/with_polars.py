"""The main job with Polars: `python with_polars.py THREADS FILES...` (POLARS_MAX_THREADS sets the threads)."""

import json
import sys

import polars as pl  # type: ignore[import-not-found, unused-ignore]

counts = pl.scan_ndjson(sys.argv[2:], schema={"name": pl.String}).group_by("name").len()
print(json.dumps(counts.sort("len", descending=True).head(10).collect().rows()))
