"""Records as one table with typed columns, and where a value is that does not fit into its column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bagkit.computing import Collected, collects, iterate
from bagkit.errors import ColumnTypeError
from bagkit.lazily import Lazily
from bagkit.ops.regroup import Partitions
from bagkit.options import merged
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from bagkit.io.handover import columns as columnar
    from bagkit.io.handover import gathered, misfits
    from bagkit.options import ComputeOptions
else:
    gathered = Lazily("bagkit.io.handover.gathered")
    columnar = Lazily("bagkit.io.handover.columns")
    misfits = Lazily("bagkit.io.handover.misfits")


def hand_over(
    plan: Plan,
    encode: columnar.EncodeColumns,
    policy: columnar.Policy,
    options: ComputeOptions,
    build: Callable[[gathered.TypedColumns], Any],
    store: gathered.KeptInMemory | gathered.KeptInFile | None = None,
) -> Any:
    """Return what `build` makes of the records of `plan` as a table; with `on_error="collect"` a Collected of it.

    With a `store` it makes a file.
    """
    collected = Collected(None, [])
    batches = gathered.GatheredColumns(encode, policy, gathered.KeptInMemory() if store is None else store)
    try:
        for item in iterate(Plan(encode, (plan,)), options, collected, writes=store is not None):
            batches.add(item)
        result = build(batches.table())
        return replace(collected, result=result) if collects((plan,), merged(**options)) else result
    except gathered.Misfit as misfit:
        found = misfit
    raise _in_place(plan, encode, found, options)


def _in_place(
    plan: Plan, encode: columnar.EncodeColumns, misfit: gathered.Misfit, options: ComputeOptions
) -> ColumnTypeError:
    """Read one partition again, record by record, to raise the error where it is; else return one without a place."""
    if len(misfit.conflicts) > 1:
        return _several(plan, encode, misfit.conflicts, options)
    if misfit.conflicts:
        find = misfits.finding(misfit.conflicts[0], misfit.conflicts, encode)
    else:
        find = misfits.FindMisfit(encode, final=misfit.final)
    number = misfit.partition
    if merged(**options).on_error == "skip":
        options = {**options, "on_error": "collect"}  # the first run has told of those that it skipped
    for _ in iterate(Plan(find, (_part(plan, number),)), options, Collected(None, [])):
        pass
    return ColumnTypeError(f"{misfit.message} (in partition {number})")


def _several(
    plan: Plan, encode: columnar.EncodeColumns, conflicts: Sequence[gathered.Conflict], options: ComputeOptions
) -> ColumnTypeError:
    """Return the error for conflicts in several columns, with the place of each: the partitions are read again."""
    collected = Collected(None, [])
    for conflict in {each.partition: each for each in conflicts[: misfits.LISTED]}.values():
        find = misfits.finding(conflict, conflicts, encode, "some")
        for _ in iterate(Plan(find, (_part(plan, conflict.partition),)), {**options, "on_error": "collect"}, collected):
            pass
    ours = [failure for failure in collected.failures if isinstance(failure.error, ColumnTypeError)]
    found = {text: failure.where for failure in ours for text in str(failure.error).split(misfits.SEPARATOR)}
    error = ColumnTypeError(misfits.several_message(encode.name, conflicts, found))
    if ours:
        ours[0].note_on(error)
    return error


def _part(plan: Plan, number: int) -> Plan:
    return Plan(Partitions(number, number + 1), (plan,))
