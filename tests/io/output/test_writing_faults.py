"""Rows O2 to O7 of what can go wrong with an output: under its final name there is always a whole file."""

from __future__ import annotations

import errno
import fcntl
import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import bagkit as bk
from bagkit.io.output import manifest, whole_files
from bagkit.io.output.stores import LocalStore, is_device
from tests.io.output import writing_job

ROOT = Path(bk.__file__).parent.parent
JOB = Path(writing_job.__file__)
NAMES = [f"{n:02}.jsonl.gz" for n in range(writing_job.PARTITIONS)]


class Place:
    """Where a job writes, and what troubles it; its programs run in sessions of their own."""

    def __init__(self, folder: Path) -> None:
        self.out, self.troubles, self.errors = folder / "out", folder / "troubles", folder / "stderr"
        self.troubles.mkdir()

    def start(self, limit: int = 0, scheduler: str = "processes") -> subprocess.Popen[bytes]:
        command = [sys.executable, str(JOB), str(self.out), str(self.troubles), ".gz", str(limit), scheduler]
        with self.errors.open("wb") as errors:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def run(self, *troubles: str, limit: int = 0) -> int:
        for trouble in troubles:
            (self.troubles / trouble).touch()
        status = self.start(limit).wait()
        self.end_troubles()
        return status

    def run_to_its_end(self, clean: dict[str, bytes]) -> None:
        """Go on with what is there, in one process, which starts sooner; several processes write the same files."""
        assert self.start(scheduler="sync").wait() == 0, self.said()
        assert self.files() == clean

    def end_troubles(self) -> None:
        for trouble in self.troubles.iterdir():
            trouble.unlink()

    def kill_at(self, moment: float, after: int) -> None:
        """Run slowly, one partition beyond the first `after`; kill `moment` seconds after there are `after` files."""
        (self.troubles / "slow").touch()
        for number in range(after + 1, writing_job.PARTITIONS):
            (self.troubles / f"held-{number}").touch()
        process = self.start()
        while not (len(self.files()) >= after and self.has_begun()):
            assert process.poll() is None, self.said()
            time.sleep(0.005)
        time.sleep(moment)
        process.kill()
        assert process.wait() == -signal.SIGKILL, self.said()
        self.end_troubles()

    def has_begun(self) -> bool:
        """Whether a run is writing to temporary files, or one was killed while it did."""
        return self.out.exists() and any(
            "." not in kind for kind in self.hidden() if kind not in ("journal", "manifest")
        )

    def said(self) -> str:
        return self.errors.read_text()

    def files(self) -> dict[str, bytes]:
        found = self.out.iterdir() if self.out.exists() else ()
        return {path.name: path.read_bytes() for path in found if not path.name.startswith(".")}

    def hidden(self) -> list[str]:
        """Return the kinds of what is ours beside the output: manifest, journal, lock, or temporary directories."""
        names = [path.name for path in self.out.iterdir() if path.name.startswith(".")]
        return sorted(name.split(".", 2)[2].replace(".json", "") for name in names)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run without troubles writes."""
    place = Place(tmp_path_factory.mktemp("clean"))
    assert place.run() == 0, place.said()
    assert place.hidden() == ["manifest"]
    files = place.files()
    assert sorted(files) == NAMES
    for number, name in enumerate(NAMES):
        lines = gzip.decompress(files[name]).splitlines()
        first = number * writing_job.EACH
        assert [json.loads(line) for line in lines] == list(
            map(writing_job.record, range(first, first + writing_job.EACH))
        )
    return files


def check_whole(place: Place, clean: dict[str, bytes]) -> None:
    """Whatever happened: what has a final name is what a run without troubles has under it."""
    for name, data in place.files().items():
        if data != clean[name]:
            pytest.fail(unlike(name, data, clean[name]))


def unlike(name: str, found: bytes, expected: bytes) -> str:
    """Say how a compressed file differs from what a clean run writes: in its content, or only in its bytes."""
    first = next((at for at, (one, other) in enumerate(zip(found, expected, strict=False)) if one != other), None)
    content, wanted = gzip.decompress(found), gzip.decompress(expected)
    sizes = f"{len(found)} bytes, expected {len(expected)}; the first that differs is {first}"
    return f"{name}: {sizes}; the content is {'the same' if content == wanted else f'other: {content[:300]!r}'}"


class TestKilled:
    def test_parent_killed_at_random_moments_and_gone_on_with(self, place: Place, clean: dict[str, bytes]) -> None:
        moments = random.Random(11)
        kept = [0]
        for number in range(4):
            place.kill_at(moments.uniform(0, 0.3), after=kept[-1] + number % 2)
            check_whole(place, clean)
            kept.append(len(place.files()))
        assert kept == sorted(kept)  # what is done stays done
        assert len(set(kept)) > 2  # and some kills came between two files
        place.run_to_its_end(clean)
        assert place.hidden() == ["manifest"]  # what the dead have left is gone too

    def test_worker_killed_once(self, place: Place, clean: dict[str, bytes]) -> None:
        assert place.run("worker-once") == 0, place.said()
        assert place.files() == clean
        assert place.hidden() == ["manifest"]

    def test_worker_killed_always(self, place: Place, clean: dict[str, bytes]) -> None:
        assert place.run("worker-always") == 1
        assert "WorkerDiedError" in place.said()
        check_whole(place, clean)
        assert "05.jsonl.gz" not in place.files()
        assert set(place.hidden()) <= {"journal"}
        place.run_to_its_end(clean)

    def test_interrupted(self, place: Place, clean: dict[str, bytes]) -> None:
        (place.troubles / "held").touch()
        process = place.start()
        while len(place.files()) < 2:
            assert process.poll() is None, place.said()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait() != 0
        assert "KeyboardInterrupt" in place.said()
        check_whole(place, clean)
        assert place.hidden() == ["journal"]
        (place.troubles / "held").unlink()
        place.run_to_its_end(clean)


class TestErrors:
    def test_user_error_in_the_middle(self, place: Place, clean: dict[str, bytes]) -> None:
        assert place.run("error") == 1
        assert "KeyError: 'in the middle'" in place.said()
        assert "at range, record 500, partition 5" in place.said()
        check_whole(place, clean)
        assert "05.jsonl.gz" not in place.files()
        assert len(place.files()) >= 4  # those that were done stay
        place.run_to_its_end(clean)

    def test_no_room_for_a_file(self, place: Place, clean: dict[str, bytes]) -> None:
        assert place.run(limit=3_000) == 1
        assert "OutputError: " in place.said()
        assert re.search(rf"{place.out}: partition \d+ can't be written: file too large$", place.said())
        assert place.files() == {}
        assert place.hidden() == []
        place.run_to_its_end(clean)


@pytest.fixture
def bag() -> Iterator[Any]:
    with bk.options(scheduler="sync"):
        yield bk.range(9, npartitions=3)


def leftovers(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


class TestOneStepFails:
    """Each call to the operating system that a disk can refuse: a typed error, and nothing half done."""

    @pytest.mark.parametrize("step", ["create", "seal", "move", "settle", "remove"])
    @pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EIO, errno.EACCES])
    def test_then_it_is_gone_on_with(
        self, bag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, kind: int
    ) -> None:
        real, calls = getattr(LocalStore, step), 0

        def failing(self: LocalStore, *args: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 3 or (calls == 1 and step in ("settle", "remove")):
                if step == "seal":
                    args[0].close()
                raise OSError(kind, os.strerror(kind), args[0] if isinstance(args[0], str) else None)
            return real(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(LocalStore, step, failing)
            with pytest.raises(bk.OutputError, match=r"can't be written: ") as caught:
                bag.to_jsonl(tmp_path / "out")
        assert ("MB are free there" in str(caught.value)) == (kind == errno.ENOSPC)
        assert caught.value.errno == kind
        assert isinstance(caught.value, OSError)
        for path in (tmp_path / "out").glob("*.jsonl"):
            assert [json.loads(line) for line in path.read_bytes().splitlines()] == [
                int(path.stem) * 3 + n for n in range(3)
            ]
        assert [name for name in leftovers(tmp_path / "out") if name.startswith(".")] in (
            [], [name for name in leftovers(tmp_path / "out") if name.endswith(".journal")]
        )  # fmt: skip
        written = bag.to_jsonl(tmp_path / "out", exist="resume")
        assert bk.read_json(written.paths).compute() == list(range(9))
        assert len(leftovers(tmp_path / "out")) == 4

    def test_a_write_that_takes_less_is_gone_on_with(
        self, bag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = LocalStore.create

        class Slow:
            def __init__(self, file: Any) -> None:
                self._file = file

            def write(self, data: Any) -> int:
                return int(self._file.write(data[:1]))

            def __getattr__(self, name: str) -> Any:
                return getattr(self._file, name)

        with monkeypatch.context() as patch:
            patch.setattr(LocalStore, "create", lambda self, path: Slow(real(self, path)))
            written = bag.to_jsonl(tmp_path / "out")
        assert bk.read_json(written.paths).compute() == list(range(9))
        assert written.nbytes == sum(os.path.getsize(path) for path in written.paths)

    def test_a_journal_that_takes_less_is_an_error(
        self, bag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from bagkit.io.output import commits

        with monkeypatch.context() as patch:
            patch.setattr(commits, "line_of", lambda entry: Short(manifest.line_of(entry)))
            with pytest.raises(bk.OutputError, match=r"journal: can't be written: no space left on device"):
                bag.to_jsonl(tmp_path / "out")
        assert bag.to_jsonl(tmp_path / "out", exist="resume").records == 9

    def test_a_lock_that_can_not_say_whose_it_is_is_let_go_of(
        self, bag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*args: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        before = psutil.Process().num_fds()
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            with pytest.raises(bk.OutputError, match="no space left on device"):
                bag.to_jsonl(tmp_path / "out")
        assert leftovers(tmp_path / "out") == []
        assert psutil.Process().num_fds() == before
        assert bag.to_jsonl(tmp_path / "out").records == 9


class Short(bytes):
    """Bytes that seem to be more than can be written."""

    def __len__(self) -> int:
        return super().__len__() + 1


class TestWhereItMayNotWrite:
    def test_a_directory_stands_there(self, bag: Any, tmp_path: Path) -> None:
        (tmp_path / "1.part").mkdir()
        with pytest.raises(bk.OutputError, match=r"1\.part: is a directory; expected a file, or nothing"):
            bag.map(str).to_textfiles(tmp_path)
        assert leftovers(tmp_path) == ["1.part"]

    def test_a_device_is_not_replaced(self, bag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # /dev/null itself is no place to test this: where it went wrong, root would have replaced it.
        lstat = os.lstat
        monkeypatch.setattr(os, "lstat", lambda path: os.stat(os.devnull if str(path).endswith("null") else path))
        place = tmp_path / "null"
        place.write_text("")
        one = bag.map(str).repartition(1)
        with pytest.raises(bk.OutputError, match="null: is a device; expected a file, or nothing"):
            one.to_textfiles([place])
        for write in (one.map(lambda x: {"x": x}).to_parquet, lambda path, exist: bk.report(path)):
            with pytest.raises(bk.PlanError, match="null is a device; expected a file's name"):
                write(place, exist="overwrite")
        monkeypatch.setattr(os, "lstat", lstat)
        assert leftovers(tmp_path) == ["null"]

    def test_what_counts_as_a_device(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(os.devnull)
        assert [is_device(path) for path in (os.devnull, "/dev/stdout", "/dev/fd/1")] == [True] * 3
        assert not is_device(str(tmp_path / "link"))  # the link is replaced, not the device
        assert not is_device(str(tmp_path / "nothing"))

    def test_a_file_stands_where_the_directory_should_be(self, bag: Any, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("a file")
        with pytest.raises(bk.OutputError, match=r"out: can't be written: (file exists|not a directory)"):
            bag.to_jsonl(tmp_path / "out")

    def test_no_permission(self, bag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
        with pytest.raises(bk.OutputError, match="no permission to write in it"):
            bag.to_jsonl(tmp_path / "out")
        assert leftovers(tmp_path / "out") == []


class TestTwoAtOnce:
    def test_the_second_is_refused(self, place: Place, clean: dict[str, bytes]) -> None:
        (place.troubles / "held").touch()
        first = place.start()
        while not place.files():
            assert first.poll() is None, place.said()
            time.sleep(0.01)
        second = Place.start(place)
        assert second.wait() == 1
        (place.troubles / "held").unlink()
        assert (
            f"OutputBusyError: {place.out}: another run writes to these files: process {first.pid} on " in place.said()
        )
        assert "hint: wait for its end, or write elsewhere" in place.said()
        assert first.wait() == 0
        assert place.files() == clean
        assert place.hidden() == ["manifest"]

    def test_one_directory_by_two_names(self, bag: Any, tmp_path: Path) -> None:
        (tmp_path / "true").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "true")
        one, two = (bag.to_jsonl(tmp_path / name, compute=False) for name in ("true", "link"))
        with pytest.raises(bk.OutputBusyError):
            one.apply(lambda a, b: None, two).compute()
        one.compute()
        with pytest.raises(bk.OutputExistsError, match="3 of 3"):
            two.compute()

    def test_in_one_compute(self, bag: Any, tmp_path: Path) -> None:
        one, two = (bag.to_jsonl(tmp_path / "*.jsonl", compute=False) for _ in range(2))
        with pytest.raises(
            bk.OutputBusyError, match=r"this program writes to these files already, since .* of its own"
        ):
            one.apply(lambda a, b: None, two).compute()
        assert leftovers(tmp_path) == []

    def test_two_patterns_in_one_directory_are_two_outputs(self, bag: Any, tmp_path: Path) -> None:
        one, two = (bag.to_jsonl(tmp_path / f"{name}-*", compute=False) for name in "ab")
        assert one.apply(lambda a, b: a.records + b.records, two).compute() == 18

    def test_a_lock_that_says_nothing_is_respected(self, bag: Any, tmp_path: Path) -> None:
        bag.to_jsonl(tmp_path)
        (account,) = tmp_path.glob(".bagkit-*")
        lock = Path(str(account).replace("manifest.json", "lock"))
        with lock.open("wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(bk.OutputBusyError, match="another run writes to these files: another process"):
                bag.to_jsonl(tmp_path, exist="overwrite")

    def test_a_disk_without_locks_has_no_dead(self, bag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_locks(file: int, how: int) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        bag.to_jsonl(tmp_path)
        (account,) = tmp_path.glob(".bagkit-*")
        theirs = tmp_path / f"{account.name.removesuffix('.manifest.json')}.0123456789abcdef"
        theirs.mkdir()
        monkeypatch.setattr(fcntl, "flock", no_locks)
        assert bag.to_jsonl(tmp_path, exist="overwrite").records == 9
        assert leftovers(tmp_path) == sorted([account.name, theirs.name, "0.jsonl", "1.jsonl", "2.jsonl"])

    def test_the_lock_and_the_files_of_the_dead_are_taken_over(self, bag: Any, tmp_path: Path) -> None:
        bag.to_jsonl(tmp_path)
        (account,) = tmp_path.glob(".bagkit-*")
        key = account.name.split(".")[1]
        (tmp_path / f".{key}.lock").write_text('{"pid": 1, "host": "gone", "since": "long ago"}')
        (tmp_path / f".{key}.0123456789abcdef").mkdir()
        (tmp_path / f".{key}.0123456789abcdef" / "0.1.x").write_text("half")
        (tmp_path / ".bagkit-ffffffffffff.0123456789abcdef").mkdir()  # of another output: its owner may be alive
        bag.to_jsonl(tmp_path, exist="overwrite")
        expected = [account.name, ".bagkit-ffffffffffff.0123456789abcdef", "0.jsonl", "1.jsonl", "2.jsonl"]
        assert leftovers(tmp_path) == sorted(expected)


def put(kind: str, path: Path, elsewhere: Path) -> None:
    """Have something at `path` that whoever may write in its directory could have put there."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "hard link":
        os.link(elsewhere, path)
    else:
        path.symlink_to(elsewhere if kind == "link" else elsewhere.with_name("nothing"))


