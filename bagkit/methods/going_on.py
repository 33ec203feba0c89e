"""Methods that go on where earlier runs stopped, or do a part of the work for several programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bagkit.methods.making import Making, T_co

if TYPE_CHECKING:
    from bagkit.bag import Bag


class GoingOn(Making[T_co]):
    """Methods that go on where earlier runs stopped."""

    __slots__ = ()

    def cache(self, folder: str | os.PathLike[str], limit: int | str | None = None) -> Bag[T_co]:
        """Keep the records in a folder: the first run that needs them writes them, later ones read them.

        A run reads a partition if an earlier run has kept it, with the same operations and inputs (path, size and time
        of change; for records in memory their content) and the same versions of bagkit and Python. So the folder can be
        used in other sessions, and for other bags. Entries that are damaged or not whole are made again. Records are
        pickled: use a folder that only you can write in.

        Args:
            folder: A local path; the folder is made if need be.
            limit: How much all entries in the folder may take, in bytes or as text such as "2 GB"; what was not used
                for the longest time goes first. None: any amount.

        Returns:
            A bag of the same records. `explain` shows whether they will be read ("read cache") or made ("keep in
            cache"). A run with an `on_error` other than "raise" reads what is kept, and keeps nothing: records that
            fail would be missing later. A run with `split_errors` behind the cache neither reads nor keeps.

        Raises:
            PlanError: `folder` is no local folder, or `limit` no size.
            NotPicklableError: When it is computed: a record can't be pickled, or its class is of the program itself.
            OutputError: When it is computed: the folder can't be written to.

        >>> import bagkit as bk, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> def slow(x):
        ...     print("computing", x)
        ...     return x * x
        >>> squares = bk.range(2, npartitions=1).map(slow).cache(folder)
        >>> squares.compute(scheduler="sync")
        computing 0
        computing 1
        [0, 1]
        >>> squares.sum().compute(scheduler="sync")
        1
        >>> bk.cache_clear(folder)
        1
        """
        from bagkit.io.output.cache import plan_cache

        return self._then(plan_cache(folder, limit))

    def shard(self, k: int, *, of: int) -> Bag[T_co]:
        """Return one of `of` parts of the bag, for programs that share the work, such as the jobs of an array.

        Each partition is in one of the parts, and together they are the bag. The bytes of their inputs decide which, so
        that parts are about equally large; the same inputs give the same parts each time. The parts can write into one
        folder: the names of their files do not collide.

        Args:
            k: Which part, from 0 to `of - 1`.
            of: How many parts there are.

        Returns:
            A bag of some of the partitions, in their order. Use it right behind the reading: behind `groupby`, each
            part would do all of the work.

        Raises:
            PlanError: `k` or `of` is out of range, or the bag is a shard already.

        >>> import bagkit as bk
        >>> numbers = bk.range(6, npartitions=3)
        >>> [numbers.shard(k, of=2).compute(scheduler="sync") for k in range(2)]
        [[0, 1, 4, 5], [2, 3]]
        """
        from bagkit.io.input.sharding import plan_shard

        return self._then(plan_shard(self.plan, k, of))
