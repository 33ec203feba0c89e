"""Tables of several files: only files whose inputs have changed are written again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bagkit.computing import collects
from bagkit.errors import ColumnTypeError, OutputExistsError, PlanError
from bagkit.io.handover import gathered, table_account
from bagkit.io.handover.column_types import Seen, add_types
from bagkit.io.handover.table_account import Account, TableFile
from bagkit.io.input.made_of import operations, parts_made_of
from bagkit.io.input.paths import named
from bagkit.io.output import whole_files
from bagkit.io.output.input_names import names_after, slots_of
from bagkit.io.output.manifest import WrittenAgainWarning, versions
from bagkit.methods.tabulating import hand_over
from bagkit.ops.regroup import Pick
from bagkit.options import merged
from bagkit.plan.node import Plan
from bagkit.warn import warn_about

if TYPE_CHECKING:
    from bagkit.io.handover.columns import EncodeColumns, Policy
    from bagkit.options import ComputeOptions

Write = Callable[[gathered.TypedColumns, Sequence[str]], None]


class TableUpdate:
    """One run that brings the files at `place` up to date with the plan; mutable, of that run."""

    def __init__(
        self, plan: Plan, encode: EncodeColumns, policy: Policy, place: str, made_with: Any, write: Write
    ) -> None:
        if "*" not in os.path.basename(place):
            raise PlanError(
                "to_parquet: exist='update' writes a file for each partition; expected a path with a *, such as "
                "'out/*.parquet'"
            )
        whole_files.refuse_shard("to_parquet", plan)
        self._plan, self._encode, self._policy, self._place, self._write = plan, encode, policy, place, write
        self._parts = parts_made_of(plan)
        steps = [list(step) for step in operations(Plan(encode, (plan,)))]
        self._recipe = {"operations": steps, "made_with": made_with, "versions": versions()}
        self._account = table_account.read_account(place) or Account({}, ())
        there = slots_of([(file.inputs, file.name) for file in self._account.files])
        self._names = names_after([part.inputs for part in self._parts], there)
        self.places = [place.replace("*", name) for name in self._names]
        self._before = {file.name: file for file in self._account.files}
        for name, path in zip(self._names, self.places, strict=True):
            if name not in self._before and os.path.lexists(path):
                raise OutputExistsError(
                    f"to_parquet: {named(path)} exists, and nothing tells what it was made of; "
                    "hint: remove it, or write to another directory"
                )

    def run(self, options: ComputeOptions) -> Any:
        """Write what has changed; return the paths of all files."""
        if collects((self._plan,), merged(**options)):
            raise PlanError(
                "to_parquet: exist='update' knows only the failures of what it writes now, and on_error is 'collect'; "
                "expected 'raise' or 'skip'; hint: good, bad = bag.split_errors()"
            )
        kept = self._kept()
        new = tuple(number for number in range(len(self._parts)) if number not in kept)
        if not new and len(self._account.files) == len(self._parts):
            return self.places
        if kept:
            try:
                found = (
                    self._made(Plan(Pick(new), (self._plan,)), new, kept, options) if new else self._end([], (), kept)
                )
            except ColumnTypeError:
                found = None  # a run of all tells where, and what was before
            if found is not None:
                return found
            self._say("the types of columns have changed")
        elif self._account.files and self._account.recipe != self._recipe:
            self._say("the operations, options or versions have changed")
        return self._made(self._plan, tuple(range(len(self._parts))), {}, options)

    def _kept(self) -> dict[int, TableFile]:
        if self._account.recipe != self._recipe:
            return {}
        found = {}
        for number, (name, part) in enumerate(zip(self._names, self._parts, strict=True)):
            file = self._before.get(name)
            if file is not None and file.identity == part.identity and file.is_whole(self._place):
                found[number] = file
        return found

    def _say(self, reason: str) -> None:
        message = f"to_parquet: all {len(self._parts)} files are written again: {reason}"
        warn_about(None, message, WrittenAgainWarning)

    def _made(self, plan: Plan, new: Sequence[int], kept: dict[int, TableFile], options: ComputeOptions) -> Any:
        def build(table: gathered.TypedColumns) -> list[str] | None:
            if kept:
                types = {number: file.types for number, file in kept.items()}
                columns = self._columns({**types, **dict(zip(new, table.types, strict=True))})
                if columns != self._columns({n: file.types for n, file in enumerate(self._account.files)}):
                    return None
                table = replace(table, columns=columns)
            paths = [self.places[number] for number in new]
            with whole_files.whole_files("to_parquet", self._place, "overwrite", paths) as temporary:
                self._write(table, temporary)
            return self._end(table.types, new, kept)

        with whole_files.spill_beside(self._place) as spill:
            store = gathered.KeptInFile(spill, self._place)
            return hand_over(plan, self._encode, self._policy, options, build, store)

    def _columns(self, types: dict[int, Seen]) -> Any:
        seen: Seen = {}
        for number in sorted(types):
            add_types(seen, types[number])
        return gathered.columns_for(self._encode, self._policy, seen)

    def _end(self, types: Sequence[Seen], new: Sequence[int], kept: dict[int, TableFile]) -> list[str] | None:
        """Remove what vanished inputs have left, and write the account."""
        if not new:
            rest = {number: file.types for number, file in kept.items()}
            if self._columns(rest) != self._columns({n: file.types for n, file in enumerate(self._account.files)}):
                return None
        made = dict(zip(new, types, strict=True))
        files = []
        for number, (name, part) in enumerate(zip(self._names, self._parts, strict=True)):
            if number in kept:
                files.append(replace(kept[number], inputs=part.inputs))
                continue
            known = os.stat(self.places[number])
            facts = (part.identity, part.inputs, known.st_size, known.st_mtime_ns, made[number])
            files.append(TableFile(name, *facts))
        for name in self._before.keys() - set(self._names):
            if "/" not in name:
                whole_files.remove(self._place.replace("*", name))
        path = table_account.account_path(self._place)
        with whole_files.whole_files("to_parquet", path, "overwrite") as (temporary,), open(temporary, "wb") as file:
            file.write(table_account.account_bytes(Account(self._recipe, files)))
        return self.places
