"""One manifest of what several programs have written, each a shard of one bag."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from typing import Any

from bagkit.errors import MismatchError, PlanError, one_line
from bagkit.flow.tallies import Reasons
from bagkit.io.input.paths import checked_options, filesystem_of, is_url, named, path_text, reading
from bagkit.io.output.manifest import (
    Below,
    Damaged,
    Manifest,
    WrittenFile,
    differences,
    from_row,
    manifest_bytes,
    read_manifest,
)
from bagkit.io.output.names import RESERVED, directory_of
from bagkit.io.output.stores import Store, failing_as, store_of, write_whole
from bagkit.light_classes import dataclass

_END = ".manifest.json"


@dataclass(frozen=True, slots=True)
class _Account:
    """The manifest of one shard."""

    path: str
    recipe: Mapping[str, Any]
    files: Sequence[WrittenFile]
    below: Below

    @property
    def shard(self) -> Mapping[str, Any]:
        return self.recipe["shard"]  # type: ignore[no-any-return]  # of JSON


def merged(manifests: Any, storage_options: Mapping[str, Any] | None) -> Manifest:
    """Write the manifest of all shards beside theirs, and return it; MismatchError where they are not one bag."""
    if isinstance(manifests, (str, os.PathLike, Manifest)):
        manifests = [manifests]
    if not isinstance(manifests, Iterable):
        raise PlanError(f"merge_manifests: got {one_line(manifests)}; expected a list of folders, paths or Manifests")
    options = checked_options(storage_options)
    paths = dict.fromkeys(path for one in manifests for path in _paths(one, options))
    accounts = [account for path in paths if (account := _read(path, store_of(path, options))) is not None]
    if not accounts:
        raise MismatchError(
            "merge_manifests: there is no manifest of a shard; got none that shard(k, of=n) has written"
        )
    accounts.sort(key=lambda account: account.shard["number"])
    _check_same(accounts)
    _check_complete(accounts)
    files = _numbered(accounts)
    _check_files(files, options)
    home = directory_of(accounts[0].path)
    if any(directory_of(account.path) != home for account in accounts):
        raise MismatchError(
            f"merge_manifests: the shards are in {named(home)} and in {named(directory_of(accounts[-1].path))}; "
            "expected one folder for all of them"
        )
    below = Below()
    for account in accounts:
        name = f"shard {account.shard['number']}: "
        below.lost |= {name + task: count for task, count in account.below.lost.items()}
        below.tallies |= {name + task: pairs for task, pairs in account.below.tallies.items()}
    return _write(home, accounts, files, below, store_of(home, options))


def _paths(one: Any, options: Mapping[str, Any]) -> list[str]:
    """Return the paths of manifest files that a folder, a path or a Manifest stands for."""
    text = one.path if isinstance(one, Manifest) else path_text(one)
    if not text:
        raise PlanError(
            f"merge_manifests: got {one_line(one)}; expected a folder, the path of a manifest, or a Manifest"
        )
    text = text if is_url(text) else os.path.abspath(os.path.expanduser(text))
    if text.endswith(_END):
        return [text]
    if is_url(text):
        with reading(text, "can't be read"):
            filesystem, inner = filesystem_of(text.rstrip("/") + "/", options)
            names = [str(name).rpartition("/")[2] for name in filesystem.ls(inner.rstrip("/"), detail=False)]
    else:
        names = os.listdir(text) if os.path.isdir(text) else []
    found = [
        f"{text.rstrip('/')}/{name}" for name in sorted(names) if name.startswith(RESERVED) and name.endswith(_END)
    ]
    if not found:
        raise MismatchError(
            f"merge_manifests: {named(text)}: there is no manifest in it; expected a folder that was written to"
        )
    return found


def _read(path: str, store: Store) -> _Account | None:
    """Return what a manifest says; None for one of no shard."""
    with reading(path, "can't be read"):
        data = store.read(path)
    if data is None:
        raise MismatchError(f"merge_manifests: {named(path)}: there is no such manifest; has its program ended?")
    try:
        recipe, rows, below = read_manifest(data)
    except Damaged as error:
        raise MismatchError(
            f"merge_manifests: {named(path)} is damaged: {error}; hint: write this shard again"
        ) from error
    if "shard" not in recipe:
        return None
    return _Account(path, recipe, [from_row(row, directory_of(path)) for row in rows], below)


def _check_same(accounts: Sequence[_Account]) -> None:
    first = accounts[0]
    for other in accounts[1:]:
        same = all(first.shard[name] == other.shard[name] for name in ("of", "total", "whole"))
        if same and all(first.recipe[name] == other.recipe[name] for name in ("options", "versions")):
            continue
        words = differences({**first.recipe, "inputs": {}}, {**other.recipe, "inputs": {}})[:1]
        raise MismatchError(
            f"merge_manifests: the shards {_name(first)} and {_name(other)} are not of one bag: "
            f"{words[0] if words and 'partitions' not in words[0] else 'their operations or inputs differ'}; "
            "hint: write both again, from the same inputs, or give a list of the manifests that belong together"
        )


def _check_complete(accounts: Sequence[_Account]) -> None:
    for one, other in pairwise(accounts):
        if one.shard["number"] == other.shard["number"]:
            raise MismatchError(
                f"merge_manifests: the shard {_name(one)} is there twice, as {named(one.path)} and {named(other.path)}"
            )
    of, total = accounts[0].shard["of"], accounts[0].shard["total"]
    there = {account.shard["number"] for account in accounts}
    missing = [str(number) for number in range(of) if number not in there]
    numbers = [account.shard["numbers"] for account in accounts]
    if None not in numbers and sum(map(len, numbers)) == total:
        return  # a shard without partitions writes nothing
    if missing:
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise MismatchError(
            f"merge_manifests: {len(missing)} of {of} shards are missing: {', '.join(missing[:10])}{more}; "
            "hint: run these again, exist='resume' goes on where one has stopped"
        )


def _name(account: _Account) -> str:
    return f"{account.shard['number']} of {account.shard['of']}"


def _numbered(accounts: Sequence[_Account]) -> list[WrittenFile]:
    """Return all files in the order of the whole bag, with its numbers."""
    known = all(account.shard["numbers"] is not None for account in accounts)
    files: list[WrittenFile] = []
    for account in accounts:
        for file in account.files:
            number = account.shard["numbers"][file.partition] if known else len(files)
            files.append(replace(file, partition=number))
    return sorted(files, key=attrgetter("partition"))


def _check_files(files: Sequence[WrittenFile], options: Mapping[str, Any]) -> None:
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            raise MismatchError(f"merge_manifests: {named(file.path)} is a file of two shards")
        seen.add(file.path)
        state = store_of(file.path, options).state(file.path)
        if state is None or state.nbytes != file.nbytes:
            found = "it is not there" if state is None else f"it has {state.nbytes} bytes, and had {file.nbytes}"
            raise MismatchError(
                f"merge_manifests: {named(file.path)} is not as its shard has written it: {found}; "
                "hint: run the shard again, with exist='resume'"
            )


def _write(
    home: str, accounts: Sequence[_Account], files: Sequence[WrittenFile], below: Below, store: Store
) -> Manifest:
    recipe = {**accounts[0].recipe, "inputs": {}, "paths": len(files)}
    for account in accounts:
        recipe["inputs"].update(account.recipe["inputs"])
    recipe["shard"] = {**accounts[0].shard, "number": None, "numbers": None}
    path = f"{home}/{RESERVED}{accounts[0].shard['whole'][:12]}.merged.json"
    with failing_as(path, Exception):
        write_whole(store, path, manifest_bytes(recipe, files, home, below), f"{path}.{secrets.token_hex(8)}")
    reasons = Reasons()
    for pairs in [*[file.tallies for file in files], *below.tallies.values()]:
        reasons.add(pairs)
    return Manifest(tuple(files), path, tallies=reasons.most_first())
