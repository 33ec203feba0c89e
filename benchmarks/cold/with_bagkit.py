"""The main job with bagkit: `python with_bagkit.py WORKERS FILES...`."""

import json
import sys

import bagkit as bk

names = bk.read_text(sys.argv[2:]).map(json.loads).pluck("name")
print(json.dumps(names.frequencies().topk(10, key=1).compute(workers=int(sys.argv[1]))))
