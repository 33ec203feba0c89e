"""A finished state to a DataProfile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bagkit.ops._sketch import estimate
from bagkit.profiling import numbers as kept
from bagkit.profiling.duplicates import Duplicates
from bagkit.profiling.kinds import ANY, ITEMS, Steps, path_text
from bagkit.profiling.lines import BadLines
from bagkit.profiling.looks import STANDARD
from bagkit.profiling.numbers import Numbers
from bagkit.profiling.parts import (
    BadLineProfile,
    DuplicateProfile,
    NumberProfile,
    PathProfile,
    TextProfile,
    largest_first,
)
from bagkit.profiling.paths import PathNode
from bagkit.profiling.result import DataProfile
from bagkit.profiling.runs import Runs
from bagkit.profiling.state import State
from bagkit.profiling.texts import ERROR, PathTexts

TOP: Final = 10


def profile_of(state: State, keys: Sequence[tuple[Steps, ...]]) -> DataProfile:
    """Return the profile of all records that a state is of."""
    paths = {each.path: each for each in _paths(state.root, (), None, state.records)}
    names = [", ".join(map(path_text, key)) for key in keys]
    return DataProfile(
        state.records,
        paths,
        _duplicates(state.duplicates, state.runs),
        {name: _duplicates(found, state.runs) for name, found in zip(names, state.keys, strict=True)},
        bad_line_profile(state.bad),
    )


def bad_line_profile(bad: BadLines) -> BadLineProfile:
    """Return what is known of lines that are no JSON."""
    counts = largest_first(bad.counts)
    return BadLineProfile(sum(counts.values()), counts, {reason: bad.examples[reason] for reason in counts})


def _duplicates(found: Duplicates, runs: Runs) -> DuplicateProfile:
    count, error = found.repeated()
    return DuplicateProfile(count, error, found.without, found.repeats(runs) if count else [])


def _paths(node: PathNode, steps: Steps, parent: PathNode | None, records: int) -> Iterator[PathProfile]:
    yield _path(node, steps, parent, records)
    if ANY in steps[-1:]:  # below, each value of this path counts as a record
        records = node.types.total()
    for key, below in node.keys.items():
        yield from _paths(below, (*steps, key), node, records)
    if node.folded is not None:
        node.folded.records = node.filled
        yield from _paths(node.folded, (*steps, ANY), node, records)
    if node.items is not None:
        yield from _paths(node.items, (*steps, ITEMS), node, records)


def _path(node: PathNode, steps: Steps, parent: PathNode | None, records: int) -> PathProfile:
    count = node.types.total()
    types = largest_first(node.types)
    folded = bool(steps) and steps[-1] == ANY and parent is not None and parent.folded is node
    return PathProfile(
        path_text(steps),
        steps,
        count,
        node.records,
        count - node.types["null"],
        node.records / records if records else 0.0,
        _share_of_parent(node, steps, parent),
        types,
        {kind: node.examples[kind] for kind in types},
        _numbers([part for part in (node.ints, node.floats) if part is not None]),
        None if node.texts is None else _texts(node.texts),
        None if node.lengths is None else _numbers([node.lengths]),
        estimate(parent.keys_seen) if folded and parent is not None else None,
        list(parent.some_keys) if folded and parent is not None else [],
    )


def _share_of_parent(node: PathNode, steps: Steps, parent: PathNode | None) -> float:
    if parent is None:
        return 1.0
    if steps[-1] == ITEMS:
        assert parent.lengths is not None
        return 1 - parent.empty_lists / parent.lengths.number
    above = parent.types["dict"]
    if steps[-1] == ANY:
        return (above - parent.empty_dicts) / above
    return node.types.total() / above


def _numbers(parts: list[Numbers]) -> NumberProfile | None:
    if not parts:
        return None
    low, high = kept.extremes_of(parts)
    quantiles, error = kept.quantiles_of(parts)
    return NumberProfile(
        sum([part.number for part in parts]),
        low,
        high,
        kept.mean_of(parts),
        quantiles,
        error,
        sum(map(kept.whole_of, parts)),
        sum([part.nan for part in parts]),
        sum([part.infinite for part in parts]),
        kept.counts_of(parts),
    )


def _texts(texts: PathTexts) -> TextProfile:
    settled = texts.settled()
    looks = largest_first({look: count for look, count in settled.items() if look != STANDARD})
    lengths = _numbers([texts.lengths])
    assert lengths is not None
    top = sorted(texts.counts.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    exact = isinstance(texts.seen, set)
    return TextProfile(
        texts.number,
        estimate(texts.seen) if not texts.few else len(texts.counts),
        0.0 if exact or texts.few else ERROR,
        lengths,
        [(text, count) for text, count in top if texts.few or count > 1],
        texts.lost,
        looks,
        {look: texts.examples[look] for look in looks if look in texts.examples},
        settled[STANDARD],
    )


def with_bad(profile: DataProfile, bad: Sequence[BadLines]) -> DataProfile:
    """Return a profile with the lines that are no JSON of its records' ways, in their order."""
    from dataclasses import replace

    if not bad:
        return profile
    first, *others = bad
    for other in others:
        first.merge(other)
    return replace(profile, bad_lines=bad_line_profile(first))
