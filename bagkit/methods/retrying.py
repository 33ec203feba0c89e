"""Rejects: counts of their kinds, and another try."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypedDict

from bagkit.errors import PlanError
from bagkit.ops.regroup import Concat, Partitions
from bagkit.ops.retrying import Resumed, ResumedPairing, TakenUp, op_of
from bagkit.ops.validating import Validate
from bagkit.plan.kinds import Op, Pairing, PerPartition
from bagkit.plan.node import Plan
from bagkit.plan.split_errors import SplitErrors
from bagkit.visible import visible


class Signature(TypedDict):
    """Rejects that failed in the same way, as a record of `bad.summary()`.

    Attributes:
        count: How many there are.
        operation: The operation in which they failed.
        error: The name of the exception's type.
        message: The exception's text, with N for numbers, and … for data in quotes.
        places: Where the first three come from, in words: URLs are without their passwords.
        example: The input of the first.

    >>> import bagkit as bk
    >>> good, bad = bk.from_sequence(["1", "two", "ten"]).map(int).split_errors()
    >>> signature: bk.Signature = bad.summary().compute(scheduler="sync")[0]
    >>> signature["count"], signature["example"]
    (2, 'two')
    """

    count: int
    operation: str
    error: str
    message: str
    places: list[str]
    example: Any


PLACES = 3
"""Of a signature that are shown."""
LONGEST = 200
"""Characters of a message that are compared."""
_NAMES_ARE_CODE = frozenset({"KeyError", "AttributeError", "TypeError", "NameError", "UnboundLocalError"})
"""Errors that quote names of a program rather than data."""
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|\d+")

Key = tuple[str, str, str]


def signature_of(reject: Mapping[str, Any]) -> Key:
    """Return what rejects have in common that failed in the same way.

    >>> signature_of({"operation": "map(int)", "error": "ValueError", "message": "not base 10: 'x'"})
    ('map(int)', 'ValueError', "not base N: '…'")
    """
    message = str(reject["message"])[:LONGEST].partition("\n")[0]
    if reject["error"] not in _NAMES_ARE_CODE:
        message = _QUOTED.sub("'…'", message)
    return reject["operation"], reject["error"], _NUMBER.sub("N", message)


Seen = tuple[int, list[str], Any]


def seen_with(seen: Seen, reject: Mapping[str, Any]) -> Seen:
    """Return what is known of a signature, with one reject more."""
    count, places, example = seen
    if not count:
        example = reject["input"]
    if len(places) < PLACES:
        places = [*places, _place(reject)]
    return count + 1, places, example


def seen_together(one: Seen, other: Seen) -> Seen:
    """Return what is known of a signature in two partitions."""
    if not one[0]:
        return other
    return one[0] + other[0], [*one[1], *other[1]][:PLACES], one[2]


NOTHING_SEEN: Seen = (0, [], None)


def _place(reject: Mapping[str, Any]) -> str:
    path = visible(str(reject["path"]))  # words, and no data: a URL's password is hidden
    if reject["line"] is not None:
        return f"{path}:{reject['line']}"
    return f"{path}, record {reject['index']}, partition {reject['partition']}"


def most_first(found: list[tuple[Key, Seen]]) -> list[Signature]:
    """Return the signatures, the most frequent first."""
    return [
        Signature(count=count, operation=key[0], error=key[1], message=key[2], places=places, example=example)
        for key, (count, places, example) in sorted(found, key=lambda each: -each[1][0])
    ]


# Another try ----------------------------------------------------------------------------------------------------------


def retried(
    rejects: Plan, split: Plan | None, function: Callable[..., Any] | None, operation: str | int | None
) -> Plan:
    """Return the plan that takes up `rejects` in the plan that `split` splits the errors of."""
    if split is None:
        raise PlanError(
            "retry: the rejects do not know the operations that they failed in; "
            "hint: bagkit.read_errors(path, of=bag), where bag is what split_errors() was called on"
        )
    if isinstance(split.op, Concat):
        return _of_each(rejects, split, function, operation)
    program = list(_program(split))
    if function is not None or operation is not None:
        number = _meant([(step, op) for step, op, _ in program], operation)
        if function is not None:
            step, op, values = program[number]
            program[number] = step, _with_function(op, function), values
    plan = Plan(TakenUp(), (rejects,))
    for step, op, values in program:
        if isinstance(op, PerPartition):
            plan = Plan(Resumed(op, step), (plan,)) if op.per_record != "same" else Plan(op, (plan,))
        else:
            assert isinstance(op, Pairing), op
            plan = Plan(ResumedPairing(op, step), (plan, *values))
    return plan


def _of_each(rejects: Plan, split: Plan, function: Callable[..., Any] | None, operation: str | int | None) -> Plan:
    """Return the plan for the bags of a concat: each has partitions of its own, and operations of its own."""
    if rejects.npartitions != split.npartitions:
        raise PlanError(
            f"retry: the bag is a concat, and it can't be told which of its bags a reject is from; got "
            f"{rejects.npartitions} partitions; expected {split.npartitions}; hint: split the errors of each bag"
        )
    found, start, unmeant = list[Plan](), 0, list[PlanError]()
    for part in split.inputs:
        stop = start + part.npartitions
        own = Plan(Partitions(start, stop), (rejects,))
        try:
            found.append(retried(own, part, function, operation))
        except PlanError as error:  # it may be for an operation that only others of the bags have
            unmeant.append(error)
            found.append(retried(own, part, None, None))
        start = stop
    if len(unmeant) == len(found):
        raise unmeant[0]
    return Plan(split.op, tuple(found))


def _program(split: Plan) -> Iterator[tuple[int, Op, tuple[Plan, ...]]]:
    """Yield the operations before `split`, first to last: the number of each, and the values that it takes."""
    assert isinstance(split.op, SplitErrors), split.op
    plans, plan = list[Plan](), split
    for _ in split.op.written:
        plan = plan.inputs[0]
        plans.insert(0, plan)
    for number, plan in enumerate(plans):
        if not isinstance(plan.op, TakenUp):
            yield getattr(plan.op, "step", number), op_of(plan.op), plan.inputs[1:]


def _meant(ops: Sequence[tuple[int, Op]], operation: str | int | None) -> int:
    """Return which of `ops`, each with its step, a function is for."""
    if operation is None:
        found = [number for number, (_, op) in enumerate(ops) if op.opaque]
    elif type(operation) is int:
        found = [number for number, (step, op) in enumerate(ops) if step == operation and op.user_functions()]
    else:
        found = [number for number, (_, op) in enumerate(ops) if op.error_label == operation]
    if len(found) == 1:
        return found[0]
    names = [op.error_label for _, op in ops if op.opaque]
    twice = {name for name in names if names.count(name) > 1}
    named = [
        f"{step} for {op.error_label}" if op.error_label in twice else repr(op.error_label)
        for step, op in ops
        if op.opaque
    ]
    got = "no operation" if operation is None else repr(operation)
    expected = f"expected operation= to be one of {', '.join(named)}" if named else "the bag has none with a function"
    raise PlanError(
        f"retry: it is not known which operation the function is for; got {got}; {expected}"
        + ("; hint: the numbers are the `step` of rejects, for some are called the same" if twice else "")
    )


def _with_function(op: Op, function: Callable[..., Any]) -> Op:
    """Return `op` with another function in place of its own."""
    if isinstance(op, Validate) and not isinstance(function, type):
        return replace(op, first=function)
    functions = op.user_functions()
    for field in fields(op):  # type: ignore[arg-type]  # ops are dataclasses
        if any(getattr(op, field.name) is each for each in functions if each is not None):
            return replace(op, **{field.name: function})  # type: ignore[type-var]
    raise PlanError(f"retry: {op.label} has no function that another could take the place of")
