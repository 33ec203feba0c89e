"""Keys: equal ones have one digest, in every process; keys that can't be told apart are refused."""

from __future__ import annotations

import datetime as dt
import enum
from collections import Counter, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bagkit.exchange.digest import Undigestible, bucket_of, digest, parts_of
from bagkit.flow.buckets import SPREAD
from tests.hash_seeds import outputs_by_hash_seed

Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    YES = "yes"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Place:
    town: str
    number: float
    note: str = field(default="", compare=False)


@dataclass
class Changes:
    town: str


@dataclass(frozen=True)
class Folded:
    town: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Folded) and self.town.lower() == other.town.lower()

    def __hash__(self) -> int:
        return hash(self.town.lower())


class Text(str):
    __slots__ = ()


class Loose(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.lower(self) == str.lower(str(other))

    def __hash__(self) -> int:
        return hash(self.lower())


UTC = dt.timezone.utc  # noqa: UP017
EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))
SAME = [
    (1, 1.0, True, Decimal(1), Fraction(1), 1 + 0j, Level.LOW),
    (0, 0.0, -0.0, False, Decimal("-0")),
    (0.5, Fraction(1, 2), Decimal("0.5")),
    (2**70, float(2**70), Decimal(2**70)),
    (float("inf"), Decimal("Infinity")),
    ("yes", Word.YES, Text("yes")),
    ((1, 2), Point(1, 2), (1.0, True + 1)),
    (frozenset(["a", 1]), frozenset([1.0, "a"])),
    (range(0), range(5, 5)),
    (range(0, 3, 2), range(0, 4, 2)),
    (Place("a", 1), Place("a", 1.0, "differs")),
    (dt.datetime(2024, 1, 1, 12, tzinfo=UTC), dt.datetime(2024, 1, 1, 17, 30, tzinfo=EAST)),
    (dt.datetime(2024, 1, 1, fold=1), dt.datetime(2024, 1, 1)),
    (dt.time(12, tzinfo=UTC), dt.time(17, 30, tzinfo=EAST)),
    (dt.timedelta(hours=24), dt.timedelta(days=1)),
]


@pytest.mark.parametrize("keys", SAME, ids=lambda keys: "-".join([type(key).__name__ for key in keys]))
def test_equal_keys_have_one_digest(keys: tuple[Any, ...]) -> None:
    assert all(key == keys[0] and hash(key) == hash(keys[0]) for key in keys)
    assert len({digest(key) for key in keys}) == 1


def test_others_have_others() -> None:
    keys = [None, 0, 1, 2, -3, "", "a", "b", b"a", "1", 1.5, (), (1,), ((1,),), (1, 2), (2, 1), frozenset(),
            frozenset([1]), Colour.RED, Colour.BLUE, Access.READ, Access.WRITE, Access.READ | Access.WRITE,
            Place("a", 1), Place("b", 1),
            dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=UTC), dt.time(1), UUID(int=1),
            dt.timedelta(1), range(2), ..., int, str, PurePosixPath("a"), PurePosixPath("b")]  # fmt: skip
    assert len({digest(key) for key in keys}) == len(keys)


