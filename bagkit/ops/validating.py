"""Turns records into values of a model: by msgspec, or by pydantic for a model of pydantic's."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from itertools import chain
from typing import Any, get_args
from weakref import finalize

from bagkit.errors import PlanError, ValidationError, Violation, one_line
from bagkit.light_classes import NamedTuple, dataclass
from bagkit.ops.functions import function_label
from bagkit.plan.kinds import ALL, Fields, OnRecords, PerPartition

LONGEST = 60
"""Characters of a value that a violation shows."""


class _Way(NamedTuple):
    """How one library brings records into the form of a model."""

    convert: Callable[[Any], Any]
    refusal: type[Exception]
    """What it raises for a record that does not fit."""
    violations: Callable[[Any, Any], list[Violation]]
    """Gives what is wrong, of that error and the record."""


@dataclass(frozen=True)
class Validate(PerPartition):
    """`validate(model)`: each record as the model has it."""

    model: Any
    strict: bool | None = None
    first: Callable[[Any], Any] | None = None
    """What a retry makes of the records before."""

    per_record = "one"
    opaque = True  # models have methods

    def __post_init__(self) -> None:
        if self._by_pydantic:
            _ = self._way
        else:
            _check_for_msgspec(self.model)

    @property
    def label(self) -> str:
        return f"validate({_name_of(self.model)})"

    def demand(self, wanted: Fields) -> Fields:
        return ALL if self.first is not None or self._by_pydantic else _fields_of(self.model)

    def user_functions(self) -> tuple[Any, ...]:
        return (self.first or self.model,)

    def begin(self) -> OnRecords:
        converted = partial(_converted, self._way)
        if self._looked_at:
            finalize(converted, _forget, self._looked_at)
        return converted if self.first is None else partial(_after, self.first, converted)

    @cached_property
    def _looked_at(self) -> tuple[type, ...]:
        """The classes on which msgspec may keep what it knows of them."""
        return () if self._by_pydantic else tuple(_classes_of(self.model))

    @cached_property
    def _by_pydantic(self) -> bool:
        return _is_pydantic(self.model)

    @cached_property
    def _way(self) -> _Way:
        return _of_pydantic(self.model, self.strict) if self._by_pydantic else _of_msgspec(self.model, self.strict)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


def _name_of(model: Any) -> str:
    return function_label(model) if type(model) is type or not get_args(model) else one_line(model, LONGEST)


def _converted(way: _Way, records: Sequence[Any]) -> Iterable[Any]:
    """Return the records converted, up to the first that is refused, for which an error is raised behind them."""
    found: list[Any] = []
    try:
        found.extend(map(way.convert, records))
    except way.refusal as error:
        violations = way.violations(error, records[len(found)])
        raised: BaseException = ValidationError("; ".join(map(_text, violations)), violations=violations)
        raised.__cause__ = None
    except BaseException as error:  # of a method of the model: the records before it go on first
        raised = error
    else:
        return found
    return chain(found, map(_raise, (raised,)))


def _after(first: Callable[[Any], Any], converted: OnRecords, records: Iterable[Any]) -> Iterable[Any]:
    return chain.from_iterable(converted([changed]) for changed in map(first, records))


def _raise(error: BaseException) -> Any:
    raise error


def _text(violation: Violation) -> str:
    return f"{violation['path'] or 'the record'}: expected {violation['expected']}, got {violation['got']}"


def _shown(value: Any) -> str:
    """Return a value as a violation shows it: `'x' (str)`, `dict of 3`."""
    kind = type(value).__name__
    if value is None:
        return "None"
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        return f"{kind} of {len(value)}"
    return f"{one_line(value, LONGEST)} ({kind})"


NOTHING = "nothing"
"""What a record has in place of a field that is missing."""


# msgspec --------------------------------------------------------------------------------------------------------------


_CACHE = "__msgspec_cache__"


def _forget(classes: Iterable[type]) -> None:
    """Take away what msgspec has put on classes: no pickle takes it, nor such a class of `__main__`.

    It makes it again when it needs it.
    """
    for each in classes:
        if _CACHE in vars(each):
            with suppress(AttributeError):  # another thread was faster
                delattr(each, _CACHE)


def _classes_of(model: Any) -> Iterator[type]:
    """Yield the classes that are part of a model."""
    from msgspec import inspect

    kept: dict[int, Any] = {}  # what is held there is nowhere else, so its id stays its own
    waiting: list[Any] = [inspect.type_info(model)]
    while waiting:
        info = waiting.pop()
        if id(info) in kept:
            continue
        kept[id(info)] = info
        cls = getattr(info, "cls", None)
        if isinstance(cls, type):
            yield cls
        values = [getattr(info, name) for name in info.__struct_fields__]
        parts = chain.from_iterable([value if isinstance(value, tuple) else (value,) for value in values])
        waiting += [each for each in parts if isinstance(each, (inspect.Type, inspect.Field))]


def _check_for_msgspec(model: Any) -> None:
    import msgspec

    try:
        info = msgspec.inspect.type_info(model)
    except Exception as error:  # such as a NameError, of an annotation that names nothing
        raise _no_model(model, error) from None
    if isinstance(info, msgspec.inspect.CustomType):
        raise PlanError(f"validate: {one_line(model, LONGEST)} is no model: it has no declared fields; {_EXPECTED}")


def _no_model(model: Any, error: Exception) -> PlanError:
    first = f"{error}".partition("\n")[0]
    why = f"validate: {one_line(model, LONGEST)} is no model: {type(error).__name__}: {first}"
    if isinstance(error, NameError):
        return PlanError(
            f"{why}; expected annotations whose names stand in the module of the model; hint: define what they name "
            "outside of functions, or leave out `from __future__ import annotations` there"
        )
    return PlanError(f"{why}; {_EXPECTED}")


_EXPECTED = (
    "expected a msgspec.Struct, a dataclass, a TypedDict, a NamedTuple or another type that msgspec knows, or a model "
    "of pydantic 2; hint: bag.map(function) calls a function with each record"
)


def _fields_of(model: Any) -> Fields:
    """Return the fields of a dict that a conversion to `model` looks at; ALL where it may look at others."""
    import msgspec

    info = msgspec.inspect.type_info(model)
    match info:
        case msgspec.inspect.StructType(array_like=False, forbid_unknown_fields=False):
            names = [field.encode_name for field in info.fields]
            names += [info.tag_field] if info.tag_field is not None else []
        case msgspec.inspect.DataclassType() | msgspec.inspect.TypedDictType():
            names = [field.encode_name for field in info.fields]
        case _:
            return ALL
    return frozenset(names) or ALL


def _of_msgspec(model: Any, strict: bool | None) -> _Way:
    import msgspec

    convert = partial(msgspec.convert, type=model, strict=strict is not False)
    return _Way(convert, msgspec.ValidationError, partial(_violation_of_msgspec, model))


_EXPECTED_GOT = re.compile(r"Expected (.*?)(?:, got (.*))?", re.DOTALL)
_OWN = ("Invalid ", "Integer value", "Number out", "Duration is", "Timestamp is", "Only units")
"""How messages begin that are msgspec's; others are of a check that the model makes itself."""
_OF_MODEL = "to pass its check: "
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def _violation_of_msgspec(model: Any, error: Exception, record: Any) -> list[Violation]:
    """Return the one violation that msgspec tells of.

    >>> import msgspec
    >>> class Point(msgspec.Struct):
    ...     x: int
    >>> try:
    ...     msgspec.convert({"points": [{"x": "1"}]}, dict[str, list[Point]])
    ... except msgspec.ValidationError as error:
    ...     _violation_of_msgspec(dict[str, list[Point]], error, {"points": [{"x": "1"}]})
    [{'path': '*[0].x', 'expected': 'int', 'got': 'str'}]
    """
    head, at, path = str(error).rpartition(" - at `")
    head, path = (head, path.removesuffix("`")) if at else (path, "$")
    path = path.removeprefix("key` in `")
    steps: list[str | int] = [name or (int(index) if index != "..." else "*") for name, index in _STEP.findall(path)]
    value = _value_at(record, steps)
    if found := _FIELD.fullmatch(head):
        is_missing, name = found[1] == "missing required", found[2]
        expected, got = ("a value", NOTHING) if is_missing else ("no such field", _shown(_value_at(value, [name])))
        return [Violation(path=_path([*steps, name]), expected=expected, got=got)]
    if "key` in `" in str(error):
        head, value = f"{head} as key", _UNKNOWN
    values = _values_at(model, steps) if head.startswith(_ONE_OF) else []
    if values:
        expected, kind = " or ".join(map(repr, values)), ""
        expected = f"one of {len(values)} values" if len(expected) > LONGEST else expected
    elif found := _EXPECTED_GOT.fullmatch(head):
        expected, kind = found[1].replace("`", ""), (found[2] or "").replace("`", "")
    else:
        expected, kind = head.removeprefix("Invalid ") if head.startswith(_OWN) else _OF_MODEL + head, ""
    got = (kind or "another value") if value is _UNKNOWN else _shown(value)
    return [Violation(path=_path(steps), expected=expected, got=got)]


