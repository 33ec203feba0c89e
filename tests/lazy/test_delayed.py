"""delayed: the answers are the same as without it."""

from __future__ import annotations

import itertools
import operator
import pickle
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest

import bagkit as bk
from bagkit.errors import LazyError, PlanError

SCHEDULERS = ["sync", "threads"]
Pair = namedtuple("Pair", ["x", "y"])


def inc(x: int) -> int:
    """Add one."""
    return x + 1


def add(x: Any, y: Any) -> Any:
    return x + y


@bk.delayed
def decorated(x: int) -> int:
    """Double it."""
    return 2 * x


@dataclass
class Point:
    x: Any
    y: Any = 0


@dataclass(frozen=True)
class Frozen:
    x: Any


@dataclass(slots=True)
class Slotted:
    x: Any
    missing: Any = field(init=False)


@dataclass
class OwnInit:
    x: Any
    twice: Any = field(init=False)

    def __init__(self, start: Any) -> None:
        self.x = start
        self.twice = start * 2


class TestCalls:
    @pytest.mark.parametrize("scheduler", [*SCHEDULERS, "processes"])
    def test_calls_on_calls(self, scheduler: str) -> None:
        total = bk.delayed(sum)([bk.delayed(inc)(i) for i in range(10)])
        assert total.compute(scheduler=scheduler) == sum(i + 1 for i in range(10))

    def test_keyword_arguments_are_computed_too(self) -> None:
        def join(a: Any, /, *rest: Any, sep: str, **named: Any) -> tuple[Any, ...]:
            return a, rest, sep, named

        one = bk.delayed(inc)(0)
        assert bk.delayed(join)(one, 2, one, sep="-", k=[one]).compute() == (1, (2, 1), "-", {"k": [1]})

    def test_what_is_shared_runs_once(self) -> None:
        seen: list[int] = []

        def note(x: int) -> int:
            seen.append(x)
            return x

        shared = bk.delayed(note)(3)
        assert bk.compute(shared + 1, shared * 2, [shared], scheduler="threads") == (4, 6, [3])
        assert seen == [3]

    def test_the_object_itself_is_passed_on(self) -> None:
        data = [1, [2]]
        assert bk.delayed(lambda x: x is data)(data).compute()
        assert bk.delayed(data).compute() is data

    def test_chains_of_any_length(self) -> None:
        value = bk.delayed(inc)(0)
        for _ in range(5_000):
            value = bk.delayed(inc)(value)
        assert value.compute() == 5_001
        assert pickle.loads(pickle.dumps(value)).compute() == 5_001

    def test_a_tree_made_by_a_loop(self) -> None:
        level = list(map(bk.delayed(inc), range(100)))
        while len(level) > 1:
            level = [bk.delayed(sum)(level[n : n + 2]) for n in range(0, len(level), 2)]
        assert level[0].compute() == 5050

    def test_delayed_of_delayed_is_itself(self) -> None:
        value = bk.delayed(inc)(1)
        assert bk.delayed(value) is value

    def test_a_call_returns_a_delayed_value_as_it_is(self) -> None:
        inner = bk.delayed(inc)(1)
        assert bk.delayed(lambda: inner)().compute() is inner

    def test_a_computed_function_can_be_called(self) -> None:
        adder = bk.delayed(lambda n: lambda x: x + n)(3)
        assert adder(4).compute() == 7

    def test_callable_objects_and_classes(self) -> None:
        assert bk.delayed(operator.itemgetter(1))([1, 2]).compute() == 2
        assert bk.delayed(Point)(bk.delayed(inc)(1), y=2).compute() == Point(2, 2)


