"""How large the records of a bag are."""

from __future__ import annotations

from math import ceil
from typing import Any

from bagkit.exchange.spill import deep_size
from bagkit.option_values import parse_bytes

_SLACK = 0.1
"""What a bag may have too much for its partitions before there is one more, as a share of a partition."""


def partitions_for(bag: Any, partition_size: int | str) -> int:
    """Return into how many partitions of about `partition_size` bytes of memory the records go; computes the bag.

    Raises OptionError for a size that is none.
    """
    limit = parse_bytes(partition_size, "repartition: partition_size")
    sizes: list[int] = bag.map_partitions(size_in_memory).compute()
    return max(1, ceil(sum(sizes) / limit - _SLACK))


def size_in_memory(records: list[Any]) -> int:
    """Return about how many bytes of memory `records` take."""
    return sum(map(deep_size, records))