_ONE_OF = ("Invalid enum value", "Invalid value")


def _values_at(model: Any, steps: Sequence[str | int]) -> list[Any]:
    """Return the values that a model allows at a path, where they are a few: of an enum, a Literal, a tag."""
    from msgspec import inspect

    waiting = [inspect.type_info(model)]
    for number, step in enumerate(steps):
        waiting = _alternatives(waiting)
        tags = [info.tag for info in waiting if isinstance(info, inspect.StructType) and info.tag_field == step]
        if tags and number == len(steps) - 1:
            return tags
        waiting = list(chain.from_iterable([_below(info, step) for info in waiting]))
    found: list[Any] = []
    for info in _alternatives(waiting):
        found += info.values if isinstance(info, inspect.LiteralType) else []
        found += [each.value for each in info.cls] if isinstance(info, inspect.EnumType) else []
    return found


def _alternatives(infos: Iterable[Any]) -> list[Any]:
    """Return the types that unions are of, and the other types."""
    from msgspec import inspect

    found = chain.from_iterable([getattr(info, "types", (info,)) for info in infos])
    return [getattr(info, "type", info) if isinstance(info, inspect.Metadata) else info for info in found]


def _below(info: Any, step: str | int) -> Iterable[Any]:
    """Return the types that msgspec knows of what stands one step below."""
    fields = getattr(info, "fields", ())
    if isinstance(step, int) and step < len(fields):
        return (fields[step].type,)
    if fields:
        return [field.type for field in fields if field.encode_name == step]
    if isinstance(step, int) and step < len(getattr(info, "item_types", ())):
        return (info.item_types[step],)
    return [getattr(info, name) for name in ("item_type", "value_type") if hasattr(info, name)]


