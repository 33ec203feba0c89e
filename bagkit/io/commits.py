"""The caller's side of writing: temporary files get their final names here, one by one, and the manifest last.

    worker          writes  <directory>/.bagkit-<key>.<random>/<partition>.<attempt>.<random>, fsyncs it, says so
    caller's side   notes it in the journal, renames it                            ... for each partition as it is done
                    removes what an earlier run left, writes the manifest, removes the journal         ... when all are

So under its final name there is always a whole file: the old one or the new one. Whoever holds the lock of a key is the
only one that writes there, so all other temporary directories of that key are of runs that are dead, and are removed.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from bagkit.errors import BagkitError, OutputError, OutputExistsError, PlanError, ResumeMismatchError
from bagkit.io.codecs import crc32
from bagkit.io.files import named
from bagkit.io.manifest import (
    FORMAT,
    Damaged,
    Recipe,
    WrittenFile,
    as_row,
    differences,
    from_row,
    line_of,
    manifest_bytes,
    read_journal,
    read_manifest,
)
from bagkit.io.output_names import RESERVED, directory_of
from bagkit.io.stores import Lock, Store, failed

if TYPE_CHECKING:
    from bagkit.io.output_names import Targets

_READ = 1 << 20


class FileWriting:
    """One run that writes the files of `targets`; mutable, of that run."""

    def __init__(
        self,
        operation: str,
        targets: Targets,
        store: Store,
        compressions: Sequence[str | None],
        exist: str,
        recipe: Recipe,
    ) -> None:
        self._operation = operation
        self._targets = targets
        self._store = store
        self._recipe = recipe.as_json()
        self._files: dict[int, WrittenFile] = {}
        self._stale: set[str] = set()
        """What an earlier run has written, by its own account."""
        self._journal: BinaryIO | None = None
        self._noted = False
        self._lock: Lock | None = None
        self._staging: dict[str, str] = {}
        with self._failing_as(targets.home):
            for directory in targets.directories:
                store.make_directory(directory)
            if store.journals:
                self._lock = Lock(targets.own("lock"))
        try:
            self._begin(exist)
        except BaseException:
            self.end()
            raise
        self.parts = [
            (True, self._as_written(self._files[number]))
            if number in self._files
            else (False, (number, self._staging[directory_of(path)], compressions[number]))
            for number, path in enumerate(targets.paths)
        ]

    def _begin(self, exist: str) -> None:
        with self._failing_as(self._targets.home):
            self._remove_dead()
            self._check_targets()
            if exist == "error":
                self._refuse_existing()
            elif exist == "overwrite":
                self._stale = self._earlier_paths()
            else:
                self._take_up()
            if len(self._files) < len(self._targets.paths):
                self._make_staging()
            elif self._store.read(self._targets.own("manifest.json")) is None:
                self._make_staging()
                self._complete()

    # What is there --------------------------------------------------------------------------------------------------

    def _remove_dead(self) -> None:
        if self._lock is None or not self._lock.excludes:
            return
        for directory in self._targets.directories:
            for path in self._store.staging(directory, f"{RESERVED}{self._targets.key}."):
                self._store.remove_directory(path)

    def _check_targets(self) -> None:
        if not self._store.journals:
            return
        for path in self._targets.paths:
            if os.path.isdir(path):
                raise OutputError(f"{named(path)}: is a directory; expected a file, or nothing")
        for directory in self._targets.directories:
            if not os.access(directory, os.W_OK | os.X_OK):
                raise OutputError(f"{named(directory)}: no permission to write in it")

    def _refuse_existing(self) -> None:
        own = [self._targets.own("journal"), self._targets.own("manifest.json")]
        found = self._store.existing((*self._targets.paths, *own))
        if not found:
            return
        outputs = [path for path in found if path not in own]
        unfinished = "; they are of a run that did not end" if own[0] in found else ""
        raise OutputExistsError(
            f"{self._operation}: {len(outputs)} of {len(self._targets.paths)} files exist already, the first is "
            f"{named((outputs or found)[0])}{unfinished}; hint: exist='overwrite' replaces them, "
            "exist='resume' writes those that are missing"
        )

    def _earlier(self) -> tuple[Any, list[Any], list[str]] | None:
        """Return the recipe of the run that was here before, the rows of its files, and what it has yet to remove."""
        journal = self._store.read(self._targets.own("journal"))
        if journal is not None:
            head, rows = read_journal(journal)
            return head["recipe"], rows, head["stale"]
        manifest = self._store.read(self._targets.own("manifest.json"))
        return None if manifest is None else (*read_manifest(manifest), [])

    def _earlier_paths(self) -> set[str]:
        try:
            earlier = self._earlier()
        except Damaged:
            return set()
        if earlier is None:
            return set()
        _, rows, stale = earlier
        paths = {*stale, *(from_row(row, self._targets.home).path for row in rows)}
        return set(filter(self._targets.could_be, paths))  # they may have been tampered with

    def _take_up(self) -> None:
        """Find the files that an earlier run of the same plan has written, and that are whole."""
        try:
            earlier = self._earlier()
        except Damaged as error:
            raise self._mismatch([f"the account of what was written is damaged: {error}"]) from error
        if earlier is None:
            if self._store.existing(self._targets.paths):
                self._refuse_unknown()
            return
        recipe, rows, stale = earlier
        if recipe != self._recipe:
            raise self._mismatch(differences(recipe, self._recipe))
        self._stale = set(filter(self._targets.could_be, stale))
        for row in rows:
            file = from_row(row, self._targets.home)
            path = self._targets.paths[file.partition]
            if file.path != path:
                raise self._mismatch([f"partition {file.partition} was {named(file.path)} and is {named(path)}"])
            if self._is_whole(file):
                self._files[file.partition] = file

    def _refuse_unknown(self) -> None:
        (path, *_) = self._store.existing(self._targets.paths)
        raise OutputExistsError(
            f"{self._operation}: {named(path)} exists, and nothing tells what it was made of, so it can't be gone on "
            "with; hint: exist='overwrite' replaces it"
        )

    def _mismatch(self, words: Sequence[str]) -> ResumeMismatchError:
        return ResumeMismatchError(
            f"{self._operation}: what is in {named(self._targets.home)} can't be gone on with: {'; '.join(words)}; "
            "hint: exist='overwrite' begins anew"
        )

    def _is_whole(self, file: WrittenFile) -> bool:
        state = self._store.state(file.path)
        if state is None or state[0] != file.nbytes:
            return False
        if state[1] == file.mtime_ns:
            return True
        checksum = 0  # it was copied, or touched, or changed
        with open(file.path, "rb") as data:
            while block := data.read(_READ):
                checksum = crc32(block, checksum)
        return checksum == file.checksum

    def _make_staging(self) -> None:
        for directory in self._targets.directories:
            path = f"{directory}/{RESERVED}{self._targets.key}.{secrets.token_hex(8)}"
            self._store.make_directory(path, private=True)
            self._staging[directory] = path

    # What becomes of it ---------------------------------------------------------------------------------------------

    def commit(self, written: Any) -> None:
        """Give the file that a task has written its name; with the last one, write the manifest."""
        number, temporary, *facts = written
        file = WrittenFile(self._targets.paths[number], number, *facts)
        with self._failing_as(file.path):
            self._note(file)
            self._store.move(temporary, file.path)
            self._files[number] = file
            if len(self._files) == len(self._targets.paths):
                self._complete()

    def _note(self, file: WrittenFile) -> None:
        if not self._noted:
            self._open_journal()
            self._noted = True
        if self._journal is None:
            return
        # Not brought to the disk: it outlives this process, and what a lost line tells of is only written again.
        line = line_of(as_row(file, self._targets.home))
        if self._journal.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._targets.own("journal"))

    def _open_journal(self) -> None:
        """Begin the journal, with what was there already; only then is the manifest of before no longer true."""
        home, path = self._targets.home, self._targets.own("journal")
        # Where nothing can be added to it, it says from the beginning what may be there in the end.
        stale = self._stale if self._store.journals else self._stale.union(self._targets.paths)
        head = {"format": FORMAT, "recipe": self._recipe, "stale": sorted(stale)}
        rows = [line_of(as_row(file, home)) for file in self._files.values()]
        self._put(path, b"".join([line_of(head), *rows]))
        self._store.remove(self._targets.own("manifest.json"))
        if self._store.journals:
            self._journal = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC), "wb", buffering=0)

    def _put(self, path: str, data: bytes) -> None:
        """Write a small file that is there as a whole or not at all."""
        temporary = f"{self._staging[self._targets.home]}/{secrets.token_hex(8)}"
        file = self._store.create(temporary)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) or len(rest) :]
        except BaseException:
            self._store.abandon(file, temporary)
            raise
        self._store.seal(file, temporary)
        self._store.move(temporary, path)

    def _complete(self) -> None:
        for directory in self._targets.directories:
            self._store.settle(directory)
        for path in self._stale.difference(self._targets.paths):
            self._store.remove(path)
        files = [self._files[number] for number in range(len(self._targets.paths))]
        self._put(self._targets.own("manifest.json"), manifest_bytes(self._recipe, files, self._targets.home))
        self._store.settle(self._targets.home)
        self._store.remove(self._targets.own("journal"))

    def end(self) -> None:
        """Remove what became no output, and let others write here."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        for path in self._staging.values():
            try:
                self._store.remove_directory(path)
            except Exception:
                pass  # the store can't be reached: the error that says so is on its way
        self._staging.clear()
        if self._lock is not None:
            self._lock.release()

    @staticmethod
    def _as_written(file: WrittenFile) -> tuple[Any, ...]:
        return (file.partition, "", file.records, file.nbytes, file.checksum, file.mtime_ns)

    @contextmanager
    def _failing_as(self, path: str) -> Iterator[None]:
        try:
            yield
        except (BagkitError, PlanError):
            raise
        except Exception as error:
            raise failed(getattr(error, "filename", None) or path, error) from error
