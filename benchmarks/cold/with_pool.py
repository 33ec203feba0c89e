"""The main job with a multiprocessing.Pool and json.loads: `python with_pool.py WORKERS FILES...`."""

import gzip
import json
import sys
from collections import Counter
from multiprocessing import Pool


def count_names(path: str) -> Counter[str]:
    """Count the names of one file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return Counter(json.loads(line)["name"] for line in lines)


if __name__ == "__main__":
    total: Counter[str] = Counter()
    with Pool(int(sys.argv[1])) as pool:
        try:
            for counts in pool.imap_unordered(count_names, sys.argv[2:]):
                total.update(counts)
        finally:  # a failure ends the `with` while workers still work, and then ending the pool hangs now and then
            pool.close()
            pool.join()
    print(json.dumps(total.most_common(10)))
