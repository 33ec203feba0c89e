"""What reductions keep while they take records."""

from __future__ import annotations

from bagkit.ops.reductions import Keeping


def test_a_list_of_records_grows_and_is_not_copied_for_each_block() -> None:
    keeping = Keeping(of=lambda records: [2 * record for record in records], most=5)
    keeping.take([1, 2])
    first = keeping.state()
    keeping.take([3, 4])
    keeping.take([5, 6])
    assert keeping.state() == [2, 4, 6, 8, 10]
    assert keeping.state() is first