class TestContainers:
    @pytest.mark.parametrize(
        "make",
        [
            lambda x: [x, 1],
            lambda x: (x, 1),
            lambda x: {x, 1},
            lambda x: frozenset([x]),
            lambda x: {"a": x},
            lambda x: {x: "a"},
            lambda x: OrderedDict([("b", x), ("a", 1)]),
            lambda x: slice(None, x, 2),
            lambda x: [1, {"a": (x, [x, {"b": x}])}],
            lambda x: Pair(x, [x]),
            lambda x: Point(x, [x]),
            lambda x: Frozen((x,)),
            lambda x: OwnInit(x),
        ],
        ids=lambda function: None,
    )
    def test_values_are_found_inside(self, make: Any) -> None:
        made = bk.delayed(lambda x: x)(make(bk.delayed(inc)(4))).compute()
        assert type(made) is type(make(5))
        assert made == make(5)
        assert bk.compute(make(bk.delayed(inc)(4))) == (make(5),)

    def test_a_field_that_was_never_set(self) -> None:
        made = bk.delayed(lambda s: (s.x, hasattr(s, "missing")))(Slotted(bk.delayed(inc)(1))).compute()
        assert made == (2, False)

    @pytest.mark.parametrize("kind", [list, tuple, set], ids=lambda kind: kind.__name__)
    def test_iterators_and_generators_can_be_computed_twice(self, kind: type) -> None:
        values = kind([bk.delayed(inc)(0), bk.delayed(inc)(1)])
        for iterator in (iter(values), (value for value in values), iter(kind([1, 2])), (n for n in (1, 2))):
            total = bk.delayed(sum)(iterator)
            assert total.compute() == total.compute() == 3

    def test_traverse_false_does_not_look_inside(self) -> None:
        value = bk.delayed(inc)(0)
        data = [value]
        assert bk.delayed(data, traverse=False).compute() is data
        assert bk.delayed(data).compute() == [1]
        assert bk.compute(data, value, traverse=False) == (data, 1)

    def test_a_list_that_contains_itself(self) -> None:
        loop: list[Any] = []
        loop.append(loop)
        assert bk.delayed(len)(loop).compute() == 1
        loop.append(bk.delayed(inc)(0))
        with pytest.raises(PlanError, match=r"^delayed: there is a lazy value in a list that contains"):
            bk.delayed(len)(loop)
        assert bk.delayed(len)(bk.delayed(loop, traverse=False)).compute() == 2


class TestOperators:
    @pytest.mark.parametrize(
        "operation",
        [
            lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a // b,
            lambda a, b: a % b, lambda a, b: a**b, lambda a, b: a & b, lambda a, b: a | b, lambda a, b: a ^ b,
            lambda a, b: a << b, lambda a, b: a >> b, lambda a, b: a == b, lambda a, b: a != b, lambda a, b: a < b,
            lambda a, b: a <= b, lambda a, b: a > b, lambda a, b: a >= b, divmod,
            lambda a, b: (-a, +a, abs(a), ~a),
        ],
        ids=lambda function: None,
    )  # fmt: skip
    def test_all_of_them_from_both_sides(self, operation: Any) -> None:
        a, b = bk.delayed(inc)(9), bk.delayed(inc)(2)
        expected = operation(10, 3)
        assert bk.compute(operation(a, b), operation(a, 3), operation(10, b)) == (expected,) * 3

    def test_matmul(self) -> None:
        class Matrix:
            def __matmul__(self, other: Any) -> str:
                return f"@{other}"

            def __rmatmul__(self, other: Any) -> str:
                return f"{other}@"

        assert bk.compute(bk.delayed(Matrix)() @ 2, 2 @ bk.delayed(Matrix)()) == ("@2", "2@")

    def test_indexing_slicing_attributes_and_methods(self) -> None:
        x = bk.delayed(list)(range(10))
        assert (x + list("a"))[::2].count(4).compute() == 1
        assert x[bk.delayed(inc)(1)].compute() == 2
        assert x[1 : bk.delayed(inc)(2)].compute() == [1, 2]
        value = bk.delayed(complex)(3, 4)
        assert bk.compute(value.imag, value.conjugate(), value.real.is_integer()) == (4.0, 3 - 4j, True)

    def test_a_method_is_one_task_and_takes_names(self) -> None:
        text = bk.delayed("a b".upper)()
        assert text.split(dask_key_name="words").key == "words"
        assert text.split(sep=None, maxsplit=1).compute() == ["A", "B"]


