"""Questions about four times as many bytes as bagkit may hold, and the same asked of plain Python that holds them all.

Answers are single numbers that change if a record is lost, doubled or, where that matters, out of order.
"""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from operator import add
from typing import Any

from benchmarks.contenders import Contender, Job, Setting

LIMIT = 256_000_000
"""How many bytes bagkit may hold."""
KEYS = 4_600_000
"""So many different keys take four times that in a dict."""

QUERY = "orders?sorted-by=date&from=2026-01-01&until=2026-12-31&state=open&currency=EUR&page=1&length=50"

Digest = tuple[int, int, int]


def thousand(record: dict[str, Any]) -> int:
    """Return the thousand seconds that a record falls into: about fifty records have the same."""
    return int(record["ts"]) // 1000


def ordered_digest(records: Iterable[dict[str, Any]]) -> Digest:
    """Return how many records there are, the sum of a number of each, and that of these times their places."""
    count = total = weighted = 0
    for record in records:
        number = record["ts"] * 100 + record["age"]
        total += number
        weighted += number * count
        count += 1
    return count, total, weighted


def joined_digest(digests: Iterable[Digest]) -> Digest:
    """Return the digest of records, from those of parts that follow each other."""
    count = total = weighted = 0
    for part_count, part_total, part_weighted in digests:
        weighted += part_weighted + count * part_total
        total += part_total
        count += part_count
    return count, total, weighted


def group_digest(group: tuple[int, list[dict[str, Any]]]) -> int:
    """Return a number that tells a group from others."""
    key, records = group
    _, total, weighted = ordered_digest(records)
    return key * (total + weighted)


def key_of(number: int, count: int) -> str:
    """Return one of `count` different keys, as long as addresses of pages are."""
    return f"https://www.example.org/customers/{number * 7919 % count:08}/{QUERY}"


def key_digest(key: str) -> int:
    """Return a number that tells a key from others."""
    return zlib.crc32(key.encode())


def pair_digest(pair: tuple[str, int]) -> int:
    """Return a number that tells a key and its count from others."""
    return key_digest(pair[0]) * pair[1]


def itself(key: str) -> str:
    """Return the key."""
    return key


def one_more(count: int, key: str) -> int:
    """Count one more."""
    return count + 1


def records_of(bk: Any, setting: Setting) -> Any:
    """Return the bag of all records."""
    return bk.read_text(setting.paths).map(json.loads)


def keys_of(bk: Any, setting: Setting) -> Any:
    """Return the bag of all keys, each of them twice."""
    return bk.range(2 * setting.tasks, npartitions=16).map(partial(key_of, count=setting.tasks))


def group(bk: Any, setting: Setting) -> Any:
    """Group all records by time."""
    return records_of(bk, setting).groupby(thousand).map(group_digest).sum()


def sort(bk: Any, setting: Setting) -> Any:
    """Sort all records by time."""
    return records_of(bk, setting).sort_by("ts").reduction(ordered_digest, joined_digest)


def distinct(bk: Any, setting: Setting) -> Any:
    """Keep the first record of each second; most are the only one."""
    return records_of(bk, setting).distinct("ts").reduction(ordered_digest, joined_digest)


def distinct_keys(bk: Any, setting: Setting) -> Any:
    """Find the distinct keys."""
    return keys_of(bk, setting).distinct().map(key_digest).sum()


def frequencies(bk: Any, setting: Setting) -> Any:
    """Count each key."""
    return keys_of(bk, setting).frequencies().map(pair_digest).sum()


def foldby(bk: Any, setting: Setting) -> Any:
    """Count each key, by folding."""
    return keys_of(bk, setting).foldby(itself, one_more, 0, add, 0).map(pair_digest).sum()


def all_records(setting: Setting) -> Iterator[dict[str, Any]]:
    """Yield all records, read by the standard library."""
    for path in setting.paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def all_keys(setting: Setting) -> Iterator[str]:
    """Yield all keys."""
    return (key_of(number, setting.tasks) for number in range(2 * setting.tasks))


def group_plainly(setting: Setting) -> Any:
    """Group in one dict."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for record in all_records(setting):
        groups.setdefault(thousand(record), []).append(record)
    return sum(map(group_digest, groups.items()))


def sort_plainly(setting: Setting) -> Any:
    """Sort one list."""
    return ordered_digest(sorted(all_records(setting), key=lambda record: int(record["ts"])))


def distinct_plainly(setting: Setting) -> Any:
    """Keep first records in one dict."""
    first: dict[int, dict[str, Any]] = {}
    for record in all_records(setting):
        first.setdefault(record["ts"], record)
    return ordered_digest(first.values())


def distinct_keys_plainly(setting: Setting) -> Any:
    """Keep keys in one set."""
    return sum(map(key_digest, set(all_keys(setting))))


def frequencies_plainly(setting: Setting) -> Any:
    """Count in one dict."""
    return sum(map(pair_digest, Counter(all_keys(setting)).items()))


def contenders(program: Callable[[Any, Setting], Any], plainly: Callable[[Setting], Any]) -> dict[str, Contender]:
    """Return the contenders: bagkit within its limit, and plain Python in one process, which holds all there is."""

    def bagkit(setting: Setting, keep: ExitStack) -> Job:
        import bagkit as bk

        keep.enter_context(bk.options(memory_limit=setting.memory_limit))
        return lambda: program(bk, setting).compute(workers=setting.workers)

    def plain(setting: Setting, keep: ExitStack) -> Job:
        return lambda: plainly(setting)

    return {"bagkit": bagkit, "plain": plain}


GROUPBY = contenders(group, group_plainly)
SORT = contenders(sort, sort_plainly)
DISTINCT = contenders(distinct, distinct_plainly)
DISTINCT_KEYS = contenders(distinct_keys, distinct_keys_plainly)
FREQUENCIES = contenders(frequencies, frequencies_plainly)
FOLDBY = contenders(foldby, frequencies_plainly)
