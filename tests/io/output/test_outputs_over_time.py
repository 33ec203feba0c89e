"""Run after run into one place; some break off. Whatever came before, what is there then is right."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fsspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import bagkit as bk
from bagkit.io.output.commits import FileWriting

NUMBERS = itertools.count()
FAST = "/dev/shm" if os.path.isdir("/dev/shm") else None


def contents(version: int, count: int) -> dict[str, bytes]:
    """What a run of this version with `count` partitions writes."""
    return {f"{n}.jsonl": b'{"n":%d,"version":%d}\n' % (n, version) for n in range(count)}


class Place(RuleBasedStateMachine):
    """A directory, and what a user does to it; the state is what is there, which the rules look at before they act."""

    protocol = "file"

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp(dir=FAST)
        self.fail = Path(self.root, "fail")
        """A directory with a name in it for each record that fails."""
        self.fail.mkdir()
        self.disk = fsspec.filesystem(self.protocol)
        self.out = f"{self.root}/out" if self.protocol == "file" else f"/time-{next(NUMBERS)}"
        self.url = f"{self.protocol}://{self.out}"
        self.theirs: dict[str, bytes] = {}
        self.plan: tuple[int, int] | None = None
        """Version and partitions of the run that the account that is there is of."""
        self.complete = False

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def files(self, hidden: bool = False) -> dict[str, bytes]:
        found = self.disk.find(self.out) if self.disk.exists(self.out) else []
        names = {path: path[len(self.out) + 1 :] for path in found}
        return {name: self.disk.cat(path) for path, name in names.items() if name.startswith(".") is hidden}

    def bag(self, version: int, count: int) -> Any:
        fail = str(self.fail)

        def record(n: int) -> dict[str, int]:
            if n in map(int, os.listdir(fail)):
                raise ZeroDivisionError
            return {"n": n, "version": version}

        return bk.from_sequence(range(count), npartitions=count).map(record)

    @rule(version=st.integers(0, 1), count=st.integers(1, 4), exist=st.sampled_from(["error", "overwrite", "resume"]),
          stop=st.none() | st.integers(0, 3), killed=st.booleans())  # fmt: skip
    def write(self, version: int, count: int, exist: str, stop: int | None, killed: bool) -> None:
        before, account, new = self.files(), self.files(hidden=True), contents(version, count)
        if stop is not None:
            (self.fail / str(stop)).touch()
        # A run that is killed tidies nothing up. Here it would keep its lock, so that is for stores without locks.
        killed = killed and self.protocol == "memory"
        try:
            with patch.object(FileWriting, "end", lambda self: None) if killed else nullcontext():
                manifest = self.bag(version, count).to_jsonl(self.url, exist=exist, scheduler="sync")
        except bk.OutputExistsError:
            assert exist == "error" or (exist == "resume" and self.plan is None)
            assert before.keys() & new.keys() or account
            assert self.files() == before
        except bk.ResumeMismatchError:
            assert exist == "resume"
            assert self.plan not in (None, (version, count))
            assert self.files() == before
        except ZeroDivisionError:
            after = self.files()
            assert before.keys() <= after.keys() <= before.keys() | new.keys()
            assert all(data in (before.get(name), new.get(name)) for name, data in after.items())
            if self.files(hidden=True) != account:
                self.plan, self.complete = (version, count), False
        else:
            assert [json.loads(self.disk.cat(path.removeprefix("memory://"))) for path in manifest.paths] == [
                {"n": n, "version": version} for n in range(count)
            ]
            self.plan, self.complete = (version, count), True
            assert self.files() == {**self.theirs, **new}
        finally:
            shutil.rmtree(self.fail)
            self.fail.mkdir()

    @precondition(lambda self: self.plan is not None)
    @rule()
    def go_on(self) -> None:
        assert self.plan is not None
        self.write(*self.plan, "resume", None, False)

    @rule()
    def begin_anew_with_less(self) -> None:
        self.write(2, 1, "overwrite", None, False)

    @precondition(lambda self: self.files().keys() - self.theirs)
    @rule(data=st.data(), how=st.sampled_from(["delete", "cut", "change"]), then_go_on=st.booleans())
    def damage(self, data: st.DataObject, how: str, then_go_on: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.files().keys() - self.theirs)))
        path, content = f"{self.out}/{name}", self.files()[name]
        if how == "delete":
            self.disk.rm_file(path)
        else:
            self.disk.pipe(path, content[:5] if how == "cut" else content.replace(b"n", b"m"))
        if then_go_on and self.plan is not None:
            self.go_on()

    @rule()
    def put_a_file_of_their_own(self) -> None:
        self.theirs["notes.txt"] = b"mine"
        self.disk.makedirs(self.out, exist_ok=True)
        self.disk.pipe(f"{self.out}/notes.txt", b"mine")

    @invariant()
    def what_is_theirs_stays(self) -> None:
        assert self.theirs.items() <= self.files().items()

    @invariant()
    def what_is_ours_beside_it_is_one_account(self) -> None:
        if self.complete or self.protocol == "file":
            kinds = [name.split(".", 2)[2] for name in self.files(hidden=True)]
            assert kinds in ([], ["journal"], ["manifest.json"])


class ObjectStore(Place):
    protocol = "memory"


@pytest.mark.parametrize("kind", [Place, ObjectStore])
def test_any_runs_after_each_other(kind: type[Place], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: None)  # no one pulls the plug
    run_state_machine_as_test(kind, settings=settings(max_examples=20, stateful_step_count=8, deadline=None))
