"""The part of a product that is tested by default leaves no two values out."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest

from tests.operations.cases import CASES
from tests.operations.partitionings import PARTITIONINGS
from tests.pairwise import pairwise

SIZES = [
    (2, 2),
    (2, 2, 2),
    (5, 7),
    (4, 3, 3),
    (3, 8, 3),
    (6, 6, 2, 3),
    (11, 12, 2, 1, 5),
    (len(CASES), len(PARTITIONINGS), 2, 3),
]


@pytest.mark.parametrize("sizes", SIZES)
def test_any_two_values_of_different_dimensions_meet(sizes: tuple[int, ...]) -> None:
    dimensions = list(map(range, sizes))
    rows = pairwise(*dimensions)
    assert len(rows) == len(set(rows)) == sizes[0] * sizes[1]
    for one, other in itertools.combinations(range(len(sizes)), 2):
        assert {(row[one], row[other]) for row in rows} == set(itertools.product(dimensions[one], dimensions[other]))


def test_each_value_of_the_first_two_meets_every_combination_of_the_others() -> None:
    rows = pairwise(range(7), range(6), "ab", "xyz")
    for dimension, values in ((0, range(7)), (1, range(6))):
        for value in values:
            assert len({row[2:] for row in rows if row[dimension] == value}) == 6


def test_a_value_that_is_listed_twice_comes_twice_as_often() -> None:
    turns = [row[2] for row in pairwise(range(3), range(9), "aab")]
    assert (turns.count("a"), turns.count("b")) == (18, 9)


def test_values_are_not_left_out_unnoticed() -> None:
    with pytest.raises(ValueError, match="6 combinations behind dimensions of 9 and 5 values"):
        pairwise(range(9), range(5), "ab", "xyz")


def test_the_whole_product_is_there_for_the_asking() -> None:
    program = "from tests.pairwise import rows; print(len(rows(range(7), range(6), 'ab', 'xyz')))"
    for asked, number in (("all", 7 * 6 * 2 * 3), ("", 7 * 6)):
        environment = {**os.environ, "BAGKIT_PRODUCT": asked}
        ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert (ran.stdout, ran.stderr) == (f"{number}\n", "")
