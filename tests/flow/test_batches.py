"""Batches of records, as tasks give them."""

from __future__ import annotations

import pytest

from bagkit.flow.batches import Batches


@pytest.mark.parametrize("parsed", [True, False])
def test_batches_that_are_kept_are_made_of_what_they_were_made_of(parsed: bool) -> None:
    kept = Batches(iter([[1], [2, 3]]), parsed).kept()
    assert [list(kept), list(kept)] == [[[1], [2, 3]]] * 2
    assert kept.parsed == parsed, "which says how they may travel"
