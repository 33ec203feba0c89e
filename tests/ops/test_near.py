"""near_distinct and near_groups against the exact Jaccard similarity of all pairs, and texts that are hostile."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import combinations, pairwise
from typing import Any

import pytest

import bagkit as bk
from bagkit.ops import _near_pairs
from bagkit.ops._minhash import MinHash


def some_texts(families: int = 120, seed: int = 5) -> list[str]:
    """Return texts of 30 words: many alone, some with copies that have up to three other words."""
    chance = random.Random(seed)
    words = [f"w{number}" for number in range(900)]
    texts = []
    for _ in range(families):
        text = chance.choices(words, k=30)
        texts.append(" ".join(text))
        for _ in range(chance.choice([0, 0, 1, 1, 3])):
            copy = text.copy()
            for _ in range(chance.randint(0, 3)):
                copy[chance.randrange(30)] = chance.choice(words)
            texts.append("  ".join(copy))
    chance.shuffle(texts)
    return texts


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return set(pairwise(words))


def alike(texts: list[str], threshold: float) -> list[tuple[int, int]]:
    """Return all pairs whose Jaccard similarity is the threshold or more."""
    sets = list(map(shingles, texts))
    return [
        (one, other)
        for one, other in combinations(range(len(texts)), 2)
        if len(sets[one] & sets[other]) >= threshold * len(sets[one] | sets[other])
    ]


def groups_of(pairs: list[tuple[int, int]], count: int) -> list[list[int]]:
    first = list(range(count))
    for one, other in pairs:
        low, high = sorted((first[one], first[other]))
        first = [low if each == high else each for each in first]
    return [group for each in range(count) if (group := [n for n in range(count) if first[n] == each])]


TEXTS = some_texts()
RECORDS = [{"id": number, "text": text} for number, text in enumerate(TEXTS)]


@pytest.mark.parametrize(("scheduler", "npartitions"), [("sync", 1), ("sync", 7), ("processes", 4)])
def test_groups_are_those_of_exact_jaccard(scheduler: Any, npartitions: int) -> None:
    pairs = alike(TEXTS, 0.7)
    exact = groups_of(pairs, len(TEXTS))
    bag = bk.from_sequence(RECORDS, npartitions=npartitions)
    kept = bag.near_distinct("text", 0.7, shingle=2)
    grouped = bag.near_groups("text", 0.7, shingle=2)
    assert kept.npartitions == bag.npartitions
    distinct, groups = bk.compute(kept.pluck("id"), grouped, scheduler=scheduler, workers=2)
    found = [[record["id"] for record in group] for group in groups]
    group_of = {number: group for group in found for number in group}
    missed = [pair for pair in pairs if pair[1] not in group_of.get(pair[0], ())]
    assert len(pairs) > 80
    assert len(missed) <= 0.02 * len(pairs)
    assert all(any(set(group) <= set(all_of_it) for all_of_it in exact) for group in found)
    assert found == sorted(map(sorted, found))
    dropped = {number for group in found for number in group[1:]}
    assert distinct == [number for number in range(len(TEXTS)) if number not in dropped]


def test_against_another_bag_is_as_if_it_came_before() -> None:
    old, new = RECORDS[:90], RECORDS[90:]
    bag, other = bk.from_sequence(new, npartitions=3), bk.from_sequence(old, npartitions=2)
    kept = bag.near_distinct("text", 0.7, shingle=2, against=other)
    both = bk.from_sequence(RECORDS, npartitions=2)
    assert kept.npartitions == 3
    assert list(kept) == [r for r in both.near_distinct("text", 0.7, shingle=2) if r["id"] >= 90]
    groups = list(both.near_groups("text", 0.7, shingle=2))
    expected = [group for group in groups if group[0]["id"] < 90 <= group[-1]["id"]]
    assert expected
    assert list(bag.near_groups("text", 0.7, shingle=2, against=other)) == expected


def test_hostile_texts() -> None:
    long = "x" * 100_000 + " " + " ".join(map(str, range(50_000)))
    texts = ["", " \n", "\ud800 odd", "a", "a", long, "end", long + " more", *["one giant group"] * 3000]
    bag = bk.from_sequence(texts, npartitions=5)
    with bk.options(scheduler="sync", memory_limit="64 MB"):
        assert list(bag.near_distinct(str)) == ["", "\ud800 odd", "a", long, "end", "one giant group"]
        assert list(map(len, bag.near_groups(str))) == [2, 2, 2, 3000]
        assert list(bk.from_sequence([], npartitions=2).near_distinct(str)) == []
        assert list(bk.from_sequence(["", "b"]).near_groups(lambda text: text, 1)) == []


def test_a_band_of_many_texts_is_one_group_and_does_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_near_pairs, "WINDOW", 16)
    texts = [
        "the same words stand in each line of this log but not the number at its end " + str(n) for n in range(900)
    ]
    bag = bk.from_sequence(texts, npartitions=4)
    with bk.options(scheduler="sync", memory_limit="2 MB"):
        assert list(bag.near_distinct(str, 0.7)) == texts[:1]


@pytest.mark.parametrize(
    ("record", "error", "says"),
    [
        ({"text": None}, TypeError, "near_distinct: the text is None (NoneType); expected str; hint: give a function"),
        ({"other": ""}, KeyError, "'text'"),
    ],
)
def test_a_record_without_text_fails_with_its_place_or_is_left_out(record: Any, error: Any, says: str) -> None:
    bag = bk.from_sequence([{"text": "a"}, record, {"text": "a"}], npartitions=1).near_distinct("text")
    with pytest.raises(error) as raised:
        bag.compute(scheduler="sync")
    assert says in str(raised.value)
    assert "near_distinct('text')" in "".join(raised.value.__notes__)
    with pytest.warns(bk.SkippedRecordsWarning, match="1 record skipped"):
        assert bag.compute(scheduler="sync", on_error="skip") == [{"text": "a"}]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"threshold": 0}, "near_groups: threshold is 0; expected a number above 0, up to 1"),
        ({"threshold": True}, "near_groups: threshold is True; expected a number above 0, up to 1"),
        ({"permutations": 0}, "near_groups: permutations is 0; expected an int from 1 to 1024"),
        ({"shingle": 0}, "near_groups: shingle is 0; expected an int of 1 or more"),
        ({"unit": "lines"}, "near_groups: unit is 'lines'; expected 'words' or 'characters'"),
        ({"seed": None}, "near_groups: seed is None; expected an int"),
        (
            {"threshold": 0.01},
            "near_groups: 128 permutations do not find 98 % of the pairs at threshold 0.01; "
            "hint: give more permutations, or a higher threshold",
        ),
    ],
)
def test_arguments_that_are_not_allowed(arguments: Any, says: str) -> None:
    with pytest.raises(bk.PlanError) as raised:
        bk.range(3, 1).map(str).near_groups(str, **arguments)
    assert str(raised.value) == says


def test_without_numpy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(bk.MissingExtraError, match=r"'numpy' is not installed, .* for near_distinct.*bagkit\[near\]"):
        bk.range(3, 1).near_distinct(str)


def test_bands_are_the_same_everywhere_and_explain_says_them(capsys: pytest.CaptureFixture[str]) -> None:
    made = "MinHash(3, 'words', 2, 7).sketches_of(['to be or not'])"
    program = f"from bagkit.ops._minhash import MinHash; print({made}[0][0].hex())"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "ba5fc750118062a58e20f4cae042ee4c"
    bk.from_sequence(TEXTS).near_distinct(str).explain()
    shown = "near_distinct(str, threshold=0.8; 126 permutations in 18 bands of 7, shingles of 3 words)"
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize("unit", ["words", "characters"])
@pytest.mark.parametrize("shingle", [1, 3, 70])
def test_bands_of_a_text_know_nothing_of_those_beside_it(unit: Any, shingle: int) -> None:
    texts = ["a b c d", "", "a", "b c", "\ud800 e\u0301 c d e f", " ".join(map(str, range(5000))), "c d e f g h i", ""]
    sketches_of = MinHash(shingle, unit, 18, 7).sketches_of
    assert sketches_of(texts) == [sketches_of([text])[0] for text in texts]
    assert sketches_of([]) == []
    assert sketches_of(["", ""]) == [(b"", b"")] * 2