KEYS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from([Decimal(1), Decimal("0.5"), Fraction(1, 2), Fraction(3), 1 + 0j, *Level, *Word, *Colour])
    | st.text(max_size=3)
    | st.binary(max_size=2)
    | st.dates()
    | st.datetimes(timezones=st.sampled_from([None, UTC, EAST]))
    | st.builds(Place, st.sampled_from("ab"), st.sampled_from([0, 0.0, 1, True])),
    lambda inner: (
        st.tuples(inner) | st.tuples(inner, inner) | st.builds(Point, inner, inner) | st.frozensets(inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.lists(KEYS, max_size=30))
def test_equal_keys_meet(keys: list[Any]) -> None:
    buckets: dict[Any, int] = {}
    for key in keys:
        assert buckets.setdefault(key, digest(key)) == digest(key)


GOLDEN: list[tuple[Any, int]] = [
    (0, 0),
    (1, 1),
    (-1, 18446744073709551614),
    (2**70, 512),
    (0.5, 1152921504606846976),
    ("", 6004514363145191424),
    ("text", 6004514364144199623),
    ("é\n", 6004514367234121653),
    (b"text", 4780944839406233543),
    (None, 1315925605),
    (..., 3026478),
    ((), 500186508389),
    ((1, "a", None), 3992675532501207513),
    (frozenset(["a", "b", 3]), 557896959989426786),
    (Colour.RED, 6461270518207011051),
    (Place("a", 2), 18236941399493491460),
    (dt.date(2024, 2, 29), 11220280179981581942),
    (dt.datetime(2024, 2, 29, 12, 30, 1, 5), 15770746008320883508),
    (UUID(int=7), 6437156463321359995),
    (Access.READ, 17345772979764920969),
    (range(3), 10130763134820131368),
    (PurePosixPath("/a/b"), 14327080909017540241),
]


@pytest.mark.parametrize(("key", "expected"), GOLDEN, ids=[f"{type(key).__name__}-{value}" for key, value in GOLDEN])
def test_digests_stay_as_they_are(key: Any, expected: int) -> None:
    assert digest(key) == expected


def test_no_digest_depends_on_the_process() -> None:
    code = (
        "from tests.exchange.test_digest import *; "
        "print([digest(key) for key in [*[key for keys in SAME for key in keys], None, 'text', ('a', None, b'c'),"
        "frozenset('abcdefgh'), *Colour, Access.READ, Place('x', 2), dict, float('nan')]])"
    )
    assert len(outputs_by_hash_seed(code)) == 1


@pytest.mark.parametrize("key", [object(), Folded("a"), Loose("a"), len, lambda: 1, (1, object()), (1.0, float("nan")),
                                 complex("nan"), frozenset([float("nan")])],
                         ids=lambda key: type(key).__name__)  # fmt: skip
def test_keys_of_unknown_equality_are_refused(key: Any) -> None:
    with pytest.raises(Undigestible, match=r"\w"):
        digest(key)


@pytest.mark.parametrize("key", [[], {}, set(), Changes("a"), ([],), bytearray()], ids=repr)
def test_what_has_no_hash_is_no_key(key: Any) -> None:
    with pytest.raises(TypeError, match="unhashable") as caught:
        digest(key)
    assert not isinstance(caught.value, Undigestible)


def test_numpy_scalars_meet_plain_ones() -> None:
    for scalar, plain in [
        (numpy.int64(3), 3),
        (numpy.float32(0.5), 0.5),
        (numpy.bool_(True), 1),
        (numpy.str_("a"), "a"),
    ]:
        assert digest(scalar) == digest(plain)
    with pytest.raises(Undigestible, match="numpy"):
        digest(numpy.datetime64("2024-01-01"))


@pytest.mark.parametrize("keys", [range(10_000), list(map(str, range(10_000))), [(n, "x") for n in range(10_000)]],
                         ids=["ints", "texts", "tuples"])  # fmt: skip
@pytest.mark.parametrize("count", [2, 7, 16])
def test_keys_spread_evenly_and_again_with_another_salt(keys: Any, count: int) -> None:
    sizes = Counter(bucket_of(key, count) for key in keys)
    assert len(sizes) == count
    assert max(sizes.values()) < 1.3 * len(keys) / count
    for one, other in [(0, 1), (1, 2), (1, 3), (2, 3), (3, 4), (7, 8)]:
        together = [key for key in keys if bucket_of(key, count, one) == 0]
        again = Counter(bucket_of(key, count, other) for key in together)
        assert len(again) == count
        assert max(again.values()) < 1.8 * len(together) / count


@pytest.mark.parametrize("step", [1, 2, 10, 64, 1000, 86_400, 2**32])
def test_numbers_that_are_not_mixed_spread_evenly_too(step: int) -> None:
    keys = range(0, 20_000 * step, step)
    sizes = [len(part) for part in parts_of(keys, SPREAD).values()]
    assert len(sizes) == SPREAD
    assert max(sizes) - min(sizes) < 2


@given(
    st.one_of(
        st.lists(st.text("ab\u00e9\ud800", max_size=4)),
        st.lists(st.integers(-(2**70), 2**70) | st.sampled_from([0, -1, -2, 2**61 - 1, 2**61, -(2**63)])),
        st.lists(st.one_of(st.text(max_size=2), st.integers(), st.floats(), st.none(), st.booleans())),
    ),
    st.integers(1, 40) | st.just(SPREAD),
)
def test_many_keys_go_where_each_of_them_does(keys: list[Any], count: int) -> None:
    parts = parts_of(keys, count)
    assert all(parts.values())
    for number in range(count):
        own = [repr(key) for key in keys if count == 1 or bucket_of(key, count) == number]
        assert list(map(repr, parts.get(number, []))) == own


def test_a_key_without_a_digest_among_others() -> None:
    with pytest.raises(Undigestible) as caught:
        parts_of(["a", 1, len], 2)
    assert caught.value.key is len
    assert parts_of([len], 1) == {0: [len]}
