"""What earlier runs have left: caches, and the outputs of several programs."""

from __future__ import annotations

import os

from bagkit.front_doors import front_door


@front_door
def cache_clear(folder: str | os.PathLike[str]) -> int:
    """Remove all that `bag.cache(folder)` has kept in a folder, and nothing else.

    Args:
        folder: A local path.

    Returns:
        How many partitions were kept there.

    Raises:
        PlanError: `folder` is no local path.

    >>> import bagkit as bk, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> total = bk.range(10, npartitions=2).cache(folder).sum().compute(scheduler="sync")
    >>> bk.cache_clear(folder)
    2
    """
    from bagkit.io.output.cache import clear

    return clear(folder)
