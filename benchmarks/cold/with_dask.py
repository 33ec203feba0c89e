"""The main job with dask.bag: `python with_dask.py WORKERS FILES...`."""

import json
import sys

import dask.bag as db

if __name__ == "__main__":
    lines = db.read_text(sys.argv[2:])  # type: ignore[no-untyped-call, unused-ignore]
    names = lines.map(json.loads).pluck("name")
    print(json.dumps(names.frequencies().topk(10, key=1).compute(num_workers=int(sys.argv[1]))))