class TestUnpacking:
    def test_nout(self) -> None:
        quotient, remainder = bk.delayed(divmod, nout=2)(7, 2)
        assert bk.compute(quotient, remainder) == (3, 1)
        value = bk.delayed(divmod, nout=2)(7, 2)
        assert len(value) == 2
        assert value.compute() == (3, 1)
        assert list(bk.delayed(tuple, nout=0)()) == []

    def test_a_wrong_nout_fails_when_it_is_computed(self) -> None:
        *_, third = bk.delayed(divmod, nout=3)(7, 2)
        with pytest.raises(IndexError, match="tuple index out of range") as caught:
            third.compute()
        assert "test_delayed.py" in caught.value.__notes__[1]

    @pytest.mark.parametrize("nout", [-1, True, 1.0, "2"])
    def test_what_nout_can_not_be(self, nout: Any) -> None:
        with pytest.raises(PlanError, match=r"delayed: nout is .*; expected None, or a whole number from 0 up"):
            bk.delayed(inc, nout=nout)


class TestLaziness:
    def test_what_needs_the_value_says_what_to_write(self) -> None:
        x = bk.delayed(inc)(1)
        wrong = {
            r"neither true nor false.*`if value.compute\(\):`": lambda: bool(x == 2),
            r"no length.*bagkit.delayed\(len\)\(value\)": lambda: len(x),
            r"can't be iterated over.*for x in value.compute\(\):.*nout=2": lambda: list(x),
            r"not computed yet; hint: bagkit.delayed\(operator.contains\)": lambda: 1 in x,
            r"no number: .*value.compute\(\), or bagkit.delayed\(int\)\(value\)": lambda: range(x),
            r"can't be formatted as '.2f': .*; hint: value.compute\(\)": lambda: f"{x:.2f}",
            r"can't be changed, got .y = 3; hint": lambda: setattr(x, "y", 3),
            r"can't be changed, got \['y'\] = 3; hint": lambda: operator.setitem(x, "y", 3),
            r"can't be changed, got del .y": lambda: delattr(x, "y"),
            r"can't be changed, got del \[0\]": lambda: operator.delitem(x, 0),
        }
        for message, statement in wrong.items():
            with pytest.raises(LazyError, match=message) as caught:
                statement()
            assert isinstance(caught.value, TypeError)

    def test_names_that_start_with_an_underscore(self) -> None:
        with pytest.raises(AttributeError, match=r"_x.*hint: bagkit.delayed\(getattr\)"):
            _ = bk.delayed(inc)(1)._x
        assert not hasattr(bk.delayed(inc), "_repr_latex_")

    def test_it_is_no_array(self) -> None:
        x = bk.delayed(inc)(1)
        assert (np.arange(3) + x).compute().tolist() == [2, 3, 4]
        assert (np.float64(2) * x).compute() == 4.0
        assert (pd.Series([1, 2]) + x).compute().tolist() == [3, 4]
        with pytest.raises(LazyError, match=r"no array.*numpy.asarray\(value.compute\(\)\)"):
            np.asarray(x)


