"""Sources of records that keep each field by itself: what nobody reads is not read."""

from __future__ import annotations

from bagkit.plan.kinds import Field, Source


class ColumnSource(Source):
    """A Source that reads only the fields that are asked of it."""

    def narrowed(self, fields: frozenset[Field]) -> Source:
        """Return a source whose records need only have `fields`."""
        raise NotImplementedError  # each format has its own
