"""Names outputs after their inputs, for `exist="update"`: `logs/monday.json.gz` becomes `out/monday.jsonl`.

A name has to stay when other inputs come and go, which a number does not. So it is made of the input's own name. Where
two inputs would have one name, the account of the last run says who has it, and the other gets a digest of its path.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from bagkit.errors import PlanError
from bagkit.io.input.made_of import InputPart, MadeOf
from bagkit.io.input.paths import base_name, digest_of
from bagkit.io.output.manifest import Damaged, read_account
from bagkit.io.output.names import Targets, folded, plan_targets
from bagkit.io.output.stores import Store, store_of
from bagkit.light_classes import NamedTuple

_SUFFIXES: Final = re.compile(
    r"(\.(jsonl?|ndjson|te?xt|csv|tsv|log|avro|parquet|part))?(\.(gz|gzip|bgz|bz2|xz|zst|zip|lz4|sz|snappy))?$", re.I
)
_ODD: Final = re.compile(r"""[^\w.,+@=~ -]|^\.+""")
_LONGEST: Final = 120
"""Characters of a name that are kept, of those whose bytes leave room for what stands before and behind it."""
_LONGEST_BYTES: Final = 180


class _Slot(NamedTuple):
    """What has a name for as long as it is there: the n-th of some partitions that begin with the same file."""

    path: str
    number: int
    among: int


def planned_targets(
    operation: str, path: object, made_of: Sequence[MadeOf], suffix: str, storage_options: Mapping[str, Any]
) -> Targets:
    """Return the paths of outputs, each named after the first file that it is made of."""
    if not isinstance(path, (str, os.PathLike)):
        raise PlanError(
            f"{operation}: exist='update' names files after their inputs, and got a list of paths; "
            "hint: give a directory, or a pattern such as 'out/*.jsonl'"
        )
    place = plan_targets(operation, path, 1, None, suffix)
    names = _names_after([part.inputs for part in made_of], _names_there(place, store_of(place.home, storage_options)))
    return plan_targets(operation, path, len(names), names.__getitem__, suffix, sorts=False)


def _names_there(place: Targets, store: Store) -> dict[_Slot, str]:
    """Return which names an earlier run has given; none where there is no account that can be read."""
    try:
        account = read_account(store, place)
    except (Damaged, OSError):
        return {}  # the run will say so
    if account is None or "operations" not in account.recipe:
        return {}  # or they are numbers
    before, _, after = place.template.partition("*")
    ours = place.could_be(file.path for file in account.files)
    found = sorted((file for file in account.files if file.path in ours), key=attrgetter("partition"))
    slots = zip(found, _slots([file.inputs for file in found]), strict=True)
    return {slot: file.path[len(before) : len(file.path) - len(after)] for file, slot in slots if file.inputs}


def _slots(inputs: Sequence[Sequence[InputPart]]) -> list[_Slot]:
    firsts = [parts[0].path if parts else "" for parts in inputs]
    counts, seen = Counter(firsts), Counter[str]()
    slots = []
    for first in firsts:
        slots.append(_Slot(first, seen[first], counts[first]))
        seen[first] += 1
    return slots


def _names_after(inputs: Sequence[Sequence[InputPart]], there: dict[_Slot, str]) -> list[str]:
    """Return a name for each partition, made of `inputs`: the one that is `there`, or another that nobody has."""
    slots = _slots(inputs)
    given = {slot: there[slot] for slot in slots if slot in there}
    taken = {folded(name) for name in given.values()}
    for slot in slots:
        if slot not in given:
            given[slot] = next(name for name in _candidates(slot) if folded(name) not in taken)
            taken.add(folded(given[slot]))
    return [given[slot] for slot in slots]


def _candidates(slot: _Slot) -> Iterable[str]:
    number = str(slot.number).zfill(len(str(slot.among - 1)))
    if not slot.path:
        yield number
    name = _SUFFIXES.sub("", base_name(slot.path), count=1)
    plain = _ODD.sub("_", name)
    cut = plain[:_LONGEST].encode()[:_LONGEST_BYTES].decode(errors="ignore")
    part = f"-{number}" if slot.among > 1 else ""
    if plain and plain == cut:
        yield cut + part
    digest = digest_of(slot.path, 8)
    yield f"{cut or 'input'}-{digest[:6]}{part}"
    yield f"{cut or 'input'}-{digest}{part}"
