"""Methods that find texts which are nearly the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bagkit.lazily import Lazily
from bagkit.lazy.arguments import bag_plan
from bagkit.methods.making import Making, T_co
from bagkit.ops.elementwise import Map
from bagkit.ops.regroup import Concat, Partitions
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from typing import Unpack

    from bagkit.bag import Bag
    from bagkit.exchange import group
    from bagkit.ops import grouping, tables
    from bagkit.ops import near as ops
    from bagkit.signatures import Field, NearOptions
else:
    group = Lazily("bagkit.exchange.group")
    grouping = Lazily("bagkit.ops.grouping")
    ops = Lazily("bagkit.ops.near")
    tables = Lazily("bagkit.ops.tables")


class NearDuplicates(Making[T_co]):
    """Methods that find texts which are nearly the same."""

    __slots__ = ()

    def near_distinct(
        self,
        key: Callable[[T_co], str] | Field,
        threshold: float = 0.8,
        *,
        against: Bag[Any] | None = None,
        **how: Unpack[NearOptions],
    ) -> Bag[T_co]:
        """Keep the first of each group of records whose texts are nearly the same.

        A shingle is a run of words. Two texts are near duplicates if they have a share of `threshold` or more of their
        shingles in common. A group is a chain of records, each a near duplicate of another one in it. MinHash and LSH
        find pairs, whose shingles are then all compared: so no pair counts that is less alike than `threshold`, and at
        least 98 % of the pairs just at the threshold are found. It needs numpy: `pip install 'bagkit[near]'`.

        Args:
            key: The text of a record: a function of a record, or the name or position of a field. Blanks separate
                words; upper and lower case differ.
            threshold: The Jaccard similarity of near duplicates, above 0 and up to 1. Default: 0.8.
            against: A bag of records of the same form. Near duplicates of its records are dropped too, as if its
                records came first. None: no such bag.
            **how: How texts are compared. `shingle` says how many words, or characters, a shingle has, from 1 up; a
                text with fewer is one shingle. Default: 3. `unit` is "words", the default, or "characters", for short
                texts and languages without blanks: with a `shingle` of 5, say. `permutations` says how many numbers
                stand for a text, from 1 to 1024: with more, fewer pairs are compared in vain, and making them takes
                longer. Default: 128. `seed` says which permutations are used; the result is the same on every run with
                the same seed. Default: 1.

        Returns:
            A bag of the records that are kept, in order, in the same partitions.

        Raises:
            PlanError: An argument has a value that is not allowed, or `against` is not a bag.
            MissingExtraError: numpy is not installed.
            TypeError: When the bag is computed: the text of a record is no str.

        >>> import bagkit as bk
        >>> b = bk.from_sequence(["to be or not to be that is it", "to be or not to be that is", "or not"], 2)
        >>> b.near_distinct(str, threshold=0.8).compute(scheduler="sync")
        ['to be or not to be that is it', 'or not']
        """
        near = ops.near("near_distinct", key, threshold, **how)
        numbered = self._numbered(near, against)
        picked = numbered._bag(Plan(ops.PickTexts(near), (numbered.plan, _groups(numbered, near))))
        if against is None:
            return picked
        count = picked.npartitions
        return picked._then(Partitions(count - self.npartitions, count))

    def near_groups(
        self,
        key: Callable[[T_co], str] | Field,
        threshold: float = 0.8,
        *,
        against: Bag[Any] | None = None,
        **how: Unpack[NearOptions],
    ) -> Bag[list[Any]]:
        """Bring the records together whose texts are nearly the same.

        `near_distinct` keeps the first record of each of these groups; its help says what near duplicates are, and how
        they are found. It needs numpy: `pip install 'bagkit[near]'`.

        Args:
            key: The text of a record: a function of a record, or the name or position of a field. Blanks separate
                words; upper and lower case differ.
            threshold: The Jaccard similarity of near duplicates, above 0 and up to 1. Default: 0.8.
            against: A bag of records of the same form. The result then has only groups with records of both bags, and
                the records of `against` come first. None: groups of this bag alone.
            **how: How texts are compared: `shingle`, `unit`, `permutations` and `seed`, as for `near_distinct`.

        Returns:
            A bag of lists of two records or more, each in the order of the bag. Groups come in the order of their first
            records.

        Raises:
            PlanError: An argument has a value that is not allowed, or `against` is not a bag.
            MissingExtraError: numpy is not installed.
            TypeError: When the bag is computed: the text of a record is no str.
            GroupTooLargeError: When the bag is computed: the records of one group do not fit into memory.

        >>> import bagkit as bk
        >>> b = bk.from_sequence(["to be or not to be that is it", "to be or not to be that is", "or not"], 2)
        >>> b.near_groups(str, threshold=0.8).compute(scheduler="sync")
        [['to be or not to be that is it', 'to be or not to be that is']]
        """
        near = ops.near("near_groups", key, threshold, **how)
        numbered = self._numbered(near, against, keep=True)
        members = numbered._bag(Plan(ops.PickTexts(near, members=True), (numbered.plan, _groups(numbered, near))))
        emit = ops.GroupsOf(against is not None)
        groups = members._then(grouping.by_first_field("near_groups", group.Gather(), emit, self.npartitions))
        return groups.sort_by(0).pluck(1)

    def _numbered(self, near: ops.Near, against: Any, keep: bool = False) -> Bag[Any]:
        """Return `((whether its own, record, text), number)` for each record of `against`, then of this bag."""
        texts = self._then(ops.TextsOf(near, own=True, keep=True))
        if against is None:
            return texts.zip_with_index()
        others = Plan(ops.TextsOf(near, own=False, keep=keep), (bag_plan(near.name, against),))
        return texts._bag(Plan(Concat(), (others, texts.plan))).zip_with_index()


def _groups(numbered: Bag[Any], near: ops.Near) -> Plan:
    """Return the plan of the numbers of all records in groups, and the first number of each one's group."""
    equal = numbered._then(Map(ops.by_digest))._then(
        tables.folded_pairs(near.name, ops.with_equal, ops.equal_together, (list,), None)
    )
    sketches = equal._then(ops.Sketches(near))
    texts = sketches.pluck([0, 1])
    pairs = sketches._then(ops.SharedBands(near))
    with_first = texts._bag(Plan(ops.first_texts(near), (texts.plan, pairs.plan)))
    alike = texts._bag(Plan(ops.second_texts(near), (texts.plan, with_first.plan)))
    all_pairs = alike.union(sketches.flat_map(ops.pairs_of_equal))
    return Plan(ops.linked(near), (all_pairs.plan,))
