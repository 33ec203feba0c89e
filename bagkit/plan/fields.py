"""Fields of records: their keys, their order, their names for people, and which of them are needed."""

from __future__ import annotations

from operator import eq

from bagkit.plan.kinds import ALL, Field, Fields


def within(wanted: Fields, given: frozenset[Field]) -> frozenset[Field]:
    """Return the `given` fields, or parts of them, that are needed to find `wanted`, or to see that it is not there.

    >>> sorted(within(frozenset({("a", "b"), "c", "d"}), frozenset({"a", ("c", "e"), "f"})))
    [('a', 'b'), ('c', 'e')]
    """
    if wanted is ALL:
        return given
    found: set[Field] = set()
    for one in wanted:
        for other in given:
            keys, leading = keys_of(one), keys_of(other)
            if keys[: len(leading)] == leading:
                found.add(one)
            elif keys[0] == leading[0]:
                found.add(other)
    return frozenset(found)


def overlaps(field: Field, fields: Fields) -> bool:
    """Say whether a field is one of `fields`, or a part of one, or one is a part of it.

    >>> overlaps(("a", "b"), frozenset({"a"})), overlaps("a", frozenset({("a", "b")}))
    (True, True)
    >>> overlaps(("a", "b"), frozenset({("a", "c"), "d"}))
    False
    """
    if fields is ALL:
        return True
    keys = keys_of(field)
    return any(all(map(eq, keys, keys_of(other))) for other in fields)


def keys_of(field: Field) -> tuple[str, ...]:
    """Return the keys that lead to a field.

    >>> keys_of("a"), keys_of(("a", "b"))
    (('a',), ('a', 'b'))
    """
    return (field,) if isinstance(field, str) else field


def shown_fields(fields: frozenset[Field]) -> str:
    """Return the names of fields, for people.

    >>> shown_fields(frozenset({"name", ("address", "city")}))
    'address.city, name'
    """
    return ", ".join(map(shown_field, in_order(fields))) or "none"


def shown_field(field: Field) -> str:
    """Return the name of a field, for people."""
    return ".".join(keys_of(field))


def in_order(fields: frozenset[Field]) -> tuple[Field, ...]:
    """Return fields in the order of their keys."""
    return tuple(sorted(fields, key=keys_of))
