"""Plans as graphs: how many tasks there are, what they need, and which partitions one of them works on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import bagkit as bk
from bagkit.flow.batches import Batches
from bagkit.flow.report import Report
from bagkit.lower import resize
from bagkit.lower.graph import Graph, Task
from bagkit.lower.lower import lower
from bagkit.lower.policies import error_policies
from bagkit.optimizer import optimize
from bagkit.schedulers.state import RunState


def add(one: Any, other: Any) -> Any:
    return one + other


def graph_of(*made: Any, **options: Any) -> tuple[Graph, list[list[Any]]]:
    return lower(optimize(tuple(each.plan for each in made)), **options)


def tasks_of(*made: Any, **options: Any) -> list[Task]:
    """Return the tasks that are run, in the order of their ranks."""
    graph, keys = graph_of(*made, **options)
    return list(RunState(graph, [key for part in keys for key in part]).tasks)


def count(*made: Any, **options: Any) -> int:
    return len(tasks_of(*made, **options))


class TestElementwise:
    def test_a_partition_is_a_task(self) -> None:
        bag = bk.range(20, 7).map(abs).filter(None).map(str).flatten()
        tasks = tasks_of(bag)
        assert len(tasks) == 7
        assert all(task.needs == () for task in tasks)
        assert {task.label for task in tasks} == {"range → map(abs) → filter(None) → map(str) → flatten"}
        assert [task.place for task in tasks] == [f"partition {n}" for n in range(7)]

    def test_keys_are_in_the_order_of_partitions(self) -> None:
        graph, (keys,) = graph_of(bk.range(20, 7).map(abs))
        assert [key[1] for key in keys] == list(range(7))
        assert set(graph.maker) == set(keys)

    def test_all_tasks_of_a_stage_share_their_work(self) -> None:
        bag = bk.concat([bk.range(20, 7), bk.range(3, 3)]).map(abs)
        assert len({id(task.work) for task in tasks_of(bag)}) == 2
        assert len({id(task.work) for task in tasks_of(bag.sum())}) == 4

    def test_works_carry_no_data(self) -> None:
        records = ["x" * 1000] * 1000
        bag = bk.from_sequence(records, npartitions=2).map(str.upper)
        for made in (bag, bag.count(), bag.repartition(5), bag.map(add, bag), bag.map_partitions(len)):
            for task in tasks_of(made):
                assert len(cloudpickle.dumps(task.work)) < 5000

    def test_without_the_passes_an_operation_may_be_a_task(self) -> None:
        plan = bk.range(6, 3).map(abs).map(str).plan
        graph, _ = lower((plan,))
        assert len(graph.tasks) == 6


class TestReductions:
    @pytest.mark.parametrize(("npartitions", "split_every", "tasks"), [
        (1, None, 1), (2, None, 3), (8, None, 9), (9, None, 9 + 2 + 1), (64, None, 64 + 8 + 1),
        (65, None, 65 + 9 + 2 + 1), (100, None, 100 + 13 + 2 + 1), (100, False, 101),
        (100, 2, 100 + 50 + 25 + 13 + 7 + 4 + 2 + 1),        (100, 100, 101), (100, 99, 100 + 2 + 1), (1, 2, 1),
    ])  # fmt: skip
    def test_states_are_combined_in_a_tree(self, npartitions: int, split_every: Any, tasks: int) -> None:
        assert count(bk.range(1000, npartitions).map(abs).sum(split_every=split_every)) == tasks

    def test_a_combine_takes_neighbours_in_order(self) -> None:
        tasks = tasks_of(bk.range(1000, 20).sum())
        combines = [task for task in tasks if task.label == "combine sum"]
        assert [len(task.needs) for task in combines] == [8, 8, 4]
        leaves = [need for task in combines for need in task.needs]
        assert leaves == [task.keys[0] for task in sorted(tasks, key=lambda t: t.keys[0][1]) if not task.needs]
        assert tasks[-1].needs == tuple(task.keys[0] for task in combines)

    def test_early_states_are_used_up_before_others_are_made(self) -> None:
        labels = [task.label for task in tasks_of(bk.range(1000, 20).sum())]
        assert labels.index("combine sum") == 8

    def test_what_follows_a_reduction_is_in_its_last_task(self) -> None:
        bag = bk.range(100, 5).map(str).frequencies().map(add, 1).filter(None).topk(2).pluck(0)
        assert count(bag) == 6

    def test_a_whole_merge_is_one_step(self) -> None:
        bag = bk.range(1000, 100)
        assert count(bag.foldby(abs, max, combine_initial=0)) == 101
        assert count(bag.reduction(sum, sum)) == 101
        assert count(bag.reduction(sum, sum, split_every=8)) == 116

    def test_with_a_policy_the_only_partition_has_a_task_of_its_own(self) -> None:
        bag = bk.range(10, 1).distinct(abs)
        assert count(bag) == 1
        assert count(bag, on_error="skip") == 2
        assert count(bag.on_error("collect")) == 2


class TestSharing:
    def test_what_is_used_twice_is_made_once(self) -> None:
        bag = bk.range(12, 4).map(abs)
        assert count(bag.map(add, bag)) == 4  # one stream of records, used twice
        assert count(bag.map(add, bag), bag) == 4
        assert count(bag, bag) == 4
        assert count(bk.concat([bag, bag])) == 4 + 8
        assert count(bag.sum(), bag.count()) == 4 + 2  # each partition is one task, which gives both states
        assert count(bag.map(add, bag.sum())) == 4 + 1 + 4  # the first give records and states

    def test_what_is_in_memory_is_not_kept_for_others(self) -> None:
        bag = bk.range(12, 4)
        assert count(bag.map(add, bag)) == 4
        assert count(bag.map(add, bag.map(abs))) == 4

    def test_values_are_made_once(self) -> None:
        total = bk.range(12, 4).sum()
        assert count(total.apply(add, total)) == 4 + 1 + 1
        assert count(total.apply(str), total.apply(int)) == 4 + 1 + 2


class TestRegrouping:
    def test_concat_adds_no_task(self) -> None:
        bags = [bk.range(4, 2), bk.range(4, 3).map(abs), bk.from_sequence([])]
        assert count(bk.concat(bags)) == 6
        assert count(bk.concat(bags).map(str)) == 6

    def test_partitions_that_nobody_asked_for_are_not_made(self) -> None:
        bag = bk.range(12, 4).map(abs)
        assert [count(one) for one in bag.partitions_apart()] == [1] * 4
        assert count(bag.take(3, npartitions=2, compute=False)) == 3
        shared = bag.map(add, bag)
        assert count(shared.partitions_apart()[2]) == 1

    def test_elementwise_partitions_are_joined_without_a_task_for_each(self) -> None:
        assert count(bk.range(100, 50).map(abs).repartition(3)) == 3
        assert count(bk.range(100, 50).map(abs).repartition(3).map_partitions(len)) == 3

    def test_others_are_gathered(self) -> None:
        assert count(bk.range(100, 50).map_partitions(list).repartition(3)) == 50 + 3
        assert count(bk.concat([bk.range(4, 2), bk.range(4, 2).map(abs)]).repartition(2)) == 4 + 2

    def test_partitions_are_split_by_one_task_each(self) -> None:
        graph, (keys,) = graph_of(bk.range(100, 3).map(abs).repartition(8))
        assert len(keys) == 8
        split = [task for task in graph.tasks if not task.needs]
        assert [len(task.keys) for task in split] == [2, 3, 3]


def key_of(record: int) -> int:
    return record % 7


class TestExchanges:
    """N tasks into M partitions make N + M of everything."""

    @pytest.mark.parametrize(
        ("make", "tasks", "keys", "needs"),
        [
            (lambda bag: bag.groupby(key_of, npartitions=100), 120 + 1 + 100, 120 + 2 * 100, 120 + 100),
            (lambda bag: bag.distinct(npartitions=100), 120 + 1 + 100, 120 + 2 * 100, 120 + 100),
            # Samples of 120 tasks make bounds, which with the records of each are cut.
            (lambda bag: bag.sort_by(key_of, npartitions=100), 2 * 120 + 2 + 100, 3 * 120 + 1 + 2 * 100, 4 * 120 + 100),
            (
                lambda bag: bag.join(bk.range(9, 50).map_partitions(list), key_of, npartitions=100),
                170 + 2 + 100,
                170 + 3 * 100,
                170 + 2 * 100,
            ),
        ],
        ids=["groupby", "distinct", "sort_by", "join"],
    )
    def test_tasks_keys_and_needs_are_added_not_multiplied(self, make: Any, tasks: int, keys: int, needs: int) -> None:
        graph, _ = graph_of(make(bk.range(900, 120).map_partitions(list)))
        assert len(graph.tasks) == tasks
        assert len(graph.maker) == keys
        assert sum(len(task.needs) for task in graph.tasks) == needs

    def test_a_partition_alone_needs_no_other_to_be_collected(self) -> None:
        bag = bk.range(60, 3).map_partitions(list).groupby(key_of, npartitions=50)
        assert count(bag.map(len).take(1, npartitions=1, compute=False)) == 3 + 1 + 1

    @pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
    def test_far_more_partitions_than_records(self, scheduler: str) -> None:
        bag = bk.from_sequence([5, -3, 5, 9, 1], npartitions=5).map_partitions(list)
        grouped = bag.groupby(key_of, npartitions=300)
        got = grouped.map_partitions(lambda groups: [list(groups)]).compute(scheduler=scheduler)
        assert sorted(filter(None, got)) == [[(1, [1])], [(2, [9])], [(4, [-3])], [(5, [5, 5])]]
        assert len(got) == 300
        assert bag.sort_by(None, npartitions=300).compute(scheduler=scheduler) == [-3, 1, 5, 5, 9]


class TestJoining:
    """Many small partitions are one task, where nobody can see it."""

    def test_elementwise_ones(self) -> None:
        bag = bk.range(5000, 1000).map(abs)
        assert count(bag) == -(-1000 // 15)
        assert count(bag.count()) < 1000 / 5
        assert tasks_of(bag)[0].place == "partitions 0 to 14"
        assert bag.compute(scheduler="sync") == list(range(5000))

    def test_up_to_127_stay_as_they_are(self) -> None:
        assert count(bk.range(5000, 127).map(abs)) == 127
        assert count(bk.range(5000, 128).map(abs)) == 64

    @pytest.mark.parametrize("made", [lambda bag: bag, lambda bag: bag.count(), lambda bag: bag.accumulate(add)])
    def test_many_workers_find_eight_tasks_each(self, made: Any) -> None:
        graph, _ = lower([made(bk.range(5000, 1000).map(abs)).plan], workers=50)
        assert 400 <= sum(not task.needs for task in graph.tasks) < 800

    @pytest.mark.parametrize("made", [lambda bag: bag, lambda bag: bag.accumulate(add), lambda bag: bag.fold(add)])
    def test_not_where_it_would_be_seen_how_many_there_are(self, made: Any) -> None:
        generator = random.Random(7)
        bag = made(bk.range(5000, 1000).map(lambda n: n + generator.random()))
        assert len({len(lower([bag.plan], workers=workers)[0].tasks) for workers in (1, 2, 50)}) == 1

    def test_not_where_partitions_can_be_seen(self) -> None:
        bag = bk.range(5000, 1000)
        assert count(bag.map_partitions(len)) == -(-1000 // 15)  # one after the other
        for made in (bag.fold(add, initial=0), bag.reduction(sum, sum), bag.foldby(abs, add, 0)):
            assert sum(len(task.keys) for task in tasks_of(made)) > 1000  # a state of each partition
            assert count(made) < 1000 / 3
        assert count(bag.fold(add)) < 1000 / 5
        assert bag.map_partitions(len).compute(scheduler="sync") == [5] * 1000
        assert bag.fold(add, initial=1).compute(scheduler="sync") == sum(range(5000)) + 1000

    def test_not_beyond_the_bytes_of_one_task(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for n in range(20):
            tmp_path.joinpath(f"{n:02}.txt").write_text("line\n" * (20 if n == 9 else 1))
        monkeypatch.setattr(resize, "least_tasks", lambda workers: 2)
        bag = bk.read_text(str(tmp_path / "*.txt"))
        assert count(bag) == 2
        monkeypatch.setattr(resize, "JOIN_BYTES", 20)
        tasks = tasks_of(bag)
        assert [len(task.part[0]) for task in tasks] == [4, 4, 1, 1, 4, 4, 2]
        assert sum(task.weight for task in tasks) == 39 * 5
        assert bag.compute(scheduler="sync") == ["line\n"] * 39

    def test_places_name_the_partition_that_users_see(self) -> None:
        def fail(record: int) -> float:
            return 1 / (record - 4001)

        with pytest.raises(ZeroDivisionError) as caught:
            bk.range(5000, 1000).map(fail).compute(scheduler="sync")
        assert "at range, record 1, partition 800" in caught.value.__notes__


class TestCutting:
    """A large partition is several tasks, where nobody can see it."""

    @pytest.fixture
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(resize, "CUT_BYTES", 200)
        path = tmp_path / "a.txt"
        path.write_text("".join(f"{n}\n" for n in range(1000)))
        return str(path)

    def test_elementwise_ones(self, path: str) -> None:
        bag = bk.read_text(path).map(int)
        tasks = tasks_of(bag)
        assert 15 <= len(tasks) <= 25
        assert sum(task.weight for task in tasks) == 3890
        assert bag.npartitions == 1
        assert bag.compute(scheduler="sync") == list(range(1000))
        assert bag.sum().compute(scheduler="sync") == sum(range(1000))
        assert bag.take(3) == (0, 1, 2)

    def test_not_where_partitions_can_be_seen(self, path: str) -> None:
        bag = bk.read_text(path).map(int)
        assert count(bag.map_partitions(len)) == 1
        assert count(bag.fold(add, initial=0)) == 1
        assert bag.map_partitions(len).compute(scheduler="sync") == [1000]
        assert bag.repartition(3).map_partitions(len).compute(scheduler="sync") == [333, 333, 334]
        assert bag.map(add, bag).compute(scheduler="sync") == [2 * n for n in range(1000)]

    def test_places_are_those_in_the_file(self, path: str) -> None:
        def fail(line: str) -> float:
            return 1 / (int(line) - 777)

        with pytest.raises(ZeroDivisionError) as caught:
            bk.read_text(path).map(fail).compute(scheduler="sync")
        assert f"at {path}, line 778 (byte {10 * 2 + 90 * 3 + 677 * 4}), partition 0" in caught.value.__notes__
        got = bk.read_text(path).map(fail).compute(scheduler="sync", on_error="collect")
        assert [failure.place.line for failure in got.failures] == [778]
        assert len(got.result) == 999


class TestPolicies:
    def test_each_plan_has_that_of_the_nearest_on_error_above(self) -> None:
        source = bk.range(3, 1)
        one = source.map(abs)
        two = one.on_error("skip").map(str)
        three = two.on_error("collect").map(len)
        policies = error_policies((three.plan,), "raise")
        assert policies[three.plan] == "raise"
        assert policies[two.plan] == "collect"
        assert policies[one.plan] == policies[source.plan] == "skip"

    @pytest.mark.parametrize(("policies", "said"), [
        (("skip", "collect"), "collect"), (("collect", "skip"), "collect"), (("skip", "raise"), "raise"),
        (("collect", "raise"), "raise"), (("skip", "skip"), "skip"),
    ])  # fmt: skip
    def test_of_several_the_strictest(self, policies: tuple[Any, Any], said: str) -> None:
        shared = bk.range(3, 1).map(abs)
        roots = tuple(shared.on_error(policy).plan for policy in policies)
        assert error_policies(roots, "raise")[shared.plan] == said


class TestBatches:
    def test_records_leave_in_lists_of_some_thousands(self) -> None:
        (task,) = tasks_of(bk.range(5000, 1).map(abs))
        batches = task.work(task.part, (), Report())
        assert isinstance(batches, Batches)
        lengths = [len(batch) for batch in batches]
        assert sum(lengths) == 5000
        assert all(2048 <= length < 2048 + 1024 for length in lengths[:-1])

    def test_a_task_can_be_run_again(self) -> None:
        for made in (bk.range(10, 1).map(abs), bk.range(10, 1).distinct(), bk.range(10, 1).map_partitions(iter)):
            (task,) = tasks_of(made)
            runs = [[record for batch in task.work(task.part, (), Report()) for record in batch] for _ in range(2)]
            assert runs == [list(range(10))] * 2

    def test_reading_is_reported(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_text("line\n" * 100)
        (task,) = tasks_of(bk.read_text(str(path)).count())
        report = Report()
        assert task.work(task.part, (), report) == 100
        assert report.bytes_read == task.weight == 500

    def test_what_is_reduced_again_is_read_once_for_progress(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_text("line\n" * 10 + "\n")
        first, _ = tasks_of(bk.read_text(str(path)).distinct(lambda line: 1 / (len(line) - 1)), on_error="skip")
        report = Report()
        (table,) = first.work(first.part, (), report)
        assert table == {0.25: "line\n"}
        assert (report.bytes_read, report.skipped) == (51, 1)
