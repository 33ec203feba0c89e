"""A table in several files, one for each partition: they have one schema, and while they are written an account.

With `exist="update"` only files whose inputs have changed are written again. The schema follows from the types that
were seen in each partition. The account stays then, and has these too, so the schema of what is there and what is new
is known without reading what is there.
"""

from __future__ import annotations

import glob
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bagkit.computing import collects
from bagkit.errors import ColumnTypeError, PlanError
from bagkit.io.handover import gathered
from bagkit.io.handover.column_types import Seen, add_types, as_plain, from_plain
from bagkit.io.handover.converted import Column, columns_for
from bagkit.io.handover.parquet import listed, marked, refuse_others
from bagkit.io.input.made_of import operations, parts_made_of
from bagkit.io.input.paths import digest_of
from bagkit.io.output import whole_files
from bagkit.io.output.commits import FileWriting
from bagkit.io.output.input_names import planned_targets
from bagkit.io.output.manifest import Recipe, WrittenAgainWarning, WrittenFile
from bagkit.io.output.names import plan_targets
from bagkit.io.output.sinks import inputs_of
from bagkit.io.output.stores import LocalStore, failing_as
from bagkit.methods.tabulating import hand_over
from bagkit.ops.regroup import Pick
from bagkit.options import merged
from bagkit.plan.node import Plan
from bagkit.warn import warn_about

if TYPE_CHECKING:
    from bagkit.io.handover.columns import EncodeColumns, Policy
    from bagkit.options import ComputeOptions

_BEFORE: Final = "table.json"
"""The account of earlier versions, which put no marks in files."""

Write = Callable[[gathered.TypedColumns, Sequence[str], str], None]


class TableParts:
    """One run that writes a file for each partition of `plan` to `place`, which has a `*`; mutable, of that run."""

    def __init__(
        self, plan: Plan, encode: EncodeColumns, policy: Policy, place: str, exist: str, compression: Any, write: Write
    ) -> None:
        whole_files.refuse_shard("to_parquet", plan)
        self._plan, self._encode, self._policy, self._place, self._write = plan, encode, policy, place, write
        self._exist = exist
        updates = exist == "update"
        self._parts = parts_made_of(plan, identify=updates)
        if updates:
            self._targets = planned_targets("to_parquet", place, self._parts, "", {})
        else:
            self._targets = plan_targets("to_parquet", place, len(self._parts), None, "")
            self._check_places()
        made_with = {"compression": compression, "on_conflict": policy}
        known = tuple(operations(Plan(encode, (plan,)))) if updates else None
        self._recipe = Recipe((), inputs_of(plan) if updates else {}, made_with, len(self._parts), known)

    def _check_places(self) -> None:
        for path in self._targets.paths:
            whole_files.check_place("to_parquet", path, self._exist)

    def run(self, options: ComputeOptions) -> Any:
        """Write what is to be written; return the paths of all files."""
        if self._exist == "update" and collects((self._plan,), merged(**options)):
            raise PlanError(
                "to_parquet: exist='update' knows only the failures of what it writes now, and on_error is 'collect'; "
                "expected 'raise' or 'skip'; hint: good, bad = bag.split_errors()"
            )
        found = self._written(self._exist, options)
        if found is None:
            count = len(self._parts)
            message = f"to_parquet: all {count} files are written again: the types of columns have changed"
            warn_about(None, message, WrittenAgainWarning)
            found = self._written("overwrite", options)
        return found

    def _written(self, exist: str, options: ComputeOptions) -> Any:
        """Write what is not kept; return the paths, or None where kept files would have other columns than the rest."""
        nothing = [None] * len(self._parts)
        before = self._targets.own(_BEFORE)
        known = marked(self._place, self._targets.key) | listed(self._place, before) if exist != "error" else ()
        writing = FileWriting(
            "to_parquet", self._targets, LocalStore(), nothing, exist, self._recipe, self._parts, known=known
        )
        try:
            refuse_others(self._place, self._targets.paths, writing.stale)
            kept = dict(writing.files)
            new = [number for number in range(len(self._parts)) if number not in kept]
            if not new:
                return self._paths() if self._columns(kept, {}) is not None else None
            plan = Plan(Pick(tuple(new)), (self._plan,)) if kept else self._plan

            def build(table: gathered.TypedColumns) -> list[str] | None:
                return self._made(table, writing, kept, new)

            try:
                with whole_files.spill_beside(self._place) as spill:
                    store = gathered.KeptInFile(spill, self._place)
                    return hand_over(plan, self._encode, self._policy, options, build, store)
            except ColumnTypeError:
                if not kept:
                    raise
                return None  # a run of all tells where, and what was before
        finally:
            writing.end()

    def _made(
        self, table: gathered.TypedColumns, writing: FileWriting, kept: dict[int, WrittenFile], new: Sequence[int]
    ) -> list[str] | None:
        columns = self._columns(kept, dict(zip(new, table.types, strict=True)))
        if columns is None:
            return None
        paths = [f"{writing.staging_of(number)}/{number}.{secrets.token_hex(8)}" for number in new]
        with failing_as(self._place):
            self._write(replace(table, columns=columns) if kept else table, paths, self._targets.key)
        if self._exist == "error":
            self._check_places()  # once more: others may have written meanwhile
        digest = _digest(columns)
        about = [
            {"columns": digest, "types": _plain(types)} if self._exist == "update" else None for types in table.types
        ]
        writing.adopt(list(zip(new, paths, map(sum, table.partitions), about, strict=True)))
        if self._exist != "update":
            LocalStore().remove(self._targets.own("manifest.json"))  # nobody asks for it, and see `marked`
        for left in (self._targets.own(_BEFORE), *glob.glob(glob.escape(self._targets.own("")) + "*.part")):
            LocalStore().remove(left)  # earlier versions left these, the latter where they were killed
        return self._paths()

    def _columns(self, kept: dict[int, WrittenFile], new: dict[int, Seen]) -> tuple[Column, ...] | None:
        """Return the columns of all files; None where those that are kept have others."""
        there = {number: _seen(file.about["types"]) for number, file in kept.items()}
        seen: Seen = {}
        for _, types in sorted({**there, **new}.items()):
            add_types(seen, types)
        columns = columns_for(self._encode, self._policy, seen)
        digest = _digest(columns)
        return columns if all(file.about["columns"] == digest for file in kept.values()) else None

    def _paths(self) -> list[str]:
        return list(self._targets.paths)


def _digest(columns: Iterable[Column]) -> str:
    return digest_of(repr([(column.name, as_plain(column.type), column.policy) for column in columns]))


def _plain(types: Seen) -> Any:
    return [[name, list(map(as_plain, kinds))] for name, kinds in types.items()]


def _seen(plain: Any) -> Seen:
    return {name: list(map(from_plain, kinds)) for name, kinds in plain}
