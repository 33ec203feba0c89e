"""What is known of many texts in little memory.

While there are few different texts each is counted, and all else follows from that in the end. Of many, the ones that
come most often are kept, and what is asked of each text is asked when it comes. Only the counts of the top texts depend
on how texts were cut into pieces then, by no more than is said beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Final

from bagkit.ops._sketch import Seen, add_seen, merge_seen
from bagkit.profiling.examples import SHOWN, Example, Places, example, first_different
from bagkit.profiling.looks import STANDARD, looks_of, not_plain
from bagkit.profiling.numbers import Numbers

FEW: Final = 2048
"""Different texts that are counted each."""
CHARACTERS: Final = 1 << 17
"""How many characters they may have together."""
LONG: Final = 256
"""Characters; longer texts are not among the top ones where there are many."""
BITS: Final = 12
"""Of the registers that count different texts: a standard error of 1.6 percent."""
ERROR: Final = 1.04 / 2 ** (BITS / 2)


class PathTexts:
    """The texts of one path; mutable, of its state."""

    __slots__ = ("characters", "counts", "examples", "few", "lengths", "looks", "lost", "marked", "number", "seen")

    def __init__(self) -> None:
        self.number = 0
        self.few = True
        """Whether `counts` has all texts."""
        self.counts: Counter[str] = Counter()
        self.characters = 0
        """Of the texts in `counts`, as long as these are all."""
        self.lost = 0
        """By how much each of the counts may be too low."""
        self.examples: dict[str, list[Example]] = {}
        """For each look the first texts that have it."""
        # What follows is kept only once there are many.
        self.lengths = Numbers()
        self.looks: Counter[str] = Counter()
        self.marked: dict[str, tuple[str, ...]] = {}
        """Of the texts in `counts` those that look like something."""
        self.seen: Seen = set()

    def take(self, values: Sequence[str], rows: Sequence[int], places: Places) -> None:
        """Take some texts, not none, which stand in those `rows`."""
        self.number += len(values)
        counts = self.counts
        before = len(counts)
        if not self.few:
            self._take_many(values, rows, places)
            return
        counts.update(values)
        grown = len(counts) - before
        if not grown:
            return
        new = list(islice(reversed(counts), grown))
        self.characters += sum(map(len, new))
        for text in not_plain(reversed(new)):
            for look in looks_of(text):
                if look != STANDARD:
                    self._show(look, text, values, rows, places)
        if len(counts) > FEW or self.characters > CHARACTERS:
            self._spread()

    def _show(self, look: str, text: str, values: Sequence[str], rows: Sequence[int], places: Places) -> None:
        shown = self.examples.setdefault(look, [])
        if len(shown) < SHOWN:
            found = example(text, places.at(rows[values.index(text)]))
            if all(found.value != other.value for other in shown):
                shown.append(found)

    def _spread(self) -> None:
        """Stop to count each text."""
        self.few = False
        self._note_all()
        self.counts = Counter({text: count for text, count in self.counts.items() if len(text) <= LONG})
        self._prune()

    def _note_all(self) -> None:
        self._note(self.counts, self.counts)
        lengths: Counter[int] = Counter()
        for text, count in self.counts.items():
            lengths[len(text)] += count
        merge_counts(self.lengths, lengths)

    def _note(self, counts: Counter[str], new: Collection[str]) -> None:
        """Take in what is asked of each text; `new` are those that were not looked at, or are not known any more."""
        self.seen = add_seen(BITS, self.seen, new)
        for text in not_plain(new):
            found = tuple(looks_of(text))
            if found:
                self.marked[text] = found
        for text in self.marked.keys() & counts.keys():
            for look in self.marked[text]:
                self.looks[look] += counts[text]

    def _take_many(self, values: Sequence[str], rows: Sequence[int], places: Places) -> None:
        counts = Counter(values)
        self.lengths.take(list(map(len, values)))
        new = [text for text in counts if text not in self.counts]
        self._note(counts, new)
        for text in new if self.marked else ():
            for look in self.marked.get(text, ()):
                if look != STANDARD:
                    self._show(look, text, values, rows, places)
        if new and max(map(len, new)) > LONG:
            for text in [text for text in new if len(text) > LONG]:
                del counts[text]
                self.marked.pop(text, None)
            self.counts.update(counts)
        else:
            self.counts.update(values)  # in C, which the counts of others are not
        if len(self.counts) > 2 * FEW:
            self._prune()

    def _prune(self) -> None:
        """Keep those that came most often."""
        if len(self.counts) <= FEW:
            return
        most_first = sorted(self.counts.values(), reverse=True)
        least = most_first[FEW - 1]
        kept = {text: count for text, count in self.counts.items() if count > least}
        equal = sorted([text for text, count in self.counts.items() if count == least])
        kept.update(dict.fromkeys(equal[: FEW - len(kept)], least))
        self.counts = Counter(kept)
        self.marked = {text: self.marked[text] for text in self.marked.keys() & self.counts.keys()}
        self.lost += most_first[FEW]

    def merge(self, other: PathTexts) -> None:
        """Take in what another has seen, which comes after it and may change."""
        self.number += other.number
        for look, found in other.examples.items():
            self.examples[look] = first_different((self.examples.get(look, ()), found))
        if self.few and other.few:
            before = set(self.counts)
            self.counts.update(other.counts)
            self.characters += sum([len(text) for text in other.counts if text not in before])
            if len(self.counts) > FEW or self.characters > CHARACTERS:
                self._spread()
            return
        for each in (self, other):
            if each.few:
                each._spread()
        self.counts.update(other.counts)
        self.lost += other.lost
        self.lengths.merge(other.lengths)
        self.looks.update(other.looks)
        self.marked.update(other.marked)
        self.seen = merge_seen(BITS, (self.seen, other.seen))
        self._prune()

    def settled(self) -> Counter[str]:
        """Return how often each look was seen; afterwards `lengths` and `seen` are known as well."""
        if self.few and not self.lengths.number:
            self._note_all()
        return self.looks


def merge_counts(numbers: Numbers, counts: Counter[int]) -> None:
    """Have `numbers` take in how often each came."""
    more = Numbers()
    more.few = counts
    more.number = counts.total()
    numbers.merge(more)
