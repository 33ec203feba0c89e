"""The main job with bagkit: `python with_bagkit.py WORKERS FILES...`; it takes the CPUs that it may have."""

import json
import sys

import bagkit as bk

names = bk.read_text(sys.argv[2:]).map(json.loads).pluck("name")
print(json.dumps(names.frequencies().topk(10, key=1).compute()))