_UNKNOWN = object()


def _value_at(value: Any, steps: Sequence[str | int]) -> Any:
    """Return what stands in `value` at a path; _UNKNOWN where that can't be told."""
    for step in steps:
        try:
            value = value[step]
        except (TypeError, LookupError):
            return _UNKNOWN
    return value


def _path(steps: Sequence[str | int]) -> str:
    """Return a path as people write it.

    >>> _path(["items", 2, "name"])
    'items[2].name'
    """
    return "".join([f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps]).removeprefix(".")


# pydantic -------------------------------------------------------------------------------------------------------------


def _is_pydantic(model: Any) -> bool:
    """Return whether a model is pydantic's, or has one of pydantic's in it: then pydantic is there."""
    return "pydantic" in sys.modules and any(map(_is_of_pydantic, _parts_of(model)))


def _is_of_pydantic(part: Any) -> bool:
    return hasattr(part, "__pydantic_validator__") or any(
        each.__module__.partition(".")[0] == "pydantic" for each in getattr(part, "__mro__", ())
    )


def _parts_of(model: Any) -> Iterator[Any]:
    """Yield a model, and the types in it."""
    yield model
    if _is_of_pydantic(model):
        return
    for part in get_args(model):
        yield from _parts_of(part)
    with suppress(Exception):  # whatever is wrong with it is said where it is checked
        yield from _classes_of(model)


def _of_pydantic(model: Any, strict: bool | None) -> _Way:
    import pydantic

    if isinstance(model, type) and not hasattr(model, "__pydantic_validator__") and _is_of_pydantic(model):
        raise PlanError(f"validate: {_name_of(model)} is a model of pydantic 1; {_EXPECTED}")
    if model is pydantic.BaseModel:
        raise PlanError(f"validate: {_name_of(model)} is no model: it has no declared fields; {_EXPECTED}")
    try:
        adapter: Any = pydantic.TypeAdapter(model)
        len(adapter.core_schema)  # which is made now where it was put off, as names were not known
    except Exception as error:
        raise _no_model(model, error) from None
    return _Way(partial(adapter.validate_python, strict=strict), pydantic.ValidationError, _violations_of_pydantic)


_CHECKS = ("Value error, ", "Assertion failed, ")


def _violations_of_pydantic(error: Any, record: Any) -> list[Violation]:
    found = []
    for each in error.errors(include_url=False, include_context=False):
        expected, got = each["msg"].removeprefix("Input should be "), _shown(each["input"])
        if each["type"] == "missing":
            expected, got = "a value", NOTHING
        elif each["type"] == "extra_forbidden":
            expected = "no such field"
        elif expected.startswith(_CHECKS):
            expected = _OF_MODEL + expected.partition(", ")[2]
        found.append(Violation(path=_path(each["loc"]), expected=expected, got=got))
    return found
