"""Says where a record failed, and in which operation."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from bagkit.errors import (
    PlanError,
    StoppedEarlyError,
    TaskError,
    add_notes,
    ask,
    attribute,
    notes_on_text,
    one_line,
    printable,
    text_of,
)
from bagkit.flow.blocks import Place, PlaceRow
from bagkit.front_doors import front_door
from bagkit.lazily import Lazily
from bagkit.plan.kinds import Op, Source
from bagkit.visible import visible

if TYPE_CHECKING:
    from bagkit.work import line_errors
else:  # for programs in which a line fails
    line_errors = Lazily("bagkit.work.line_errors")


Tell = Callable[[BaseException, Any, Any], tuple[str, BaseException]]
"""Gives the operation that a record failed in, and the error to show; it takes what is noted of that: the error as it
was noted, what raises it with the frames of the user's, and the record as the operation got it."""

Later = tuple[Tell, PlaceRow, BaseException, Any, Any]
"""That, the place, and what is noted."""


class _ToldLater:
    """The field of failures that is none of their dataclass: nobody else has to know of it."""

    __slots__ = ("_later",)
    _later: Later | None
    """What the place, the operation and the error are made of once somebody asks; None where they are there."""


@dataclass(frozen=True, slots=True)
class Failure(_ToldLater):
    """A record that failed and was left out; or what is missing of a damaged file.

    Attributes:
        place: Where the record comes from: `place.record` is the record, `place.path` and `place.line` its file and
            line. None where it is not known.
        operation: The operation in which it failed, such as `map(clean)`.
        error: What was raised.
        collected: Whether the failure was asked for, with "collect". Otherwise it is an example of the records that
            "skip" left out.
        is_damage: Whether this is a damaged file and no record; `damaged=` asked to go on without it.

    >>> import bagkit as bk
    >>> got = bk.from_sequence(["1", "two"]).map(int).compute(scheduler="sync", on_error="collect")
    >>> failure = got.failures[0]
    >>> failure.operation, failure.place.record
    ('map(int)', 'two')
    """

    place: Place | None
    operation: str
    """What it failed in: `map(clean)`."""
    error: BaseException
    collected: bool = True
    """Whether it was asked for, or is an example of those skipped."""
    is_damage: bool = False
    """Whether it is a file that is damaged, and not a record."""
    _again: Callable[[Failure, bool], Any] | None = field(default=None, repr=False, compare=False)
    """Takes the record through the plan again; None where the plan is not known."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Make what nobody has asked for yet."""
            if name in ("place", "operation", "error"):
                _tell(self, name)
                return object.__getattribute__(self, name)
            if name in ("_again", "_later"):
                return None  # nobody has told the plan; all else is there
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def _order(self) -> tuple[int, str, int, int]:
        """Where it stands among others; no Place is made for that."""
        later = self._later
        if later is not None:
            source, partition, line, _, index, _ = later[1]
        elif self.place is None:
            return (1 << 62, "", 0, 0)
        else:
            source, partition, line, index = self.place.source, self.place.partition, self.place.line, self.place.index
        return (partition or 0, source or "", line or 0, index or 0)

    @property
    def where(self) -> str:
        """The place in words.

        >>> import bagkit as bk
        >>> got = bk.from_sequence(["1", "two"], npartitions=1).map(int).compute(scheduler="sync", on_error="collect")
        >>> got.failures[0].where
        'from_sequence, record 1, partition 0'
        """
        return place_text(self.place) if self.place is not None else "an unknown place"

    @front_door
    def replay(self, *, pdb: bool = False) -> Any:
        """Run the record through the operations on single records once more, here in this process.

        The file is read again up to the record. Operations that need other records too, such as a `groupby` behind
        them, are left out.

        Args:
            pdb: Whether to open the debugger where it fails, in the innermost frame of your code. Default: False, raise
                the error.

        Returns:
            If it does not fail this time: the list of the records that it becomes, or the value of a reduction. None
            after the debugger.

        Raises:
            PlanError: The plan is not known, as for a failure that was pickled; or the record can't be read again.
            Exception: What your function raises.

        >>> import bagkit as bk
        >>> got = bk.from_sequence(["1", "two"]).map(int).compute(scheduler="sync", on_error="collect")
        >>> got.failures[0].replay()
        Traceback (most recent call last):
        ValueError: invalid literal for int() with base 10: 'two'
        """
        if self._again is None:
            raise PlanError(
                "replay: the plan that the record failed in is not known; got a failure that was pickled, or is an "
                'example of those skipped; expected one of compute(on_error="collect"); '
                "hint: bad.retry() of good, bad = bag.split_errors() takes rejects up again, also of read_errors"
            )
        return self._again(self, pdb)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all but the plan."""
        return Failure, (self.place, self.operation, self.error, self.collected, self.is_damage)

    def note_on(self, error: BaseException) -> None:
        """Note on another error where this failure was.

        Args:
            error: The error that gets the note.

        >>> import bagkit as bk
        >>> got = bk.from_sequence(["1", "two"]).map(int).compute(scheduler="sync", on_error="collect")
        >>> error = ValueError("the input is no good")
        >>> got.failures[0].note_on(error)
        >>> "map(int)" in " ".join(error.__notes__)
        True
        """
        add_place(error, self.place, self.operation)

    def __str__(self) -> str:
        where = f" at {place_text(self.place)}" if self.place is not None else ""
        column = line_errors.json_column(self.error, self.place)
        more = f" (column {column} of the line, its end)" if column is not None else ""
        position = line_errors.json_position(self.error, self.place)
        more = f" ({position} of the file)" if position is not None else more
        return f"{error_text(self.error)}{more} in {visible(self.operation)}{where}"

    @property
    def hint(self) -> str | None:
        """One line on what to do about the failure; None if there is nothing to say.

        >>> import bagkit as bk
        >>> got = bk.from_sequence(["1", "two"]).map(int).compute(scheduler="sync", on_error="collect")
        >>> got.failures[0].hint is None
        True
        """
        return _hint(self.error, self.place)

    def __repr__(self) -> str:
        place = None if self.is_damage else self.place
        record = f", record: {one_line(place.record)}" if place is not None else ""
        return f"Failure({self}{record})"

    def _repr_html_(self) -> str:
        from bagkit.html.results import failure_page

        return failure_page(self)


def failure_told_later(later: Later) -> Failure:
    """Return a collected failure that is told once somebody asks: to make errors and places of many takes long."""
    failure: Failure = _new(Failure)
    _set_later(failure, later)
    _set_collected(failure, True)
    _set_is_damage(failure, False)
    return failure


_new: Any = Failure.__new__
_set_later = vars(_ToldLater)["_later"].__set__
_set_collected, _set_is_damage, _set_again = [
    vars(Failure)[name].__set__ for name in ("collected", "is_damage", "_again")
]
"""To set a field of a frozen class in its own way takes three times as long."""


def _tell(failure: Failure, name: str) -> None:
    """Make the place of a failure, or the rest."""
    later, put = failure._later, object.__setattr__
    if later is None:
        return  # another thread has
    tell, row, error, untold, record = later
    if name == "place":
        put(failure, "place", Place(*row))
        return
    operation, told = tell(error, untold, record)
    hasattr(failure, "place")
    put(failure, "operation", operation)
    put(failure, "error", told)
    put(failure, "_later", None)


def tell_plan(failure: Failure, again: Callable[[Failure, bool], Any]) -> None:
    """Let `failure`, which nobody has seen yet, take its record `again` through the plan: a copy would take longer."""
    _set_again(failure, again)


def error_text(error: BaseException) -> str:
    """Return the type and the text of `error` on one line: `ValueError: no number`."""
    text, kind = text_of(error), visible(type(error).__name__)
    return f"{kind}: {printable(text)}" if text else kind


def place_text(place: Place) -> str:
    """Return the place in words: `logs/a.json.gz, line 12 (byte 3301), partition 0`."""
    words = [visible(place.source or "the data")]
    if place.line is not None:
        words.append(f"line {place.line}" + (f" (byte {place.offset})" if place.offset is not None else ""))
    elif place.offset is not None:
        words.append(f"byte {place.offset}")
    if place.index is not None:
        words.append(f"record {place.index}")
    if place.partition is not None:
        words.append(f"partition {place.partition}")
    return ", ".join(words)


def _hint(error: BaseException, place: Place | None) -> str | None:
    return line_errors.json_hint(error, place) or line_errors.encoding_hint(error, place)


def add_place(error: BaseException, place: Place | None, operation: str) -> None:
    """Note on `error` the operation, the place, and the record as it was read."""
    notes = [f"in {operation}"] if operation else []
    if place is not None:
        notes += [f"at {place_text(place)}", f"record: {one_line(place.record)}"]
        column, hint = line_errors.json_column(error, place), _hint(error, place)
        notes += [f"in the line: column {column}, its end"] if column is not None else []
        position = line_errors.json_position(error, place)
        notes += [f"in the file: {position}"] if position is not None else []
        notes += [hint] if hint is not None else []
    notes += _key_hint(error, operation)
    add_notes(error, [*notes, *notes_on_text(error)])


_KEY_HINTS = {
    "distinct": "bag.distinct(json.dumps) tells whole records apart, bag.distinct('name') a field",
    "frequencies": "bag.map(json.dumps).frequencies() counts whole records, bag.pluck('name').frequencies() a field",
    "groupby": "the key can be a field's name, or a function that gives text, a number, or a tuple of those",
}


_ORDERED = (
    r"\b(?:(?:min|max|quantiles)\b|sort_by\((?!\[)(?P<by>'[^']*'|[^=,')]*[,)])?"
    r"|topk\(\d+(?:, key=(?!\[)(?P<key>'[^']*'|[^,)]*))?)"
)
"""Of an operation that puts records in order: the field that it compares, or the function."""


def _order_hint(operation: str) -> list[str]:
    """Return what to do where None is to be put in order."""
    found = re.search(_ORDERED, operation)
    if found is None:
        return []
    by = (found["by"] or found["key"] or "").rstrip(",)")
    value = "record" if not by else f"record[{by}]" if by[0] == "'" or by.isdigit() else "key(record)"
    return [
        f"hint: bag.remove(lambda record: {value} is None) leaves them out, "
        f"and bag.sort_by(lambda record: ({value} is None, {value})) has them last"
    ]


_ADDED = r"(sum|mean|var|std|stats)\b"
"""Operations that add values up."""


def _field_hint(error: KeyError, operation: str) -> list[str]:
    """Return what to call where records do not have a field that `pluck` takes."""
    args = attribute(error, "args")
    (key,) = args if len(args) == 1 else (None,)
    if not isinstance(key, str) or operation != f"pluck({key!r})":
        return []
    hints = [f"bag.pluck({key!r}, None) gives None where it is missing"]
    if all(word.isidentifier() for word in key.split(".")) and "." in key:
        inside = "".join([f".pluck({word!r})" for word in key.split(".")])
        hints.insert(0, f"bag{inside} takes the field inside of another")
    return [f"hint: {', '.join(hints)}"]


def _key_hint(error: BaseException, operation: str) -> list[str]:
    """Return what to do where a record is no key, has no order with others, is None, or lacks a field."""
    if isinstance(error, KeyError):
        return _field_hint(error, operation)
    text = text_of(error) if isinstance(error, TypeError) else ""
    if text.startswith("unsupported operand type(s) for +") and "'NoneType'" in text and re.match(_ADDED, operation):
        return ["hint: bag.filter(lambda value: value is not None) leaves None out"]
    if text.startswith(("'<' not supported", "'>' not supported")):
        return _order_hint(operation) if "'NoneType'" in text else []
    if not re.match(r"(cannot use '.*' as a .* \()?unhashable type: ", text):  # the first words are Python 3.14's
        return []
    return [f"hint: {hint}" for name, hint in _KEY_HINTS.items() if re.search(rf"\b{name}\b", operation)][:1]


_MOST_WRAPPED = 100
"""Functions in functions that are looked into; an object whose class makes up attributes has more without end."""


def failed_operation(error: BaseException, ops: Iterable[Op]) -> str:
    """Return the label of the op that raised `error`."""
    return Blaming(list(ops)).among_all(error)


class Blaming:
    """Says which of some ops raised an error. What it has to know of them it asks once."""

    def __init__(self, ops: Sequence[Op]) -> None:
        self._only = ops[0].error_label if len(ops) == 1 else None
        self._ops = [op for op in ops if op.label]
        self._codes: dict[int, tuple[object, str]] | None = None
        """What the op is called whose function has some code, by the id of that: its hash takes as long as all else."""
        self._silent: list[Op] = []
        """Those whose functions are not all written in Python."""

    def operation(self, error: BaseException) -> str:
        """Return the label of the op that raised `error`: the only one, if there is one."""
        return self.among_all(error) if self._only is None else self._only

    def among_all(self, error: BaseException) -> str:
        """Return the label of the op whose function the traceback of `error` runs through.

        If none of the functions shows up, it was one of the ops that have no function in Python, or the op whose own
        code the traceback ends in: all that come into question are named.
        """
        codes = self._look() if self._codes is None else self._codes
        trace = first = attribute(error, "__traceback__")
        while trace is not None:
            known = codes.get(id(trace.tb_frame.f_code))
            if known is not None:
                return known[1]
            trace = trace.tb_next
        silent, own = self._silent, _at_work(self._ops, list(_frames_of(first)))
        if own is not None:  # what comes after it has not begun
            silent = [op for number, op in enumerate(self._ops) if number == own or (number < own and op in silent)]
        if not silent and isinstance(error, UnicodeDecodeError):  # lines that go to a parser are decoded there
            silent = [op for op in self._ops if isinstance(op, Source)]
        return " or ".join(dict.fromkeys(op.error_label for op in silent))

    def _look(self) -> dict[int, tuple[object, str]]:
        codes = self._codes = {}
        for op in self._ops:
            found = [user_code(function) for function in op.user_functions()]
            for code in found:
                if code is not None:
                    codes.setdefault(id(code), (code, op.error_label))
            if None in found or (not found and op.can_raise):
                self._silent.append(op)
        return codes


def _at_work(ops: Sequence[Op], frames: Sequence[FrameType]) -> int | None:
    """Return which of `ops` has a method among `frames`, the innermost of such; None if none has."""
    labels = [op.label for op in ops]
    for frame in reversed(frames):
        owner = frame.f_locals.get("self")
        op = ask(owner, "op", owner)
        if isinstance(op, Op) and op.label in labels:
            return labels.index(op.label)
    return None


def _frames_of(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def user_code(function: object) -> object | None:
    """Return the code object that runs when `function` is called, None for one that is not written in Python."""
    for _ in range(_MOST_WRAPPED):
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif _code_of(function) is None and (inside := ask(function, "__wrapped__")) is not None:
            function = inside
        else:
            break
    if isinstance(function, type):
        return _code_of(inspect.getattr_static(function, "__init__"))
    return _code_of(function) or _code_of(inspect.getattr_static(type(function), "__call__", None))


def _code_of(function: object) -> CodeType | None:
    code = ask(function, "__code__")
    return code if isinstance(code, CodeType) else None


def stopped_early(ops: Iterable[Op]) -> StoppedEarlyError:
    """Return the error for a function of `ops` that raised StopIteration."""
    functions = [(op.error_label, function) for op in ops if op.opaque for function in op.user_functions()]
    likely = [label for label, function in functions if user_code(function) is not None]
    labels = " or ".join(dict.fromkeys(likely or [label for label, _ in functions]))
    return StoppedEarlyError(
        f"{labels or 'a function'}: it raised StopIteration, which would have ended the data as if there were no more; "
        "hint: next(iterator, default) never raises it"
    )


def unawaited(ops: Sequence[Op]) -> TaskError:
    """Return the error for a function of `ops` that returned a coroutine."""
    return TaskError(
        f"{ops[-1].error_label}: the function returned a coroutine, and nobody waits for it; hint: "
        "lambda *args: asyncio.run(function(*args)) waits for each call"
    )