class TestNames:
    def test_repr_and_keys(self) -> None:
        assert repr(bk.delayed(inc)(1)).startswith("Delayed('inc-")
        assert bk.delayed(inc)(1, dask_key_name="one").key == "one"
        assert bk.delayed(inc)(1, dask_key_name=("x", 0)).key == ("x", 0)
        assert bk.delayed([1], name="data").key == "data"
        assert bk.delayed(inc, name="f").key == "f"
        assert bk.delayed(lambda: 1)().key.startswith("lambda-")
        assert bk.delayed(inc)(1).key != bk.delayed(inc)(1).key

    def test_a_name_is_text_or_a_tuple(self) -> None:
        for name in (1, [], (), (1, "a")):
            with pytest.raises(PlanError, match=r"the name of a task is .*; expected text, or a tuple"):
                bk.delayed(inc)(1, dask_key_name=name)

    def test_two_tasks_of_one_name(self) -> None:
        calls = [bk.delayed(inc)(n, dask_key_name="one") for n in (1, 1, 2)]
        assert bk.compute(*calls[:2]) == (2, 2)
        with pytest.raises(
            PlanError, match=r"two tasks that differ are called 'one': inc \(line \d+ of .*test_delayed"
        ):
            bk.compute(*calls)

    def test_pure_calls_are_one(self) -> None:
        seen: list[Any] = []

        def note(*args: Any) -> int:
            seen.append(args)
            return len(seen)

        pure = bk.delayed(note, pure=True)
        assert pure(1, [2]).key == pure(1, [2]).key
        parts = [pure(1), 2]
        assert bk.delayed(parts, pure=True).key == bk.delayed(parts, pure=True).key
        assert bk.delayed(parts, pure=True).key != bk.delayed([pure(2), 2], pure=True).key
        assert bk.compute(pure(1), pure(1), pure(1.0), pure(True), scheduler="sync") in {(1, 1, 2, 3), (2, 2, 1, 3)} | {
            (n, n, a, b) for n, a, b in ((1, 3, 2), (2, 3, 1), (3, 1, 2), (3, 2, 1))
        }
        assert len(seen) == 3
        seen.clear()
        once, twice = bk.delayed(note)(0), bk.delayed(note)(0, pure=True)
        assert bk.compute(pure(twice), pure(bk.delayed(note)(0, pure=True)), pure(once), pure(once))
        assert len(seen) == 4

    def test_pure_with_what_can_not_be_pickled(self) -> None:
        lock = __import__("threading").Lock()
        pure = bk.delayed(lambda x: x is lock, pure=True)
        assert bk.compute(pure(lock), pure(lock)) == (True, True)
        assert pure(lock).key != pure(lock).key

    def test_pure_does_not_take_a_new_function_for_the_old_one(self) -> None:
        def make(n: int) -> Any:
            return lambda: n

        assert bk.compute(*[bk.delayed(make(n), pure=True)() for n in range(3)]) == (0, 1, 2)

    def test_pure_data(self) -> None:
        assert bk.delayed([1, 2], pure=True).key == bk.delayed([1, 2], pure=True).key
        assert bk.delayed([1, 2]).key != bk.delayed([1, 2]).key


class TestDecorator:
    def test_names_docs_and_hints(self) -> None:
        assert decorated.__name__ == "decorated"
        assert decorated.__doc__ == "Double it."
        assert decorated.__wrapped__(3) == 6
        assert decorated.__annotations__ == {"x": "int", "return": "int"}
        assert decorated(4).compute() == 8

    def test_with_arguments(self) -> None:
        @bk.delayed(nout=2, pure=True)
        def both(x: int) -> tuple[int, int]:
            return x, x + 1

        a, b = both(1)
        assert (a + b).compute() == 3
        assert both(1).key == both(1).key

    def test_on_methods(self) -> None:
        class Counter:
            start = 10

            def __init__(self, n: int) -> None:
                self.n = n

            @bk.delayed
            def plus(self, x: int) -> int:
                return self.n + x

            @classmethod
            @bk.delayed
            def from_start(cls, x: int) -> int:
                return cls.start + x

            @staticmethod
            @bk.delayed
            def alone(x: int) -> int:
                return x

        assert bk.compute(Counter(1).plus(2), Counter.from_start(1), Counter.alone(5)) == (3, 11, 5)

    def test_pickling(self) -> None:
        assert pickle.loads(pickle.dumps(decorated)) is decorated
        for dumps in (pickle.dumps, cloudpickle.dumps):
            again = pickle.loads(dumps(decorated(3) + 1))
            assert again.compute(scheduler="sync") == 7
        named = bk.delayed(divmod, nout=2)
        assert len(pickle.loads(pickle.dumps(named))(7, 2)) == 2
        value = bk.delayed(inc)(1)
        assert pickle.loads(pickle.dumps(value)).key == value.key

    def test_decorated_functions_cross_to_processes(self) -> None:
        assert bk.compute(decorated(1), decorated(2) + 1, scheduler="processes") == (2, 5)

    def test_in_a_script(self, tmp_path: Any) -> None:
        script = tmp_path / "script.py"
        script.write_text(
            "import bagkit as bk\n@bk.delayed\ndef f(x):\n    return x + g(1)\ndef g(x):\n    return x * 10\n"
            "print(bk.compute(f(1), [f(2)], scheduler='processes'))\n"
        )
        run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
        assert run.stdout == "(11, [12])\n"


