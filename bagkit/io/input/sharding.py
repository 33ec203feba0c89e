"""Bags that are shared by several programs: which partitions of the whole one of them has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bagkit.errors import PlanError, one_line
from bagkit.io.input.made_of import InputPart, operations, parts_made_of
from bagkit.io.input.paths import digest_of
from bagkit.light_classes import dataclass
from bagkit.ops.regroup import Shard, dealt
from bagkit.plan.kinds import Pairing, PerPartition
from bagkit.plan.node import Plan, rewrite, walk
from bagkit.signatures import whole_number


@dataclass(frozen=True, slots=True)
class ShardOf:
    """What a plan is a shard of."""

    number: int
    of: int
    numbers: tuple[int, ...] | None
    """Which partition of the whole each of its partitions is; None where they are others."""
    total: int
    """How many partitions the whole has."""
    whole: str
    """A digest of the operations, and of all that the whole is made of: the same for each shard of it."""

    def as_json(self) -> Mapping[str, Any]:
        """Return it as plain values."""
        numbers = None if self.numbers is None else list(self.numbers)
        return {"number": self.number, "of": self.of, "numbers": numbers, "total": self.total, "whole": self.whole}

    def name(self, partition: int, given: str | None) -> str:
        """Return the name of a file that no other shard has; `given` is what the user's function has made of it."""
        if self.numbers is not None:
            return given if given is not None else str(self.numbers[partition]).zfill(len(str(self.total - 1)))
        shard = str(self.number).zfill(len(str(self.of - 1)))
        return f"{shard}-{str(partition).zfill(6) if given is None else given}"

    def number_of(self, partition: int) -> int:
        """Return the number that the user's function is called with."""
        return partition if self.numbers is None else self.numbers[partition]


def plan_shard(plan: Plan, k: Any, of: Any) -> Shard:
    """Return the op that takes shard `k` of `of` of `plan`; raises PlanError for numbers that make no sense."""
    number, count = whole_number(k), whole_number(of)
    if count is None or count < 1:
        raise PlanError(f"shard: of is {one_line(of)}; expected how many shards there are, 1 or more")
    if number is None or not 0 <= number < count:
        raise PlanError(f"shard: k is {one_line(k)}; expected the number of a shard, from 0 to {count - 1}")
    if any(isinstance(each.op, Shard) for each in walk(plan)):
        raise PlanError("shard: the bag is a shard already; hint: shard the whole bag, with a larger of=")
    parts = parts_made_of(plan, identify=False)
    weights = [sum(_size(part) for part in each.inputs) for each in parts]
    return Shard(number, count, dealt(weights, count)[number])


def _size(part: InputPart) -> int:
    return ((part.size if part.stop is None else part.stop) or 0) - part.start


def shard_of(plan: Plan) -> ShardOf | None:
    """Return what `plan` is a shard of; None if it is a whole bag."""
    plans = tuple(walk(plan))
    shards = [each for each in plans if isinstance(each.op, Shard)]
    found = {(each.op.number, each.op.of) for each in shards if isinstance(each.op, Shard)}
    if len(found) > 1:
        raise PlanError(
            f"shard: one plan has the shards {sorted(found)}, each (k, of); expected one; "
            "hint: shard all bags of a program alike"
        )
    if not shards:
        return None
    numbers: dict[Plan, tuple[int, ...] | None] = {}
    for each in plans:
        below = [numbers[part] for part in each.inputs]
        if isinstance(each.op, Shard):
            numbers[each] = each.op.picks
        elif isinstance(each.op, (PerPartition, Pairing)):
            numbers[each] = next((one for one in below if one is not None), None)
        else:
            numbers[each] = None
    ((number, of),) = found
    (whole,) = rewrite((plan,), lambda each: each.inputs[0] if isinstance(each.op, Shard) else each)
    parts = [part.inputs or part.identity for each in shards for part in parts_made_of(each.inputs[0])]
    digest = digest_of(repr((operations(whole), parts)))
    return ShardOf(number, of, numbers[plan], shards[0].inputs[0].npartitions, digest)
