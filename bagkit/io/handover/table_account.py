"""What `to_parquet(exist="update")` has written: which input made which file, and the types of columns in each.

    .bagkit-<key>.table.json    beside the files; written last, with a checksum

All files have one schema, which follows from the types that were seen in each partition. These are kept, so the schema
of what is there and what is new is known without reading what is there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from bagkit.io.handover.column_types import ListOf, Seen, StructOf, Type
from bagkit.io.input.made_of import InputPart
from bagkit.io.input.paths import digest_of
from bagkit.io.output.manifest import checksum_of
from bagkit.io.output.names import RESERVED
from bagkit.json.standard import standard_dumps, standard_loads
from bagkit.light_classes import dataclass


@dataclass(frozen=True, slots=True)
class TableFile:
    """One file."""

    name: str
    """What stands for the `*`."""
    identity: str
    inputs: tuple[InputPart, ...]
    nbytes: int
    mtime_ns: int
    types: Seen

    def is_whole(self, place: str) -> bool:
        """Return whether it is there as it was written."""
        try:
            known = os.stat(place.replace("*", self.name))
        except OSError:
            return False
        return (known.st_size, known.st_mtime_ns) == (self.nbytes, self.mtime_ns)


@dataclass(frozen=True, slots=True)
class Account:
    """All files, and what they were made by."""

    recipe: Mapping[str, Any]
    files: Sequence[TableFile]


def account_path(place: str) -> str:
    """Return where the account of files at `place`, which has a `*`, is."""
    return f"{os.path.dirname(place)}/{RESERVED}{digest_of(place, 6)}.table.json"


def read_account(place: str) -> Account | None:
    """Return what the last run has said; None if there is nothing, or it is damaged."""
    try:
        with open(account_path(place), "rb") as file:
            content = standard_loads(file.read())
        checksum = content.pop("checksum")
        if checksum != checksum_of(content):
            return None
        files = [
            TableFile(
                row["name"], row["identity"], tuple([InputPart(*part) for part in row["inputs"]]), row["nbytes"],
                row["mtime_ns"], {name: [_type(kind) for kind in kinds] for name, kinds in row["types"]},
            )
            for row in content["files"]
        ]  # fmt: skip
        return Account(content["recipe"], files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def account_bytes(account: Account) -> bytes:
    """Return the account as a file has it."""
    rows = [
        {
            "name": file.name,
            "identity": file.identity,
            "inputs": [[p.path, p.size, p.mtime_ns, p.etag, p.start, p.stop] for p in file.inputs],
            "nbytes": file.nbytes,
            "mtime_ns": file.mtime_ns,
            "types": [[name, [_plain(kind) for kind in kinds]] for name, kinds in file.types.items()],
        }
        for file in account.files
    ]
    content = {"recipe": account.recipe, "files": rows}
    return standard_dumps({"checksum": checksum_of(content), **content}, indent=1).encode()


def _plain(kind: Type) -> Any:
    match kind:
        case ListOf():
            return {"list": _plain(kind.item)}
        case StructOf():
            return {"struct": [[name, _plain(inner)] for name, inner in kind.fields]}
    return kind


def _type(plain: Any) -> Type:
    if isinstance(plain, str):
        return plain
    if "list" in plain:
        return ListOf(_type(plain["list"]))
    return StructOf(tuple([(name, _type(inner)) for name, inner in plain["struct"]]))