class TestFailures:
    @pytest.mark.parametrize("scheduler", [*SCHEDULERS, "processes"])
    def test_the_note_names_task_function_and_line(self, scheduler: str) -> None:
        def fail(x: int) -> int:
            raise ValueError(f"no {x}")

        value = bk.delayed(inc)(bk.delayed(fail)(3, dask_key_name="failing"))  # the line
        with pytest.raises(ValueError, match="no 3") as caught:
            value.compute(scheduler=scheduler)
        first, second = caught.value.__notes__[:2]
        assert first.startswith("in the task 'failing': ")
        assert first.endswith("fail")
        line = next(
            n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if text.endswith("# the line")
        )
        assert second == f'called in "{__file__}", line {line}'

    @pytest.mark.parametrize("scheduler", [*SCHEDULERS, "processes"])
    @pytest.mark.parametrize("kind", [StopIteration, SystemExit])
    def test_also_where_it_is_raised_as_another_error(self, scheduler: str, kind: Any) -> None:
        def fail() -> None:
            raise kind(3)

        with pytest.raises(bk.TaskError) as caught:
            bk.delayed(fail)(dask_key_name="failing").compute(scheduler=scheduler)
        assert caught.value.__notes__[0].startswith("in the task 'failing': ")
        assert isinstance(caught.value.__context__, kind)

    @pytest.mark.parametrize("build", [lambda x: x.nothing, lambda x: x.nothing(1), lambda x: x[0], lambda x: x + "a"])
    def test_what_is_missing_is_found_out_when_it_is_computed(self, build: Any) -> None:
        value = build(bk.delayed(inc)(1))
        with pytest.raises((AttributeError, TypeError)) as caught:
            value.compute()
        assert any(note.startswith(f'called in "{__file__}", line ') for note in caught.value.__notes__)

    def test_what_depends_on_it_does_not_run(self) -> None:
        seen: list[int] = []
        failing = bk.delayed(operator.truediv)(1, 0)
        with pytest.raises(ZeroDivisionError):
            bk.compute(bk.delayed(seen.append)(failing), scheduler="sync")
        assert seen == []


class TestMemory:
    @pytest.mark.parametrize("seconds", [0, 0.001])
    def test_values_are_held_no_longer_than_needed(self, seconds: float) -> None:
        lock = threading.Lock()
        live: list[int] = [0, 0]

        class Chunk:
            def __init__(self) -> None:
                with lock:
                    live[0] += 1
                    live[1] = max(live)
                time.sleep(seconds)  # what it takes to read one

            def __del__(self) -> None:
                with lock:
                    live[0] -= 1

        chunks = [bk.delayed(Chunk)() for _ in range(100)]
        low = bk.delayed(len)([bk.delayed(id)(chunk) for chunk in chunks])
        high = bk.delayed(len)([bk.delayed(hash)(chunk) for chunk in chunks])
        assert bk.compute(low, high, scheduler="threads", workers=2) == (100, 100)
        assert live[1] <= 2 + 2

    def test_a_waiting_task_takes_little(self) -> None:
        count = 5000
        bk.delayed(sum)([bk.delayed(inc)(1)]).compute()
        held = bk.delayed(lambda values: tracemalloc.get_traced_memory()[1])
        tracemalloc.start()
        try:
            peak = held([bk.delayed(inc)(n) for n in range(count)]).compute(scheduler="sync")
        finally:
            tracemalloc.stop()
        assert peak / count < 1500


@pytest.mark.parametrize("first", ["bagkit.lazy.delayed", "bagkit.computing", "bagkit.lazy.together",
                                   "bagkit.lazy.graphs", "bagkit.optimizer", "bagkit.options"])  # fmt: skip
