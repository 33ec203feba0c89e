"""The main job with DuckDB: `python with_duckdb.py THREADS FILES...`."""

import json
import sys

import duckdb  # type: ignore[import-not-found, unused-ignore]

QUESTION = "SELECT name, count(*) AS n FROM read_ndjson(?) GROUP BY name ORDER BY n DESC LIMIT 10"

connection = duckdb.connect(config={"threads": int(sys.argv[1])})
print(json.dumps(connection.execute(QUESTION, [sys.argv[2:]]).fetchall()))
