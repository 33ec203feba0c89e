"""DataProfile: what is known of the records of a bag, path by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal

from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.profiling.kinds import Steps, path_text, steps_of
from bagkit.profiling.parts import Findings, PathProfile

if TYPE_CHECKING:
    from bagkit.profiling.diff import Drift


@dataclass(frozen=True, slots=True, repr=False)
class DataProfile(Findings, Mapping[str, PathProfile]):
    """What the records of a bag are like, path by path: `Bag.profile()` makes it.

    It is a mapping of paths: `profile["user.address.city"]`, `profile["tags[]"]`, `"$"` for the records themselves;
    `in`, `len` and loops work as with a dict. `print(profile)` shows a table, a notebook a tree with bars.

    Attributes:
        records: How many records there are.
        paths: What is known of each path, in the order of the tree.
        duplicates: Records that equal an earlier one.
        duplicate_keys: The same for each key that `profile(keys=...)` asked for, by the key's text.
        bad_lines: Lines that are not JSON.

    >>> import bagkit as bk
    >>> p = bk.from_sequence([{"id": 1, "tags": ["a"]}, {"id": "x"}], npartitions=1).profile(scheduler="sync")
    >>> p.records, list(p), p["id"].types
    (2, ['$', 'id', 'tags', 'tags[]'], {'int': 1, 'str': 1})
    """

    def __getitem__(self, path: str | Steps) -> PathProfile:
        """Return what is known of a path.

        Args:
            path: The path as text, or its steps as a tuple.

        Returns:
            What is known of its values.

        Raises:
            KeyError: No record has the path.

        >>> import bagkit as bk
        >>> bk.from_sequence([{"a.b": 1}], npartitions=1).profile(scheduler="sync")['["a.b"]'].count
        1
        """
        text = path_text(path) if isinstance(path, tuple) else path
        found = self.paths.get(text)
        if found is None:
            try:
                found = self.paths.get(path_text(steps_of(text)))
            except (ValueError, TypeError):
                found = None
        if found is None:
            close = get_close_matches(str(text), self.paths, 3)
            hint = f"; hint: there is {', '.join(map(repr, close))}" if close else ""
            raise KeyError(f"no record has the path {text!r}{hint}")
        return found

    def __iter__(self) -> Iterator[str]:
        """Yield the paths as text, in the order of the tree.

        Returns:
            An iterator.

        >>> import bagkit as bk
        >>> list(bk.from_sequence([{"a": {"b": 1}}], npartitions=1).profile(scheduler="sync"))
        ['$', 'a', 'a.b']
        """
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def to_dict(self) -> dict[str, Any]:
        """Turn it into plain dicts, lists, texts and numbers, which `json.dumps` writes.

        Returns:
            A dict with `records`, `paths`, `duplicates`, `duplicate_keys` and `bad_lines`.

        >>> import bagkit as bk
        >>> bk.from_sequence([{"a": 1}], npartitions=1).profile(scheduler="sync").to_dict()["paths"]["a"]["types"]
        {'int': 1}
        """
        found: dict[str, Any] = _plain(asdict(self))
        return found

    @front_door
    def diff(self, other: DataProfile, tolerance: float = 0.05) -> Drift:
        """Compare with the profile of another delivery.

        Args:
            other: The later profile.
            tolerance: By how much a share may change before the Drift tells: from 0 to 1. Default: 0.05, five percent
                of the records.

        Returns:
            A Drift: paths that came and went, whose types changed, or whose shares did.

        Raises:
            PlanError: `other` is not a DataProfile, or `tolerance` has a value that is not allowed.

        >>> import bagkit as bk
        >>> old = bk.from_sequence([{"id": 1, "x": 1}], npartitions=1).profile(scheduler="sync")
        >>> new = bk.from_sequence([{"id": "1", "y": 1}], npartitions=1).profile(scheduler="sync")
        >>> drift = old.diff(new)
        >>> drift.came, drift.went, [change.what for change in drift.types]
        (['y'], ['x'], ['type int', 'type str'])
        """
        from bagkit.profiling.diff import drift

        if not isinstance(other, DataProfile):
            raise PlanError(f"diff: got {type(other).__name__}; expected the DataProfile of another bag")
        if not isinstance(tolerance, (int, float)) or not 0 <= tolerance <= 1:
            raise PlanError(f"diff: tolerance is {tolerance!r}; expected a number from 0 to 1")
        return drift(self, other, tolerance)

    def schema(self) -> dict[str, Any]:
        """Make a JSON Schema that all records fit.

        Returns:
            A dict, in the dialect of 2020-12: which types each path has, which keys are always there, and the format
            of texts that are all dates, times with zones (as RFC 3339 has them) or UUIDs.

        >>> import bagkit as bk
        >>> p = bk.from_sequence([{"a": 1}, {"a": 2, "b": None}], npartitions=1).profile(scheduler="sync")
        >>> p.schema()["required"], p.schema()["properties"]["b"]
        (['a'], {'type': 'null'})
        """
        from bagkit.profiling.schema import schema

        return schema(self)

    def struct(self, name: str = "Record", style: Literal["msgspec", "TypedDict"] = "msgspec") -> str:
        """Write Python source of a type that all records fit.

        Args:
            name: What the type of the records is called. Default: "Record".
            style: "msgspec": Structs, which `msgspec.json.decode(line, type=Record)` makes of lines. "TypedDict": types
                of the dicts that `read_json` gives.

        Returns:
            The source: imports, a class for each nested dict, and last the one of the records.

        Raises:
            PlanError: `name` is no name of a class, or `style` is another.

        >>> import bagkit as bk
        >>> p = bk.from_sequence([{"id": 1}, {"id": 2, "name": "Ada"}], npartitions=1).profile(scheduler="sync")
        >>> print(p.struct())
        from __future__ import annotations
        <BLANKLINE>
        from msgspec import UNSET, Struct, UnsetType
        <BLANKLINE>
        <BLANKLINE>
        class Record(Struct):
            id: int
            name: str | UnsetType = UNSET
        <BLANKLINE>
        """
        from bagkit.profiling.structs import struct

        return struct(self, name, style)

    def __repr__(self) -> str:
        from bagkit.profiling.table import table, terminal_width

        return table(self, terminal_width())

    def _repr_html_(self) -> str:
        from bagkit.profiling.html import page

        return page(self)


_MOST_BITS: Final = 14_000
"""Of an int that Python writes as decimal digits; of a larger one `to_dict` has the nearest power of two, as text."""


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(_plain, value))
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"{'-' * (value < 0)}2 ** {value.bit_length() - 1}"
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, float):
        return float(value)
    return int(value) if isinstance(value, int) else str(value)