def test_functions_are_functions_whatever_is_imported_first(first: str) -> None:
    code = (
        f"import {first}, bagkit as bk, types; import bagkit.lazy.delayed, bagkit.optimizer, bagkit.lazy.together\n"
        "names = ('delayed', 'compute', 'persist', 'optimize', 'get', 'visualize', 'options')\n"
        "print([name for name in names if isinstance(getattr(bk, name), types.ModuleType)])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def count_to(n: int) -> Iterator[int]:
    yield from range(n)


def fails_late() -> Iterator[int]:
    yield 1
    raise ZeroDivisionError("after one")


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
class TestIterators:
    """What a function gives that can be read once: each user has it from its beginning."""

    def test_as_partitions(self, scheduler: str) -> None:
        with bk.options(scheduler=scheduler):
            for function in (count_to, lambda n: map(abs, range(n)), lambda n: zip(range(n), strict=False)):
                b = bk.from_delayed([bk.delayed(function)(3)])
                expected = list(function(3))
                assert b.compute() == b.compute() == b.map(lambda x: x).compute() == expected
                assert bk.compute(b, b.count(), b.filter(None)) == (expected, 3, list(filter(None, expected)))

    def test_of_several_users(self, scheduler: str) -> None:
        numbers = bk.delayed(count_to)(4)
        parts = [bk.delayed(function)(numbers) for function in (list, sum, next, next)]
        with bk.options(scheduler=scheduler):
            assert bk.compute(*parts) == ([0, 1, 2, 3], 6, 0, 0)
            assert bk.delayed(lambda a, b: list(zip(a, b, strict=True)))(numbers, numbers).compute()[-1] == (3, 3)
            (kept,) = bk.persist(numbers)
            assert list(kept.compute()) == list(kept.compute()) == [0, 1, 2, 3]
            assert list(numbers.compute()) == [0, 1, 2, 3]
            assert bk.get({"n": (count_to, 3), "a": (sum, "n"), "b": (list, "n")}, ["a", "b"]) == (3, [0, 1, 2])

    def test_of_items(self, scheduler: str) -> None:
        item = bk.range(4, npartitions=2).sum().apply(count_to)
        with bk.options(scheduler=scheduler):
            assert bk.compute(item.apply(list), item.apply(sum)) == ([0, 1, 2, 3, 4, 5], 15)
            assert bk.from_delayed([item]).map(str).compute() == ["0", "1", "2", "3", "4", "5"]

    def test_that_fail(self, scheduler: str) -> None:
        numbers = bk.delayed(fails_late)()
        with bk.options(scheduler=scheduler):
            for lazy in (bk.delayed(list)(numbers), bk.from_delayed([numbers]), bk.from_delayed([numbers]).map(str)):
                with pytest.raises(ZeroDivisionError, match="after one"):
                    lazy.compute()


def test_iterators_without_an_end_are_read_as_far_as_needed() -> None:
    def numbers() -> Iterator[int]:
        yield from itertools.count()

    first = bk.delayed(lambda values, n: list(itertools.islice(values, n)))
    shared = bk.delayed(numbers)()
    assert bk.compute(first(shared, 2), first(shared, 4), scheduler="threads") == ([0, 1], [0, 1, 2, 3])


def test_what_programs_for_dask_ask_for() -> None:
    value = bk.delayed(abs)(-1, dask_key_name="one")
    assert value._key == value.key == "one"
    with pytest.warns(UserWarning, match="dask.delayed objects have no `visualise` method"):
        value.visualise()


def test_an_error_names_the_cell_of_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = SimpleNamespace(format_code_name=lambda name: ("Cell", "In[3]") if name == __file__ else None)
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(compile=cells))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    with pytest.raises(ZeroDivisionError) as caught:
        bk.delayed(divmod)(1, 0).compute(scheduler="sync")
    assert any(note.startswith('called in "Cell In[3]", line ') for note in caught.value.__notes__)