class TestWhatOthersPutThere:
    """In a directory that others may write in: nothing outside of it is touched, and nothing is waited for."""

    @pytest.fixture
    def elsewhere(self, tmp_path: Path) -> Path:
        path = tmp_path / "elsewhere" / "precious"
        path.parent.mkdir()
        path.write_text("precious")
        return path

    @pytest.fixture
    def out(self, tmp_path: Path) -> Path:
        path = tmp_path / "out"
        path.mkdir()
        return path

    def own(self, bag: Any, out: Path, what: str) -> Path:
        """Return where a file of ours is that goes with the output."""
        bag.to_jsonl(out)
        (manifest_file,) = out.glob(".bagkit-*.manifest.json")
        for path in out.iterdir():
            path.unlink()
        return out / manifest_file.name.replace("manifest.json", what)

    def check_untouched(self, elsewhere: Path) -> None:
        assert elsewhere.read_text() == "precious"
        assert os.listdir(elsewhere.parent) == ["precious"]

    @pytest.mark.parametrize(
        ("kind", "what"),
        [("link", "a symbolic link"), ("dangling link", "a symbolic link"), ("fifo", "no regular file")],
    )
    def test_as_the_lock(self, bag: Any, out: Path, elsewhere: Path, kind: str, what: str) -> None:
        lock = self.own(bag, out, "lock")
        put(kind, lock, elsewhere)
        with pytest.raises(bk.OutputError, match=rf"{re.escape(lock.name)}: is {what}; expected nothing there, or"):
            bag.to_jsonl(out)
        assert leftovers(out) == [lock.name]
        self.check_untouched(elsewhere)
        lock.unlink()
        assert bag.to_jsonl(out).records == 9

    def test_a_hard_link_as_the_lock_only_loses_that_name(self, bag: Any, out: Path, elsewhere: Path) -> None:
        put("hard link", self.own(bag, out, "lock"), elsewhere)
        assert bag.to_jsonl(out).records == 9
        self.check_untouched(elsewhere)
        assert elsewhere.stat().st_nlink == 1

    @pytest.mark.parametrize("what", ["journal", "manifest.json"])
    @pytest.mark.parametrize(
        ("kind", "refused"),
        [
            ("link", {"error": bk.OutputExistsError, "resume": bk.ResumeMismatchError}),
            ("hard link", {"error": bk.OutputExistsError, "resume": bk.ResumeMismatchError}),
            ("dangling link", {"error": bk.OutputExistsError}),
            ("fifo", {"error": bk.OutputError, "overwrite": bk.OutputError, "resume": bk.OutputError}),
        ],
    )
    @pytest.mark.parametrize("exist", ["error", "overwrite", "resume"])
    def test_as_an_account(
        self, bag: Any, out: Path, elsewhere: Path, kind: str, what: str, exist: Any, refused: dict[str, Any]
    ) -> None:
        put(kind, self.own(bag, out, what), elsewhere)
        if exist in refused:
            with pytest.raises(refused[exist]):
                bag.to_jsonl(out, exist=exist)
            assert not list(out.glob("*.jsonl"))
        else:
            assert bag.to_jsonl(out, exist=exist).records == 9
        self.check_untouched(elsewhere)

    @pytest.mark.parametrize("kind", ["link", "dangling link", "fifo", "hard link"])
    @pytest.mark.parametrize("exist", ["overwrite", "resume"])
    def test_as_an_output(self, bag: Any, out: Path, elsewhere: Path, kind: str, exist: Any) -> None:
        bag.to_jsonl(out)
        (out / "1.jsonl").unlink()
        put(kind, out / "1.jsonl", elsewhere)
        assert bag.to_jsonl(out, exist=exist).records == 9
        assert bk.read_json(f"{out}/*.jsonl").compute() == list(range(9))
        assert not any(path.is_symlink() for path in out.iterdir())
        self.check_untouched(elsewhere)

    def test_a_fifo_as_an_output_of_no_bytes(self, out: Path) -> None:
        nothing = bk.from_sequence([1], npartitions=1).filter(lambda n: n > 1).map(str)
        nothing.to_textfiles(out, scheduler="sync")
        (out / "0.part").unlink()
        os.mkfifo(out / "0.part")
        nothing.to_textfiles(out, exist="resume", scheduler="sync")
        assert (out / "0.part").is_file()

    @pytest.mark.parametrize("kind", ["link", "dangling link", "fifo"])
    def test_as_the_lock_of_a_single_file(self, out: Path, elsewhere: Path, kind: str) -> None:
        records = bk.from_sequence([{"n": 1}], npartitions=1)
        with bk.options(scheduler="sync"):
            with whole_files.whole_file("to_parquet", str(out / "a.parquet"), "error") as temporary:
                lock = Path(temporary.rsplit(".", 2)[0] + ".lock")
                Path(temporary).touch()
            (out / "a.parquet").unlink()
            put(kind, lock, elsewhere)
            with pytest.raises(bk.OutputError, match=rf"{re.escape(lock.name)}: is (a symbolic link|no regular file);"):
                records.to_parquet(out / "a.parquet")
        assert leftovers(out) == [lock.name]
        self.check_untouched(elsewhere)

    @pytest.mark.parametrize(
        ("kind", "what"), [("dangling link", "a link to a file that does not exist"), ("fifo", "no regular file")]
    )
    def test_as_a_database(self, out: Path, elsewhere: Path, kind: str, what: str) -> None:
        put(kind, out / "a.db", elsewhere)
        with pytest.raises(bk.OutputError, match=rf"a\.db is {what}; expected a database, or nothing"):
            bk.from_sequence([{"n": 1}], npartitions=1).to_sqlite(out / "a.db", "numbers", scheduler="sync")
        self.check_untouched(elsewhere)
