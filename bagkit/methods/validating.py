"""Methods that hold records to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.ops import validating
else:
    validating = Lazily("bagkit.ops.validating")

U = TypeVar("U")


class Validating(Making[T_co]):
    """Methods that hold records to a model."""

    __slots__ = ()

    @overload
    def validate(self, model: type[U], *, strict: bool | None = None) -> Bag[U]: ...
    @overload  # of what mypy has no type for, such as int | str
    def validate(self, model: Any, *, strict: bool | None = None) -> Bag[Any]: ...
    def validate(self, model: Any, *, strict: bool | None = None) -> Any:
        """Turn each record into a value of the type `model`; a record that does not fit fails.

        `on_error` and `split_errors` deal with records that fail. `violations` of such a reject say what is wrong:
        `path`, `expected`, `got`. msgspec tells the first violation of a record, pydantic all of them. Only the fields
        of the model are parsed from JSON, unless it is a model of pydantic, forbids unknown fields, or is another kind
        of type.

        Args:
            model: A subclass of msgspec.Struct, a dataclass, a TypedDict, a NamedTuple, or another type that msgspec
                knows, such as `dict[str, int]`; or a model of pydantic 2.
            strict: Whether a value has to be of the declared type already. False also takes `"1"` for an int. None, the
                default: True for msgspec, and for pydantic what the model says. Both take an int for a float, and text
                for a date, a UUID, a Decimal or an enum, and leave out fields that the model does not have.

        Returns:
            A bag with a value of that type for each record, in the same order and in the same partitions.

        Raises:
            PlanError: `model` is not a type that records can have.

        >>> import bagkit as bk
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Order:
        ...     id: int
        ...     tags: list[str]
        >>> records = [{"id": 1, "tags": ["new"]}, {"id": 2, "tags": ["old", 3]}]
        >>> good, bad = bk.from_sequence(records).validate(Order).split_errors()
        >>> bk.compute(good, bad.pluck("violations"), scheduler="sync")
        ([Order(id=1, tags=['new'])], [[{'path': 'tags[1]', 'expected': 'str', 'got': '3 (int)'}]])
        """
        return self._then(validating.Validate(model, strict))
