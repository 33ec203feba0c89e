"""exist="resume": what is kept, what is written again, and when it is refused."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

import bagkit as bk
from bagkit.io.output import manifest as manifests
from bagkit.plan.fingerprint import lasting_digest

pytestmark = pytest.mark.usefixtures("sync")


def visible(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def hidden(folder: Path) -> list[str]:
    return sorted(re.sub("-[0-9a-f]+", "", path.name) for path in folder.iterdir() if path.name.startswith("."))


class Job:
    """Six partitions. Each leaves a mark when it is made; one fails while the file `fail` is there."""

    def __init__(self, folder: Path) -> None:
        self.out: Any = folder / "out"  # or text that is a URL
        self.marks, self.fail = folder / "marks", folder / "fail"
        self.marks.mkdir()

    def bag(self) -> Any:
        marks, fail = str(self.marks), str(self.fail)

        def record(n: int) -> dict[str, int]:
            import os

            open(f"{marks}/{n}-{len(os.listdir(marks))}", "x").close()
            if n == 3 and os.path.exists(fail):
                raise KeyError("in the middle")
            return {"n": n, "square": n * n}

        return bk.from_sequence(range(6), npartitions=6).map(record)

    def run(self, **options: Any) -> Any:
        return self.bag().to_jsonl(self.out, **{"exist": "resume", **options})

    def break_off(self) -> None:
        self.fail.touch()
        with pytest.raises(KeyError):
            self.run()
        self.fail.unlink()

    def made(self) -> list[int]:
        """Return which records were made since this was asked the last time."""
        found = sorted(int(path.name.partition("-")[0]) for path in self.marks.iterdir())
        for path in self.marks.iterdir():
            path.unlink()
        return found


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


EXPECTED = {f"{n}.jsonl": b'{"n":%d,"square":%d}\n' % (n, n * n) for n in range(6)}


class TestGoingOn:
    def test_what_is_written_is_not_written_again(self, job: Job) -> None:
        job.break_off()
        assert job.made() == [0, 1, 2, 3]
        assert sorted(visible(job.out)) == ["0.jsonl", "1.jsonl", "2.jsonl"]
        assert hidden(job.out) == [".bagkit.journal"]
        manifest = job.run()
        assert job.made() == [3, 4, 5]
        assert visible(job.out) == EXPECTED
        assert hidden(job.out) == [".bagkit.manifest.json"]
        assert manifest.paths == [str(job.out / name) for name in EXPECTED]
        assert manifest.records == 6
        again = job.run()
        assert job.made() == []
        assert again == manifest

    def test_a_first_run_can_resume(self, job: Job) -> None:
        job.run()
        assert visible(job.out) == EXPECTED

    def test_a_file_that_is_gone_or_changed_is_written_again(self, job: Job) -> None:
        job.run()
        job.made()
        (job.out / "1.jsonl").unlink()
        (job.out / "4.jsonl").write_bytes(b'{"n":4,"square":17}\n')
        (job.out / "5.jsonl").write_bytes(b"")
        os.utime(job.out / "2.jsonl")  # a copy has another time and the same content
        job.run()
        assert job.made() == [1, 4, 5]
        assert visible(job.out) == EXPECTED

    def test_all_files_are_there_and_the_manifest_is_not(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        from bagkit.io.output.commits import FileWriting

        def interrupt(self: FileWriting) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(FileWriting, "_complete", interrupt)
            with pytest.raises(KeyboardInterrupt):
                job.run()
        job.made()
        assert hidden(job.out) == [".bagkit.journal"]
        job.run()
        assert job.made() == []
        assert hidden(job.out) == [".bagkit.manifest.json"]

    def test_nothing_is_left_of_a_run_that_wrote_nothing(self, job: Job) -> None:
        with pytest.raises(ZeroDivisionError):
            job.bag().map(lambda r: 1 / 0).to_jsonl(job.out)
        assert os.listdir(job.out) == []
        job.run(exist="error")
        assert visible(job.out) == EXPECTED

    def test_a_failed_overwrite_leaves_whole_files_old_or_new(self, job: Job) -> None:
        old = bk.from_sequence(range(8), npartitions=8)
        old.to_jsonl(job.out)
        job.fail.touch()
        with pytest.raises(KeyError):
            job.run(exist="overwrite")
        job.fail.unlink()
        now = visible(job.out)
        assert len(now) == 8
        assert {name: now[name] for name in ("0.jsonl", "1.jsonl", "2.jsonl")}.items() <= EXPECTED.items()
        assert now["3.jsonl"] == b"3\n"
        # Gone on with, it also removes what the larger run before the failed one left.
        job.run()
        assert visible(job.out) == EXPECTED

    def test_an_overwrite_that_fails_at_once_changes_nothing(self, job: Job) -> None:
        job.run()
        before = visible(job.out), hidden(job.out)
        with pytest.raises(ZeroDivisionError):
            job.bag().map(lambda r: 1 / 0).to_jsonl(job.out, exist="overwrite")
        assert (visible(job.out), hidden(job.out)) == before
        job.made()
        job.run()
        assert job.made() == []

    @pytest.mark.parametrize("policy", ["skip", "collect"])
    def test_records_that_were_left_out_of_what_is_kept_are_told_of(self, tmp_path: Path, policy: str) -> None:
        """The run that left them out may have been killed before it could say so."""

        def inverse(n: int) -> float:
            if n == 5 and not done.exists():
                raise KeyboardInterrupt
            return 1 / (n - 1)

        done = tmp_path / "done"
        bag = bk.range(6, 3).map(inverse)
        with pytest.raises(KeyboardInterrupt):
            bag.to_jsonl(tmp_path / "out", on_error=policy)
        done.touch()
        message = (
            "to_jsonl: 1 record was left out of the files that are kept, as on_error, or damaged=, asked when they"
        )
        for _ in range(2):
            with pytest.warns(bk.SkippedRecordsWarning, match=message):
                assert bag.to_jsonl(tmp_path / "out", exist="resume").records == 5

    @pytest.mark.parametrize("policy", ["skip", "collect"])
    @pytest.mark.parametrize("below", ["groupby", "sort_by", "repartition", "reduction", "two levels"])
    def test_and_of_those_that_were_left_out_below(self, tmp_path: Path, policy: str, below: str) -> None:
        """Behind an exchange they are in no one file: all that is kept tells of them, or the next run."""
        done, out = tmp_path / "done", tmp_path / "out"
        bag = MADE_BELOW[below](bk.range(8, 4).map(lambda n: 1 // (n - 2) + n))

        def stop(record: Any) -> Any:
            if not done.exists():
                done.touch()
                raise KeyboardInterrupt
            return record

        def write(bag: Any) -> list[str]:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("default")
                bag.to_jsonl(out, exist="resume", on_error=policy, scheduler="sync")
            return [str(warning.message).partition(",")[0] for warning in caught]

        kept = "to_jsonl: 1 record was left out of the files that are kept"
        new = ["1 record skipped"] if policy == "skip" else []
        assert write(bag) == new
        assert [write(bag), write(bag)] == [[kept], [kept]]
        (out / "0.jsonl").unlink()
        again = write(bag)
        assert again == (new if below != "repartition" else [kept])
        assert write(bag) == [kept]
        shutil.rmtree(out)
        stopping = bag.map(stop)
        with pytest.raises(KeyboardInterrupt):
            write(stopping)
        assert write(stopping) == new
        assert write(stopping) == [kept]

    def test_what_a_broken_run_left_out_below_is_in_its_journal(self, tmp_path: Path) -> None:
        done, out = tmp_path / "done", tmp_path / "out"

        def stop(record: Any) -> Any:
            if not done.exists() and list(out.glob("*.jsonl")):
                raise KeyboardInterrupt
            return record

        bag = bk.range(8, 2).map(lambda n: 1 // (n - 2) + n).groupby(lambda n: n, npartitions=4).map(stop)
        with pytest.raises(KeyboardInterrupt):
            bag.to_jsonl(tmp_path / "out", on_error="skip", scheduler="sync")
        assert any(b'{"lost":{"' in path.read_bytes() for path in (tmp_path / "out").glob(".bagkit-*.journal"))
        done.touch()
        with pytest.warns(bk.SkippedRecordsWarning, match="^1 record skipped") as caught:
            assert bag.to_jsonl(tmp_path / "out", exist="resume", on_error="skip", scheduler="sync").records == 6
        assert len(caught) == 1
        with pytest.warns(
            bk.SkippedRecordsWarning, match="^to_jsonl: 1 record was left out of the files that are kept"
        ):
            bag.to_jsonl(tmp_path / "out", exist="resume", on_error="skip", scheduler="sync")

    def test_two_outputs_of_one_run_tell_of_their_own(self, tmp_path: Path) -> None:
        one = (
            bk.range(4, 2).map(lambda n: 1 // n).groupby(str).to_jsonl(tmp_path / "one", compute=False, exist="resume")
        )
        two = bk.range(4, 2).groupby(str).to_jsonl(tmp_path / "two", compute=False, exist="resume")
        with pytest.warns(bk.SkippedRecordsWarning):
            bk.compute(one, two, on_error="skip", scheduler="sync")
        two.compute(scheduler="sync")
        with pytest.warns(bk.SkippedRecordsWarning, match="^to_jsonl: 1 record was left out"):
            one.compute(scheduler="sync")

    def test_text_files_resume_too(self, tmp_path: Path) -> None:
        bag = bk.from_sequence(["a", "b", "c"], npartitions=3)
        first = bag.to_textfiles(tmp_path / "*.gz", exist="resume")
        inodes = [os.stat(path).st_ino for path in first]
        assert bag.to_textfiles(tmp_path / "*.gz", exist="resume") == first
        assert [os.stat(path).st_ino for path in first] == inodes

    def test_after_a_reduction(self, tmp_path: Path) -> None:
        bag = bk.from_sequence("abcab", npartitions=2).frequencies()
        for _ in range(2):
            assert bag.to_jsonl(tmp_path / "*.jsonl", exist="resume").records == 3


MADE_BELOW: dict[str, Callable[[Any], Any]] = {
    "groupby": lambda b: b.groupby(lambda n: n % 3),
    "sort_by": lambda b: b.sort_by(reverse=True),
    "repartition": lambda b: b.repartition(8),
    "reduction": lambda b: b.frequencies(),
    "two levels": lambda b: b.groupby(lambda n: n % 3).map(len).sort_by(),
}


class TestRefused:
    def test_files_that_nothing_tells_of(self, tmp_path: Path) -> None:
        (tmp_path / "0.jsonl").write_text("mine")
        with pytest.raises(bk.OutputExistsError, match=r"to_jsonl: .*0\.jsonl exists, and nothing tells what it was"):
            bk.range(1, 1).to_jsonl(tmp_path, exist="resume")

    def test_an_unfinished_run_is_said_to_be_one(self, job: Job) -> None:
        job.break_off()
        with pytest.raises(
            bk.OutputExistsError, match=r"3 of 6 files exist already.*a run that did not end; hint: .*resume"
        ):
            job.run(exist="error")

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (
                lambda b: b.map(str),
                "the operations were range → map(lambda) → encode_json and are range → map(lambda) → map(str) → ",
            ),
            (lambda b: b.filter(None), "the operations were"),
            (lambda b: b.repartition(2), "there were 3 partitions and are 2"),
        ],
    )
    def test_another_plan(self, tmp_path: Path, change: Callable[[Any], Any], words: str) -> None:
        bag = bk.range(9, 3).map(lambda n: n + 1)
        bag.to_jsonl(tmp_path / "*.jsonl", name_function=str)
        before = visible(tmp_path)
        with pytest.raises(bk.ResumeMismatchError) as caught:
            change(bag).to_jsonl(tmp_path / "*.jsonl", name_function=str, exist="resume")
        assert str(caught.value).startswith(f"to_jsonl: can't go on with the files in {tmp_path}: ")
        assert words in str(caught.value)
        assert str(caught.value).endswith("; hint: exist='overwrite' begins anew")
        assert visible(tmp_path) == before

    def test_another_function(self, tmp_path: Path) -> None:
        def write(function: Callable[[int], int]) -> Any:
            return bk.range(4, 2).map(function).to_jsonl(tmp_path / "*.jsonl", exist="resume")

        write(lambda n: n + 1)
        write(lambda n: n + 1)
        with pytest.raises(
            bk.ResumeMismatchError, match=r"map\(lambda\) is another: its function, what that refers to, or"
        ):
            write(lambda n: n + 2)

    def test_other_inputs(self, tmp_path: Path) -> None:
        for name in "ab":
            (tmp_path / f"{name}.txt").write_text(f"{name}\n")

        def write() -> Any:
            return bk.read_text(tmp_path / "*.txt").to_jsonl([tmp_path / "out" / n for n in "xy"], exist="resume")

        write()
        (tmp_path / "b.txt").write_text("c\n")
        os.utime(tmp_path / "b.txt", ns=(1, 1))
        with pytest.raises(bk.ResumeMismatchError, match=r"b\.txt has changed; hint"):
            write()
        (tmp_path / "b.txt").rename(tmp_path / "c.txt")
        with pytest.raises(bk.ResumeMismatchError, match=r"b\.txt is no longer read; .*c\.txt is read now; hint"):
            write()

    def test_other_names(self, tmp_path: Path) -> None:
        bk.range(2, 2).to_jsonl(tmp_path / "*", name_function=lambda n: "ab"[n])
        with pytest.raises(bk.ResumeMismatchError, match=r"partition 0 was .*/a and is .*/c; hint: exist="):
            bk.range(2, 2).to_jsonl(tmp_path / "*", name_function=lambda n: "cd"[n], exist="resume")
        assert sorted(visible(tmp_path)) == ["a", "b"]

    def test_other_options_and_versions(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bag = bk.from_sequence(["a"], npartitions=1)
        bag.to_textfiles(tmp_path / "*")
        for options, words in (
            ({"compression": "gzip"}, r"compression was \['None'\] and is \['gzip'\]"),
            ({"last_endline": True}, "last_separator was False and is True"),
            ({"encoding": "utf-16"}, "mark was"),
            ({"encoding": "latin-1"}, "the operations were"),
        ):
            with pytest.raises(bk.ResumeMismatchError, match=words):
                bag.to_textfiles(tmp_path / "*", exist="resume", **options)
        monkeypatch.setattr(bk, "__version__", "0.0.1")
        with pytest.raises(bk.ResumeMismatchError, match=r"bagkit was '.*' and is '0\.0\.1'"):
            bag.to_textfiles(tmp_path / "*", exist="resume")

    def test_what_can_not_be_compared_is_never_the_same(self, tmp_path: Path) -> None:
        import threading

        lock = threading.Lock()
        bag = bk.range(2, 1).map(lambda n: (n, lock.locked()))
        bag.to_jsonl(tmp_path / "*", exist="resume")
        with pytest.raises(bk.ResumeMismatchError):
            bag.to_jsonl(tmp_path / "*", exist="resume")


class TestBehindAUrl:
    """No locks there, and no adding to files: the account is written whole, now and then and in the end."""

    @pytest.fixture
    def job(self, tmp_path: Path) -> Iterator[Job]:
        job = Job(tmp_path)
        job.out = "memory://resume/out"
        yield job
        fsspec.filesystem("memory").rm("/resume", recursive=True)

    def names(self) -> list[str]:
        found = (name.rpartition("/")[2] for name in fsspec.filesystem("memory").find("/resume"))
        return sorted(re.sub("-[0-9a-f]+", "", name) for name in found)

    def contents(self) -> dict[str, bytes]:
        memory = fsspec.filesystem("memory")
        return {path.rpartition("/")[2]: memory.cat(path) for path in memory.glob("/resume/out/[!.]*")}

    def test_what_is_written_is_not_written_again(self, job: Job) -> None:
        job.break_off()
        assert job.made() == [0, 1, 2, 3]
        assert self.names() == [".bagkit.journal", "0.jsonl", "1.jsonl", "2.jsonl"]
        fsspec.filesystem("memory").pipe("/resume/out/1.jsonl", b"x" * len(EXPECTED["1.jsonl"]))
        assert job.run().records == 6
        assert job.made() == [1, 3, 4, 5]
        assert self.contents().items() >= EXPECTED.items()
        assert self.names() == [".bagkit.manifest.json", *EXPECTED]
        assert job.run().records == 6
        assert job.made() == []

    @pytest.mark.parametrize(("every", "again"), [(-1.0, [3, 4, 5]), (60.0, [0, 1, 2, 3, 4, 5])])
    def test_killed(self, job: Job, monkeypatch: pytest.MonkeyPatch, every: float, again: list[int]) -> None:
        """What it has not yet said of itself is written again, and its temporary directory goes."""
        from bagkit.io.output.commits import FileWriting

        with monkeypatch.context() as patch:
            patch.setattr("bagkit.io.output.commits._EVERY", every)
            patch.setattr(FileWriting, "end", lambda self: None)
            job.break_off()
        (left,) = fsspec.filesystem("memory").glob("/resume/out/.bagkit-*/")
        assert job.made() == [0, 1, 2, 3]
        job.run()
        assert job.made() == again
        assert self.names() == [".bagkit.manifest.json", *EXPECTED]
        assert not fsspec.filesystem("memory").exists(left)

    def test_another_plan_touches_nothing(self, job: Job) -> None:
        job.break_off()
        before = self.contents()
        with pytest.raises(
            bk.ResumeMismatchError, match="can't go on with the files in memory://resume/out: the operations were"
        ):
            job.bag().map(dict).to_jsonl(job.out, exist="resume")
        assert self.contents() == before


def flipped(data: bytes, step: int) -> Iterator[bytes]:
    for at in range(0, len(data), step):
        yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    yield data[: len(data) // 2]
    yield b""


@pytest.mark.parametrize("kind", ["journal", "manifest"])
def test_a_damaged_account_is_never_believed(job: Job, kind: str) -> None:
    """Each byte changed, or the end cut off: it is damaged, or says less and never anything else."""
    job.break_off() if kind == "journal" else job.run()
    (account,) = job.out.glob(".bagkit-*")
    good, files = account.read_bytes(), visible(job.out)
    read: Callable[[bytes], Any] = manifests.read_journal if kind == "journal" else manifests.read_manifest
    recipe, rows = read(good)[:2]
    for bad in flipped(good, 1):
        try:
            assert read(bad)[0] == recipe
            assert [row for row in rows if row in read(bad)[1]] == read(bad)[1] != rows
        except manifests.Damaged:
            pass
    refused = 0
    for bad in flipped(good, 61):
        for path in job.out.iterdir():
            path.unlink()
        for name, content in files.items():
            (job.out / name).write_bytes(content)
        (job.out / "0.jsonl").write_bytes(b"x" * len(files["0.jsonl"]))
        account.write_bytes(bad)
        try:
            job.run()
        except bk.ResumeMismatchError as error:
            refused += "the account of what was written is damaged" in str(error)
        else:
            assert visible(job.out) == EXPECTED
    assert refused > 5


def rewrite_account(job: Job, change: Callable[[dict[str, Any]], object]) -> None:
    (account,) = job.out.glob(".bagkit-*")
    content = json.loads(account.read_bytes())
    del content["checksum"]
    change(content)
    account.write_bytes(json.dumps({"checksum": manifests.checksum_of(content), **content}, indent=1).encode())


def test_an_account_of_before_rows_had_their_last_field_is_read(job: Job) -> None:
    job.run()
    job.made()
    rewrite_account(job, lambda content: [row.pop() for row in (content["fields"], *content["files"])])
    assert job.run().records == 6
    assert job.made() == []


def test_an_account_of_another_version_is_not_read(job: Job) -> None:
    job.run()
    rewrite_account(job, lambda content: content.update(format=99))
    with pytest.raises(bk.ResumeMismatchError, match="is damaged: it is of the version 99"):
        job.run()


# What a function is known by ------------------------------------------------------------------------------------------

FACTOR = 2


def helper(x: int) -> int:
    return x * FACTOR


def uses_helper(x: int) -> int:
    return helper(x)


class TestDigest:
    def test_same(self) -> None:
        def make(k: Any) -> Any:
            return lambda x, y=1: (x, y, k)

        for one, other in (
            (make([1, {"a": 2}]), make([1, {"a": 2}])),
            (functools.partial(helper, x=1), functools.partial(helper, x=1)),
            ({"b", "a", "c"}, {"c", "b", "a"}),
            (re.compile("a+"), re.compile("a+")),
            ([{"n": n, "s": str(n)} for n in range(2000)], [{"n": n, "s": str(n)} for n in range(2000)]),
            ([{str(n), "x"} for n in range(600)], [{"x", str(n)} for n in range(600)]),
        ):
            assert lasting_digest(one) == lasting_digest(other)

    def test_different(self) -> None:
        def make(k: Any) -> Any:
            return lambda x, y=1: (x, y, k)

        def with_default(y: Any) -> Any:
            return lambda x, y=y: (x, y)

        large = [{"n": n} for n in range(2000)]
        for one, other in (
            (make([1, {"a": 2}]), make([1, {"a": 3}])),
            (with_default(1), with_default(1.0)),
            (1, True), ("a", b"a"), ([1], (1,)), (["a", "b"], ["ab"]), ({"a": 1}, {"a": 2}), (float("nan"), None),
            (functools.partial(helper, x=1), functools.partial(helper, x=2)),
            (large, [*large[:-1], {"n": float(1999)}]),
            (large, large[:-1]),
            (str.upper, str.lower),
        ):  # fmt: skip
            assert lasting_digest(one) != lasting_digest(other), (one, other)

    def test_a_value_that_is_in_itself_is_never_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Whoever raises the limit this far waited for minutes: until the recursion was at its end.
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(100_000)
        try:
            record: dict[str, Any] = {"list": []}
            record["list"].append({"again": record})
            assert lasting_digest(record) != lasting_digest(record)
        finally:
            sys.setrecursionlimit(limit)
        twice = ["a"]
        assert lasting_digest([twice, twice]) == lasting_digest([["a"], ["a"]])
        monkeypatch.setitem(globals(), "FACTOR", [twice, [lambda: record]])
        assert lasting_digest([uses_helper, twice]) == lasting_digest([uses_helper, twice])

    def test_functions_and_values_of_the_same_module_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = lasting_digest(uses_helper)
        monkeypatch.setitem(globals(), "FACTOR", 3)
        assert lasting_digest(uses_helper) != before

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("V = [1]", "V = [2]"), ("V = {1: 2}", "V = {1: 3}"), ("V = {'a'}", "V = {'b'}"), ("V = None", "V = 0"),
            ("import re; V = re.compile('a')", "import re; V = re.compile('b')"),
            ("def V(n): return n + 1", "def V(n): return n + 2"),
            ("V = lambda n, d={}: n", "V = lambda n, d=[]: n"),
            ("class V:\n def f(self): return 1", "class V:\n def f(self): return 2"),
            ("class V:\n k = [1]", "class V:\n k = [2]"),
            ("class V:\n f = property(lambda s: 1)", "class V:\n f = property(lambda s: 2)"),
            ("class A:\n def f(s): return 1\nclass V(A): 0", "class A:\n def f(s): return 2\nclass V(A): 0"),
            ("class A:\n def f(s): return 1\nV = A()", "class A:\n def f(s): return 2\nV = A()"),
            ("class A: 0\nV = A(); V.k = {'a', 'b'}", "class A: 0\nV = A(); V.k = {'a', 'c'}"),
            ("class A: 0\nV = A(); V.k = [lambda: 1]", "class A: 0\nV = A(); V.k = [lambda: 2]"),
            ("import functools as f; V = f.cache(lambda: 1)", "import functools as f; V = f.cache(lambda: 2)"),
            ("import json; V = json.loads", "import json; V = json.dumps"),
        ],
    )  # fmt: skip
    def test_what_is_named_counts_wherever_it_is(self, one: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Named by a function in its own module, and in another one of the user's, through the module too."""

        def digests(source: str) -> list[str]:
            users = types.ModuleType("users_own")
            exec(source, users.__dict__)
            monkeypatch.setitem(sys.modules, "users_own", users)
            exec("def uses(): return V", users.__dict__)
            found = [users.uses, eval("lambda: V", {"V": users.V}), eval("lambda: m.V", {"m": users})]
            return [lasting_digest(function) for function in (*found, eval("lambda: uses()", {"uses": users.uses}))]

        assert digests(one) == digests(one)
        assert not set(digests(one)) & set(digests(other))

    def test_what_is_named_and_can_not_be_compared_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import threading

        before = lasting_digest(uses_helper)
        monkeypatch.setitem(globals(), "FACTOR", threading.Lock())
        assert lasting_digest(uses_helper) == lasting_digest(uses_helper) != before

    def test_attributes_are_no_names_of_the_module(self, monkeypatch: pytest.MonkeyPatch) -> None:
        function = eval("lambda r: r.result", namespace := {})
        before = lasting_digest(function)
        namespace["result"] = 5
        assert lasting_digest(function) == before

    def test_recursive_functions_end(self) -> None:
        def count(n: int) -> int:
            return count(n - 1) if n else 0

        assert lasting_digest(count) == lasting_digest(count)

    def test_classes_that_were_made_by_a_call(self) -> None:
        made = [
            dataclasses.make_dataclass("Made", [("n", int, dataclasses.field(default=default))])
            for default in (1, 1, 2)
        ]
        one, same, other = map(lasting_digest, made)
        assert one == same != other

    def test_is_the_same_in_another_process(self) -> None:
        import subprocess

        code = (
            "from bagkit.plan.fingerprint import lasting_digest; import json, re;"
            "\nclass Words:\n  def __init__(self): self.stop = {'a', 'b', 'c', 'd'}; self.regex = re.compile('a')\n"
            "values = [{'a', 'b', 'c'}, lambda x: x in {'p', 'q', 'r'}, json.loads, {'k': (1, None)}, Words()]\n"
            "print(lasting_digest(values))"
        )
        found = {
            subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
            for seed in "123"
        }
        assert len(found) == 1
