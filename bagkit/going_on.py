"""What earlier runs have left: caches, and the outputs of several programs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bagkit.front_doors import front_door

if TYPE_CHECKING:
    from bagkit.io.output.manifest import Manifest


@front_door
def cache_clear(folder: str | os.PathLike[str]) -> int:
    """Remove all that `bag.cache(folder)` has kept in a folder, and nothing else.

    Args:
        folder: A local path.

    Returns:
        How many partitions were kept there.

    Raises:
        PlanError: `folder` is no local path.
        OutputError: Something in it can't be removed.

    >>> import bagkit as bk, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> total = bk.range(10, npartitions=2).cache(folder).sum().compute(scheduler="sync")
    >>> bk.cache_clear(folder)
    2
    """
    from bagkit.io.output.cache import clear

    return clear(folder)


@front_door
def merge_manifests(
    manifests: str | os.PathLike[str] | Manifest | Iterable[str | os.PathLike[str] | Manifest],
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> Manifest:
    """Make one manifest for all shards of a bag that have written into one folder, and check that none is missing.

    Args:
        manifests: The folder; or a list of folders, of paths of manifests, or of Manifests.
        storage_options: What fsspec needs for URLs. Not for local files.

    Returns:
        The Manifest of all files, in the order of the whole bag. It is written beside the manifests of the shards.

    Raises:
        MismatchError: A shard is missing or there twice, shards have different operations or inputs, or a file is not
            as its shard has written it.
        PlanError: `manifests` is neither.

    >>> import bagkit as bk, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for k in range(2):
    ...     written = bk.range(6, npartitions=3).shard(k, of=2).to_jsonl(folder, scheduler="sync")
    >>> manifest = bk.merge_manifests(folder)
    >>> manifest, bk.read_json(manifest.paths).compute(scheduler="sync")
    (Manifest(3 files, 6 records, 12 bytes), [0, 1, 2, 3, 4, 5])
    """
    from bagkit.io.output.merging import merged

    return merged(manifests, storage_options)
