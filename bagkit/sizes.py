"""How large the records of a bag are."""

from __future__ import annotations

import pickle
from typing import Any

from bagkit.options import parse_bytes


def partitions_for(bag: Any, partition_size: int | str) -> int:
    """Return into how many partitions of about `partition_size` bytes (pickled) the records of `bag` go; computes it.

    Raises OptionError for a size that is none.
    """
    limit = parse_bytes(partition_size, "repartition: partition_size")
    sizes: list[int] = bag.map_partitions(pickled_size).compute()
    return max(1, -(-sum(sizes) // limit))


def pickled_size(records: list[Any]) -> int:
    """Return how many bytes `records` take when pickled, a thousand at a time."""
    return sum(len(pickle.dumps(records[n : n + 1000], 5)) for n in range(0, len(records), 1000))
