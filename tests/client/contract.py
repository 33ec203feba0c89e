"""What a client does wherever its calls run. A subclass gives `make`, which makes clients with two workers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import operator
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import NotPicklableError
from tests.client.calls import (
    Box,
    ComesBackNot,
    OfTwoThings,
    Pair,
    WithoutText,
    die,
    die_once,
    fail,
    fail_oddly,
    fail_until,
    inc,
    nested,
    wait_a_moment,
    wait_for,
)

MakeClient = Callable[[], bk.Client]


class ClientContract:
    """What holds for every client."""

    @pytest.fixture
    def make(self) -> MakeClient | Iterator[MakeClient]:
        raise NotImplementedError

    @pytest.fixture
    def client(self, make: MakeClient) -> Iterator[bk.Client]:
        with make() as client:
            yield client

    def test_a_call(self, client: bk.Client) -> None:
        future = client.submit(inc, 1)
        assert future.result() == 2
        assert future.done()
        assert future.status == "finished"
        assert future.exception() is None
        assert isinstance(future, concurrent.futures.Future)
        assert isinstance(client, concurrent.futures.Executor)

    def test_keywords_lambdas_and_partials(self, client: bk.Client) -> None:
        assert client.submit(round, 2.345, ndigits=1).result() == 2.3
        assert client.submit(lambda a, *, b: (a, b), 1, b=2).result() == (1, 2)
        assert client.submit(partial(sorted, key=str), [10, 9]).result() == [10, 9]

    def test_a_tree_of_sums(self, client: bk.Client) -> None:
        futures: Any = client.map(inc, range(16))
        while len(futures) > 1:
            futures = [client.submit(operator.add, *pair) for pair in zip(futures[::2], futures[1::2], strict=True)]
        assert futures[0].result() == sum(range(1, 17))

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda f: [f, [f]],
            lambda f: {"a": f, "b": {"c": f}},
            lambda f: (f, {1: [f]}),
            lambda f: Pair(f, 1),
            lambda f: Box([f]),
            lambda f: {f},
            lambda f: deque([f], maxlen=3),
            lambda f: defaultdict(list, a=[f]),
        ],
        ids=["list", "dict", "tuple", "namedtuple", "dataclass", "set", "deque", "defaultdict"],
    )
    def test_futures_anywhere_in_arguments(self, client: bk.Client, wrap: Any) -> None:
        future = client.submit(inc, 1)
        assert client.submit(lambda value: value, wrap(future)).result() == wrap(2)
        assert client.gather(wrap(future)) == wrap(2)

    def test_views_of_dicts(self, client: bk.Client) -> None:
        futures = {"a": client.submit(inc, 1), "b": client.submit(inc, 2)}
        assert client.gather(futures.values()) == [2, 3]
        assert client.gather(futures.items()) == [("a", 2), ("b", 3)]
        assert client.submit(sum, futures.values()).result() == 5

    def test_gather_without_what_failed(self, client: bk.Client) -> None:
        good, bad = client.submit(inc, 1), client.submit(fail, "no")
        assert client.gather([good, bad, [bad, good]], errors="skip") == [2, [2]]
        assert client.gather({"a": good, "b": bad, "c": (good, bad)}, errors="skip") == {"a": 2, "c": (2,)}
        assert client.gather(iter([bad, good]), errors="skip") == [2]
        with pytest.raises(ValueError, match="no"):
            client.gather(Pair(good, bad), errors="skip")

    def test_map_over_several_iterables_and_over_an_endless_one(self, client: bk.Client) -> None:
        assert client.gather(client.map(pow, [2, 3, 4], [3, 2])) == [8, 9]
        endless = iter(client.map(inc, iter(int, 1)))
        assert [next(endless).result() for _ in range(3)] == [1, 1, 1]

    def test_arguments_are_those_of_the_time_of_the_call(self, client: bk.Client, tmp_path: Path) -> None:
        first = client.submit(wait_for, tmp_path / "go")
        numbers = [1, 2]
        future = client.submit(lambda numbers, _: sum(numbers), numbers, first)
        numbers.append(100)
        (tmp_path / "go").write_text("x")
        assert future.result() == 3

    def test_the_same_object_each_time_and_large_values(self, client: bk.Client) -> None:
        future = client.submit(bytes, 3_000_000)
        assert future.result() is future.result()
        other = client.submit(bytes, 2_000_000)
        assert client.submit(len, other).result() == 2_000_000

    def test_errors_have_their_type_and_place_and_pass_on(self, client: bk.Client) -> None:
        future = client.submit(fail, "no")
        with pytest.raises(ValueError, match="no") as caught:
            future.result()
        assert f"in the task {future.key!r}: fail" in caught.value.__notes__
        after = client.submit(inc, future)
        assert isinstance(after.exception(), ValueError)
        assert after.status == "error"
        assert client.gather([client.submit(inc, 1), after], errors="skip") == [2]
        with pytest.raises(bk.OptionError, match="errors is 'no'; expected 'raise' or 'skip'"):
            client.gather([], errors="no")

    def test_what_does_not_pickle_is_said_at_the_call(self, client: bk.Client) -> None:
        with pytest.raises(bk.NotPicklableError, match="lock"):
            client.submit(inc, threading.Lock())
        with pytest.raises(bk.NotPicklableError, match=r"lock.*can't be|can't be.*lock"):
            client.submit(threading.Lock).result()
        assert client.submit(inc, 1).result() == 2

    def test_errors_that_can_not_be_pickled(self, client: bk.Client) -> None:
        with pytest.raises(OfTwoThings, match="odd"):
            client.submit(fail_oddly, "itself").result()
        with pytest.raises(ValueError, match="after") as caught:
            client.submit(fail_oddly, "cause").result()
        assert isinstance(caught.value.__cause__, OfTwoThings)
        error = client.submit(inc, client.submit(fail_oddly, "group")).exception()
        assert isinstance(error, ExceptionGroup)
        assert [type(each) for each in error.exceptions] == [OfTwoThings, ValueError]
        assert isinstance(client.submit(fail_oddly, "text").exception(), WithoutText)

    def test_a_value_that_can_not_be_unpickled_here(self, client: bk.Client) -> None:
        with pytest.raises(bk.NotPicklableError, match="ValueError: not here"):
            client.submit(ComesBackNot).result()
        assert client.submit(inc, 1).result() == 2

    def test_what_is_no_function(self, client: bk.Client) -> None:
        for call in (client.submit, client.map):
            with pytest.raises(bk.PlanError, match="submit: the function can't be called; got 5 of type int"):
                call(5, [1])

    def test_retries(self, client: bk.Client, tmp_path: Path) -> None:
        assert client.submit(fail_until, tmp_path / "a", 3, retries=2).result() == 3
        with pytest.raises(OSError, match="not yet"):
            client.submit(fail_until, tmp_path / "b", 3, retries=1).result()
        with pytest.raises(bk.OptionError, match="retries"):
            client.submit(inc, 1, retries=-1)

    def test_a_key_names_a_call(self, client: bk.Client, tmp_path: Path) -> None:
        first = client.submit(fail_until, tmp_path / "a", 1, key="once")
        assert client.submit(fail_until, tmp_path / "a", 1, key="once") is first
        assert first.key == "once"
        assert first.result() == 1

    def test_a_key_names_the_calls_of_a_map(self, client: bk.Client) -> None:
        named = client.map(inc, [1, 2], key=["one", "two"])
        assert [future.key for future in named] == ["one", "two"]  # type: ignore[union-attr]
        assert [a is b for a, b in zip(named, client.map(inc, [1, 2], key=["one", "two"]), strict=True)] == [True, True]
        alike = client.map(inc, [1, 2, 3], key="x")
        assert client.gather(alike) == [2, 3, 4]
        assert all(future.key.startswith("x-") for future in alike)  # type: ignore[union-attr]
        for wrong in ({"key": len}, {"key": ["one"]}):
            with pytest.raises(bk.OptionError, match="map: key"):
                client.map(sorted, [[2, 1], [3]], **wrong)
        for names, said in ((["one"], "1 names, and there are more"), (["one", "two", "three"], "3 .* fewer calls")):
            with pytest.raises(bk.OptionError, match=f"map: key has {said}"):
                list(client.map(inc, iter([1, 2]), key=names))
        with pytest.raises(bk.OptionError, match="map: key has 1 names for 0 calls"):
            client.map(inc, key=["one"])

    def test_a_key_of_a_call_that_was_cancelled_names_another(self, client: bk.Client, tmp_path: Path) -> None:
        running = client.submit(wait_for, tmp_path / "go")
        cancelled = client.submit(inc, client.submit(len, running), key="again")
        assert cancelled.cancel()
        after = client.submit(len, cancelled)
        other = client.submit(inc, 1, key="again")
        del cancelled
        assert other.result() == 2
        assert client.submit(inc, other).result() == 3
        (tmp_path / "go").write_text("x")
        assert running.result() == "x"
        assert client.submit(inc, other).result() == 3
        assert bk.wait([after])[0].pop().cancelled()

    def test_a_key_or_a_priority_that_is_none(self, client: bk.Client) -> None:
        with pytest.raises(bk.OptionError, match=r"submit: key is <built-in function len>; .*partial\(function, key="):
            client.submit(sorted, ["bb", "a"], key=len)
        with pytest.raises(bk.OptionError, match=r"submit: key is \(\[\],\)"):
            client.submit(inc, 1, key=([],))
        for wrong in ("high", None, float("nan"), [1]):
            with pytest.raises(bk.OptionError, match="submit: priority is"):
                client.submit(inc, 1, priority=wrong)
        assert client.submit(inc, 1, priority=Fraction(1, 2)).result() == 2

    def test_as_completed_and_wait(self, client: bk.Client, tmp_path: Path) -> None:
        late = client.submit(wait_for, tmp_path / "go")
        early = client.submit(inc, 1)
        futures = bk.as_completed([late, early])
        assert next(futures) is early
        done, not_done = bk.wait([late, early], timeout=0)
        assert done == {early}
        assert not_done == {late}
        with pytest.raises(TimeoutError):
            late.result(timeout=0.01)
        (tmp_path / "go").write_text("x")
        assert next(futures) is late
        assert bk.wait([late, early]) == ({late, early}, set())

    def test_futures_in_containers_are_waited_for_and_cancelled(self, client: bk.Client, tmp_path: Path) -> None:
        urls = {client.submit(inc, number): number for number in (1, 2)}
        assert {urls[future]: future.result() for future in bk.as_completed(urls)} == {1: 2, 2: 3}
        assert len(bk.wait([list(urls), {"a": client.submit(inc, 3)}])[0]) == 3
        needed = client.submit(wait_for, tmp_path / "go")
        waiting = {"a": [client.submit(inc, client.submit(len, needed))], "b": (client.submit(inc, needed),)}
        client.cancel(waiting)
        (tmp_path / "go").write_text("x")
        assert [waiting["a"][0].cancelled(), waiting["b"][0].cancelled()] == [True, True]
        calls: list[Callable[[Any], Any]] = [client.cancel, bk.wait, bk.as_completed, bk.fire_and_forget]
        for call in calls:
            for wrong in ([1], "text", 5, bk.range(3, npartitions=1)):
                with pytest.raises(bk.OptionError, match=r": it got .*; expected futures, also in containers"):
                    call(wrong)

    def test_a_worker_that_dies_is_replaced(self, client: bk.Client, tmp_path: Path) -> None:
        others = client.map(inc, range(20))
        assert client.submit(die_once, tmp_path / "died").result() == 7
        assert client.gather(others) == list(range(1, 21))
        with pytest.raises(bk.WorkerDiedError, match="die"):
            client.submit(die, 1).result()
        assert client.submit(inc, 1).result() == 2

    def test_scatter(self, client: bk.Client) -> None:
        one = client.scatter("text")
        assert client.submit(len, one).result() == 4
        assert client.gather(client.scatter([1, 2])) == [1, 2]
        many = client.scatter({"a": 1})
        assert client.submit(inc, many["a"]).result() == 2
        pair = client.scatter(Pair(1, 2))
        assert (type(pair), client.gather(pair)) == (Pair, Pair(1, 2))

    def test_bags_items_and_delayed(self, client: bk.Client) -> None:
        bag = bk.from_sequence(range(10), npartitions=3)
        assert client.compute(bag.map(inc)).result() == list(range(1, 11))
        assert [future.result() for future in client.compute([bag.sum(), bk.delayed(inc)(1)])] == [45, 2]
        assert client.submit(inc, bag.sum()).result() == 46
        assert client.submit(inc, client.compute(bag.sum())).result() == 46
        assert client.submit(sum, bag).result() == 45
        assert client.persist(bag.map(inc)).sum().compute() == 55
        future = client.submit(inc, 9)
        assert bag.map(operator.add, future).compute(scheduler="processes") == list(range(10, 20))
        assert bk.delayed(inc)(future).compute() == 11
        with pytest.raises(ValueError, match="no"):
            client.submit(inc, client.compute(bag.map(lambda _: fail("no")))).result()
        with pytest.raises(bk.OptionError, match="compute: it got a int; expected a bag"):
            client.compute(3)

    def test_calls_inside_of_calls_do_not_wait_for_workers(self, client: bk.Client) -> None:
        assert client.gather([client.submit(nested, [1, 2, 3]) for _ in range(3)]) == [9, 9, 9]
        assert client.submit(lambda: client.submit(inc, 1).result()).result() == 2

    def test_each_call_reads_an_iterator_from_its_beginning(self, client: bk.Client) -> None:
        def reads() -> list[list[int]]:
            numbers = [client.submit(lambda: iter([1, 2])), client.submit(lambda: (n for n in (1, 2)))]
            given, shared = client.scatter(iter([1, 2])), numbers[0]
            calls = [client.submit(list, each) for each in (*numbers, *numbers, given, given)]
            return [*client.gather(calls), list(shared.result())]

        assert reads() == [[1, 2]] * 7
        assert client.submit(reads).result() == [[1, 2]] * 7

    def test_many_threads(self, client: bk.Client) -> None:
        found: list[int] = []

        def work(start: int) -> None:
            found.extend(client.gather(client.map(inc, range(start, start + 50))))

        threads = [threading.Thread(target=work, args=(50 * n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == list(range(1, 201))

    def test_an_executor_whose_map_gives_values(self, client: bk.Client) -> None:
        executor = client.get_executor()
        assert list(executor.map(inc, range(5))) == [1, 2, 3, 4, 5]
        executor.shutdown()
        assert client.submit(inc, 1).result() == 2
        total = bk.from_sequence(range(10), npartitions=2).map(inc).sum()
        assert total.compute(scheduler=executor) == 55

    def test_calls_run_though_nobody_holds_their_futures(self, make: MakeClient, tmp_path: Path) -> None:
        with make() as client:
            client.submit(fail_until, tmp_path / "ran", 1)
            bk.fire_and_forget(client.submit(fail_until, tmp_path / "too", 1))
        assert (tmp_path / "ran").exists()
        assert (tmp_path / "too").exists()

    def test_closed(self, make: MakeClient) -> None:
        client = make()
        future = client.submit(bytes, 2_000_000)
        client.shutdown()
        assert len(future.result()) == 2_000_000
        with pytest.raises(bk.TaskError, match="client: it is closed; hint: make another one"):
            client.submit(inc, 1)
        with pytest.raises(bk.TaskError, match="client: it is closed; hint: make another one"):
            client.compute(bk.range(3, npartitions=1))
        client.close()

    def test_the_end_of_the_block_waits_for_bags_too(self, make: MakeClient) -> None:
        with make() as client:
            futures = client.compute([bk.range(4, npartitions=2).map(inc).sum() for _ in range(3)])
        assert [future.done() for future in futures] == [True] * 3
        assert futures[2].result() == 10

    def test_close_ends_what_runs(self, make: MakeClient, tmp_path: Path) -> None:
        client = make()
        running = client.submit(wait_for, tmp_path / "go")
        waiting = client.submit(inc, running)
        client.close()
        for future in (running, waiting):
            with pytest.raises(concurrent.futures.CancelledError):
                future.result()
        (tmp_path / "go").write_text("x")

    def test_calls_do_not_wait_for_a_worker_while_another_is_free(self, client: bk.Client, tmp_path: Path) -> None:
        functions: list[Callable[[int], Any]] = [inc, abs, float, str, bool, hex, oct, bin]
        expected = [function(1) for function in functions]
        # Each is somewhere now, and known to be quick: dask never moves quick calls from where it has put them.
        assert [client.submit(function, 1).result() for function in functions] == expected
        slow = client.submit(wait_for, tmp_path / "go")
        assert [client.submit(function, 1).result() for function in functions] == expected
        (tmp_path / "go").write_text("x")
        assert slow.result() == "x"

    def test_what_is_cancelled_does_not_run(self, client: bk.Client, tmp_path: Path) -> None:
        running = client.submit(wait_for, tmp_path / "go")
        waiting = client.submit(fail_until, tmp_path / "ran", client.submit(len, running))
        after = client.submit(inc, waiting)
        client.cancel([waiting])
        # An engine is sent a message, and has heard of it when a later call is over: the other worker is free for it.
        assert client.submit(inc, 1).result() == 2
        (tmp_path / "go").write_text("x")
        assert running.result() == "x"
        assert waiting.cancelled()
        assert waiting.status == "cancelled"
        with pytest.raises(concurrent.futures.CancelledError):
            after.result()
        assert bk.wait([waiting, after])[1] == set()
        assert not (tmp_path / "ran").exists()

    def test_a_long_chain_of_calls_is_cancelled(self, client: bk.Client, tmp_path: Path) -> None:
        first = client.submit(wait_for, tmp_path / "go")
        chain = [client.submit(len, first)]
        for _ in range(400):
            chain.append(client.submit(inc, chain[-1]))
        client.cancel(chain[0])
        assert client.submit(inc, 1).result() == 2  # an engine has heard of it
        (tmp_path / "go").write_text("x")
        assert first.result() == "x"
        assert bk.wait(chain)[1] == set()
        assert {future.status for future in chain} == {"cancelled"}

    def test_calls_are_cancelled_at_any_moment(self, client: bk.Client) -> None:
        """Ray ends a program that cancels a call while it looks whether its arguments are there."""
        made = client.submit(inc, 1)
        for _ in range(20):
            client.submit(inc, made).cancel()
            future = client.submit(inc, client.submit(wait_a_moment, 1))
            client.cancel(future)
            assert future.status == "cancelled"
        assert client.submit(inc, made).result() == 3

    def test_bags_among_arguments_are_not_waited_for(self, client: bk.Client, tmp_path: Path) -> None:
        late = bk.from_sequence([tmp_path / "go"], npartitions=1).map(wait_for)
        future = client.submit(len, late)
        after = client.submit(inc, future)
        assert not future.done()
        (tmp_path / "go").write_text("x")
        assert after.result() == 2

    def test_asyncio(self, client: bk.Client) -> None:
        async def main() -> tuple[int, list[int], int]:
            several = await asyncio.gather(*client.map(inc, [1, 2]))
            loop = asyncio.get_running_loop()
            return await client.submit(inc, 1), several, await loop.run_in_executor(client, inc, 5)

        assert asyncio.run(main()) == (2, [2, 3], 6)

    def test_asyncio_hears_of_values_that_can_not_be_brought(self, client: bk.Client) -> None:
        async def main() -> list[Any]:
            loop = asyncio.get_running_loop()
            waiting = client.submit(threading.Lock), loop.run_in_executor(client, threading.Lock)
            return await asyncio.gather(*waiting, return_exceptions=True)

        assert [type(error) for error in asyncio.run(main())] == [NotPicklableError] * 2
