"""compute, persist, optimize over bags, items and delayed values; bags of delayed values and the other way."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import OptionError, PlanError


def noted(seen: list[Any]) -> Any:
    def note(x: Any) -> Any:
        seen.append(x)
        return x

    return note


class TestCompute:
    def test_containers_and_what_is_not_lazy(self) -> None:
        b = bk.range(4, npartitions=2)
        one = bk.delayed(abs)(-1)
        assert bk.compute([one, b.sum()]) == ([1, 6],)
        assert bk.compute(b, {"a": (b.max(), one)}, 5, "text") == ([0, 1, 2, 3], {"a": (3, 1)}, 5, "text")
        assert bk.compute() == ()
        assert bk.compute(1, [2]) == (1, [2])

    def test_a_file_that_several_read_is_read_once(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_text("3\n1\n2\n")
        seen: list[str] = []
        y = bk.read_text(path).map(noted(seen)).map(int)
        assert bk.compute(y.min(), y.max(), bk.delayed(sum)(y), scheduler="sync") == (1, 3, 6)
        assert seen == ["3\n", "1\n", "2\n"]

    def test_wrong_options_are_errors_of_the_call(self) -> None:
        with pytest.raises(OptionError, match="no option is called 'schedular'"):
            bk.compute(1, schedular="sync")

    def test_keywords_that_only_dask_takes_have_no_effect_and_a_warning_says_so(self) -> None:
        b = bk.range(4, npartitions=2)
        computing: list[tuple[str, Any, Any]] = [
            ("compute", b.compute, [0, 1, 2, 3]), ("compute", b.sum().compute, 6),
            ("compute", bk.delayed(abs)(-1).compute, 1), ("compute", functools.partial(bk.compute, b.sum(), 5), (6, 5)),
            ("persist", lambda **given: b.persist(**given).compute(), [0, 1, 2, 3]),
        ]  # fmt: skip
        for name, compute, expected in computing:
            said = (
                f"^{name}: no option is called 'chunksize', 'bogus_keyword', so it has no effect; options are scheduler"
            )
            with pytest.warns(UserWarning, match=said) as told:
                assert compute(chunksize=2, scheduler="sync", bogus_keyword=10) == expected
            assert [each.filename for each in told] == [__file__]
            with pytest.raises(OptionError, match=r"no option is called 'on_eror'; .*; did you mean 'on_error'\?"):
                compute(chunksize=2, on_eror="skip")

    @pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
    def test_each_can_be_an_argument_of_the_others(self, scheduler: str) -> None:
        b = bk.range(6, npartitions=3)
        one = bk.delayed(abs)(-1)
        made = (
            bk.delayed(len)(b.map(str)),
            bk.delayed(divmod)(b.sum(), 4),
            b.map(lambda x, y: x + y, one),
            b.count().apply(lambda n, k: n * k, one),
            bk.from_delayed([one.__class__(item.plan) for item in [b.map(str).fold(lambda a, c: a + c).apply(list)]]),
        )
        expected = (6, (3, 3), [1, 2, 3, 4, 5, 6], 6, list("012345"))
        assert bk.compute(*made, scheduler=scheduler) == expected

    def test_where_it_runs(self) -> None:
        import os
        import threading

        here = os.getpid()
        where = bk.delayed(lambda *_: (os.getpid() == here, threading.current_thread() is threading.main_thread()))
        assert where().compute() == (True, False)
        assert where(bk.range(3, npartitions=1).sum()).compute() == (True, False)
        assert where(bk.range(3, npartitions=1).map(str)).compute()[0] is False
        with bk.options(scheduler="sync"):
            assert where().compute() == (True, True)

    def test_failures_that_are_collected(self) -> None:
        b = bk.from_sequence(["1", "x"], npartitions=1).map(int)
        (collected,) = bk.compute([b.sum()], on_error="collect", scheduler="sync")
        assert collected[0].result == 1
        assert len(collected[0].failures) == 1


class TestPersist:
    def test_what_follows_starts_from_the_results(self) -> None:
        seen: list[int] = []
        b = bk.range(5, npartitions=2).map(noted(seen))
        value = bk.delayed(noted(seen))(10)
        kept, total, (same,), text = bk.persist(b, b.sum(), [value], "text", scheduler="sync")
        assert text == "text"
        assert sorted(seen) == [0, 1, 2, 3, 4, 10]
        assert (kept.npartitions, kept.compute(), int(total), same.compute()) == (2, [0, 1, 2, 3, 4], 10, 10)
        assert (type(kept), type(total), type(same)) == (bk.Bag, bk.Item, bk.Delayed)
        assert kept.map_partitions(lambda part: [len(part)]).compute(scheduler="sync") == [2, 3]
        assert same.key == value.key
        assert len(seen) == 6

    @pytest.mark.parametrize("scheduler", ["threads", "processes"])
    def test_partitions_stay_as_they_are(self, scheduler: str) -> None:
        b = bk.range(300, npartitions=150).filter(lambda x: x % 3)
        sizes = b.persist(scheduler=scheduler).map_partitions(lambda part: [len(part)]).compute(scheduler="sync")
        assert sizes == b.map_partitions(lambda part: [len(part)]).compute(scheduler="sync")

    def test_methods(self) -> None:
        assert bk.range(3, npartitions=1).persist().compute() == [0, 1, 2]
        assert int(bk.range(3, npartitions=1).sum().persist()) == 3
        pair = bk.delayed(divmod, nout=2)(7, 2).persist()
        assert [part.compute() for part in pair] == [3, 1]


class TestOptimize:
    def test_the_answers_stay(self) -> None:
        b = bk.from_sequence([json.dumps({"a": n, "b": [n]}) for n in range(6)], npartitions=2)
        names = b.map(json.loads).pluck("a")
        fast, value, plain = bk.optimize(names, bk.delayed(abs)(-2), 3)
        assert "parse_json(fields: a)" in repr(fast)
        assert fast.map(lambda x: x + 1).compute(scheduler="sync") == [1, 2, 3, 4, 5, 6]
        assert (value.compute(), plain) == (2, 3)


class TestBagsOfDelayed:
    @pytest.mark.parametrize("scheduler", ["sync", "processes"])
    def test_a_partition_for_each(self, scheduler: str) -> None:
        parts = [bk.delayed(range)(n) for n in (2, 0, 3)]
        b = bk.from_delayed(parts)
        assert b.npartitions == 3
        assert b.map(str).compute(scheduler=scheduler) == ["0", "1", "0", "1", "2"]
        assert b.sum().compute(scheduler=scheduler) == 4
        assert bk.from_delayed(parts[2]).take(2) == (0, 1)

    def test_back_and_forth(self) -> None:
        b = bk.range(5, npartitions=2).map(str)
        parts = b.to_delayed()
        assert bk.compute(*parts, scheduler="sync") == (["0", "1"], ["2", "3", "4"])
        assert bk.from_delayed([part + ["x"] for part in parts]).compute(scheduler="sync") == list("01x234x")  # noqa: RUF005
        assert (b.count().to_delayed() + 1).compute(scheduler="sync") == 6

    def test_generators_are_partitions(self) -> None:
        def numbers(n: int) -> Any:
            yield from range(n)

        assert bk.from_delayed([bk.delayed(numbers)(3)]).compute(scheduler="sync") == [0, 1, 2]

    @pytest.mark.parametrize(
        ("value", "hint"), [("text", "[value]"), (3, "[value]"), ({"a": 1}, "list(value.items())")]
    )
    def test_what_is_no_partition(self, value: Any, hint: str) -> None:
        bag = bk.from_delayed([bk.delayed(lambda: value)()])
        with pytest.raises(PlanError) as caught:
            bag.compute(scheduler="sync")
        assert str(caught.value).startswith(f"from_delayed: a value computes to {value!r} of type ")
        assert str(caught.value).endswith(f"hint: for a single record let its function return {hint}")

    @pytest.mark.parametrize("wrong", [[], [1], 5, bk.range(2, 1)])
    def test_what_it_can_not_be_made_of(self, wrong: Any) -> None:
        with pytest.raises(PlanError, match=r"from_delayed: got .*; expected one delayed value or item, or a list"):
            bk.from_delayed(wrong)

    def test_a_failing_record_has_a_place(self) -> None:
        b = bk.from_delayed([bk.delayed(list)("12x")]).map(int)
        with pytest.raises(ValueError, match="invalid literal") as caught:
            b.compute(scheduler="sync")
        assert "at the result of from_delayed, record 2" in caught.value.__notes__
        assert b.sum().compute(scheduler="sync", on_error="collect").result == 3
