"""The caller's side of writing: temporary files get their final names here, one by one, and the manifest last.

    worker          writes  <directory>/.bagkit-<key>.<random>/<partition>.<attempt>.<random>, fsyncs it, says so
    caller's side   notes it in the journal, renames it                            ... for each partition as it is done
                    removes what an earlier run left, writes the manifest, removes the journal         ... when all are

So under its final name there is always a whole file: the old one or the new one. Whoever holds the lock of a key is the
only one that writes there, so all other temporary directories of that key are of runs that are dead, and are removed.

In an object store there are no locks and the journal can't be added to: it is written whole now and then, and what it
names as temporary is removed.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from bagkit.contexts import context
from bagkit.errors import (
    BagkitError,
    OutputError,
    OutputExistsError,
    PlanError,
    ResumeMismatchError,
    SkippedRecordsWarning,
)
from bagkit.exchange.checksum import crc32
from bagkit.flow.tallies import Pairs
from bagkit.io.input.paths import digest_of, named
from bagkit.io.output.locks import Lock
from bagkit.io.output.manifest import (
    FORMAT,
    Account,
    Below,
    Damaged,
    Recipe,
    WrittenAgainWarning,
    WrittenFile,
    differences,
    line_of,
    manifest_bytes,
    read_account,
    row_of_file,
)
from bagkit.io.output.names import RESERVED, directory_of
from bagkit.io.output.stores import (
    Store,
    among,
    apart,
    bring_file_to_disk,
    failed,
    is_device,
    open_own,
    write_whole,
)
from bagkit.warn import warn_about

if TYPE_CHECKING:
    from bagkit.io.input.made_of import MadeOf
    from bagkit.io.output.names import Targets

_EVERY = 5.0
"""Seconds between two accounts of what was written, where nothing can be added to the first."""


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
        made_of: Sequence[MadeOf],
        wanted: frozenset[int] | None = None,
        token: str = "",
        known: Collection[str] = (),
    ) -> None:
        self._operation = operation
        self._targets = targets
        self._store = store
        self._recipe = recipe.as_json()
        self._made_of = made_of
        self._inputs = recipe.inputs
        self._wanted = wanted
        """The partitions that are written; None for all. The others are as earlier runs have left them."""
        self.files: dict[int, WrittenFile] = {}
        """Those that are there as they are to be, by their partitions."""
        self._below = Below()
        self._unsaid = Below()
        """What of it the journal does not say yet."""
        self.stale = set(known)
        """What earlier runs have written, as the files say themselves (`known`), or the account of the last run."""
        self._claimed: set[str] = set()
        """What this run may write before its account says so."""
        self._journal: BinaryIO | None = None
        self._noted_at = 0.0
        """When the journal was written, by the monotonic clock; 0 where there is none of this run."""
        self._lock: Lock | None = None
        self._staging: dict[str, str] = {}
        with self._failing_as(targets.home):
            for directory in targets.directories:
                store.make_directory(directory)
            if store.journals:
                self._lock = Lock(targets.own("lock"), token)
            elif token:
                self._lock = Lock(_place_on_this_machine(f"{token} {targets.key}"), token)
        try:
            self._prepare(exist)
        except BaseException:
            self.end()
            raise
        self.parts = [self._part(number, compression) for number, compression in enumerate(compressions)]

    def _part(self, number: int, compression: str | None) -> tuple[bool, Any] | None:
        if number in self.files:
            return True, self._as_written(self.files[number])
        if self._wanted is not None and number not in self._wanted:
            return None
        return False, (number, self.staging_of(number), compression)

    def _prepare(self, exist: str) -> None:
        with self._failing_as(self._targets.home):
            self._remove_dead()
            self._check_targets()
            if exist == "error":
                self._refuse_existing()
            if exist == "resume":
                self._take_up()
            elif exist == "update":
                self._update()
            elif self._wanted is not None:
                self._keep_others(self._wanted)
            elif exist == "overwrite":
                self._replace()
            if len(self.files) < len(self._targets.paths):
                self._make_staging()
            elif self._store.read(self._targets.own("manifest.json")) != self._manifest():
                self._make_staging()
                self._complete()

    # What is there --------------------------------------------------------------------------------------------------

    def _remove_dead(self) -> None:
        if self._lock is None or not self._lock.excludes or not self._store.journals:
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
            if is_device(path):
                raise OutputError(f"{named(path)}: is a device; expected a file, or nothing")
        for directory in self._targets.directories:
            if not os.access(directory, os.W_OK | os.X_OK):
                raise OutputError(f"{named(directory)}: no permission to write in it")

    def _refuse_existing(self) -> None:
        earlier = self._earlier()
        known = () if earlier is None else (*earlier.stale, *(file.path for file in earlier.files))
        ours = dict.fromkeys(self._targets.paths)
        found = self._store.existing([*ours, *sorted(self._targets.could_be(known).difference(ours))])
        if earlier is not None and (not found or self._is_of_other_parts(found, earlier)):
            self._take_over(earlier)
            return
        own = self._store.existing(map(self._targets.own, ("journal", "manifest.json")))
        if not found and not own:
            return
        outputs = [path for path in found if path in ours]
        if not outputs:
            what = "exists, which an earlier run has written" if found else "is no account of an earlier run"
            raise OutputExistsError(
                f"{self._operation}: {named((found or own)[0])} {what}; hint: exist='overwrite' begins anew"
            )
        unfinished = self._targets.own("journal") in own
        raise OutputExistsError(
            f"{self._operation}: {len(outputs)} of {len(self._targets.paths)} files exist already, the first is "
            f"{named(outputs[0])}{'; they are of a run that did not end' if unfinished else ''}; "
            "hint: exist='overwrite' replaces them, exist='resume' writes those that are missing"
        )

    def _is_of_other_parts(self, found: Sequence[str], earlier: Account) -> bool:
        """Return whether some partitions are wanted, and the files that are there are of others of the same plan."""
        return (
            self._wanted is not None
            and earlier.recipe == self._recipe
            and not {self._targets.paths[number] for number in self._wanted}.intersection(found)
        )

    def _earlier(self, goes_on: bool = False) -> Account | None:
        """Return what the run that was here before has said of itself, None if there was none, or that is damaged.

        Raises ResumeMismatchError for the latter where this one `goes_on` with what is there.
        """
        try:
            return read_account(self._store, self._targets)
        except Damaged as error:
            if not goes_on:
                return None
            raise self._mismatch([f"the account of what was written is damaged: {error}"]) from error

    def _replace(self) -> None:
        """Find what an earlier run has left; nothing of it is kept."""
        earlier = self._earlier()
        if earlier is not None:
            self._take_over(earlier, (file.path for file in earlier.files))

    def _keep_others(self, wanted: frozenset[int]) -> None:
        """Find the files beside the `wanted` ones that earlier runs of the same plan have written."""
        earlier = self._earlier()
        if earlier is None or earlier.recipe != self._recipe:
            self._replace()
            return
        others = [file for file in earlier.files if file.partition not in wanted]
        self.files = {
            file.partition: file
            for file in others
            if file.path == self._targets.paths[file.partition] and self._is_whole(file)
        }
        self._below = earlier.below if self.files else Below()
        self._take_over(earlier)

    def _take_over(self, earlier: Account, paths: Iterable[str] = ()) -> None:
        """Note the files to remove in the end, and remove the temporary files of the other run.

        That is over, or ends now: where there are no locks no one can tell. Its account may have been tampered with.
        """
        self.stale |= self._targets.could_be((*earlier.stale, *paths))
        for path in earlier.staging if not self._store.journals else ():
            directory, _, name = path.rpartition("/")
            if directory in self._targets.directories and name.startswith(f"{RESERVED}{self._targets.key}."):
                self._store.remove_directory(path)

    def _take_up(self) -> None:
        """Find the files that an earlier run of the same plan has written, and that are whole."""
        earlier = self._earlier(goes_on=True)
        if earlier is None:
            if self._store.existing(self._targets.paths):
                self._refuse_unknown("exist='overwrite' replaces it")
            return
        if earlier.recipe != self._recipe:
            raise self._mismatch(differences(earlier.recipe, self._recipe))
        for file in earlier.files:
            path = self._targets.paths[file.partition]
            if file.path != path:
                raise self._mismatch([f"partition {file.partition} was {named(file.path)} and is {named(path)}"])
            if self._is_whole(file):
                self.files[file.partition] = file
        self._below = earlier.below if self.files else Below()
        self._take_over(earlier)

    def _update(self) -> None:
        """Find the files of an earlier run that are made as this one makes them, of the same inputs."""
        earlier = self._earlier(goes_on=True)
        before = {} if earlier is None else {file.path: file for file in earlier.files}
        known = before.keys() | self.stale | set(() if earlier is None else earlier.stale)
        if set(self._store.existing(self._targets.paths)) - known:
            self._refuse_unknown("remove it, or write to another directory", known)  # to overwrite gives other names
        own = among(self._store, known, self._inputs)
        if own is not None:
            raise PlanError(
                f"{self._operation}: {named(own)} was written here by the last run, and is read from now; "
                "hint: write to another directory"
            )
        if earlier is None:
            self._claimed = set(self._targets.paths)
            return
        words = differences(earlier.recipe, self._recipe)
        for number, (path, part) in enumerate(zip(self._targets.paths, self._made_of, strict=True)):
            file = before.get(path)
            if file is not None and not words and file.identity == part.identity and self._is_whole(file):
                self.files[number] = replace(file, partition=number, inputs=part.inputs, kept=True)
        self._claimed = {path for n, path in enumerate(self._targets.paths) if n not in self.files}
        self._below = earlier.below if not self._claimed else Below()
        self._take_over(earlier, before)
        if words and before:
            count = f"all {len(self._targets.paths)} files are" if len(self._targets.paths) != 1 else "the file is"
            message = f"{self._operation}: {count} written again: {'; '.join(words)}"
            warn_about(None, message, WrittenAgainWarning)

    def tell_of_lost(self, again: Collection[str]) -> None:
        """Warn of records that were left out of files that are kept: the run that did may not have come to say so.

        Of the tasks that run `again` this run says itself what they leave out.
        """
        self._below = self._below.without(again)
        asked = self.files if self._wanted is None else self.files.keys() & self._wanted
        lost = sum(self.files[number].lost for number in asked)
        lost += sum(self._below.lost.values()) if self._wanted is None else 0
        if lost:
            count = f"{lost:,} record{'s were' if lost != 1 else ' was'} left out of the files that are kept"
            message = f"{self._operation}: {count}, as on_error, or damaged=, asked when they were written"
            warn_about(None, message, SkippedRecordsWarning)

    def _refuse_unknown(self, hint: str, known: Collection[str] = ()) -> None:
        path = next(path for path in self._store.existing(self._targets.paths) if path not in known)
        raise OutputExistsError(
            f"{self._operation}: {named(path)} exists, and nothing tells what it was made of; hint: {hint}"
        )

    def _mismatch(self, words: Sequence[str]) -> ResumeMismatchError:
        return ResumeMismatchError(
            f"{self._operation}: can't go on with the files in {named(self._targets.home)}: {'; '.join(words)}; "
            "hint: exist='overwrite' begins anew"
        )

    def _is_whole(self, file: WrittenFile) -> bool:
        state = self._store.state(file.path)
        if state is None or state.nbytes != file.nbytes:
            return False
        if state == (file.nbytes, file.mtime_ns, file.etag) and state != (file.nbytes, None, None):
            return True
        return self._checksum(file.path) == file.checksum  # it was copied, or touched, or changed

    def _checksum(self, path: str) -> int:
        checksum = 0
        for block in self._store.blocks(path):
            checksum = crc32(block, checksum)
        return checksum

    def _make_staging(self) -> None:
        for directory in self._targets.directories:
            path = f"{directory}/{RESERVED}{self._targets.key}.{secrets.token_hex(8)}"
            self._store.make_directory(path, private=True)
            self._staging[directory] = path

    def staging_of(self, number: int) -> str:
        """Return the directory for the temporary file of a partition."""
        return self._staging[directory_of(self._targets.paths[number])]

    # What is written ------------------------------------------------------------------------------------------------

    def kept_tallies(self) -> Iterator[tuple[str, int]]:
        """Yield what was counted when the files were written that are kept; asked before others are."""
        for file in self.files.values():
            yield from file.tallies
        for pairs in self._below.tallies.values():
            yield from pairs

    def lose(self, task: str, lost: int, tallies: Pairs) -> None:
        """Take note of what a task whose result goes into several files has left out and counted."""
        for below in (self._below, self._unsaid):
            below.lost |= {task: lost} if lost else {}
            below.tallies |= {task: tallies} if tallies else {}

    def adopt(self, made: Iterable[tuple[int, str, int, Any]]) -> None:
        """Commit local files that this process has made: of each its partition, where it is, its records, its `about`.

        None has its final name before all are on the disk.
        """
        written = []
        for number, path, records, about in made:
            with self._failing_as(path):
                bring_file_to_disk(path)
                state = os.stat(path)
                written.append(((number, path, records, state.st_size, self._checksum(path), state.st_mtime_ns), about))
        for each, about in written:
            self.commit(each, 0, about=about)

    def commit(self, written: Any, lost: int, tallies: Pairs = (), about: Any = None) -> None:
        """Give the file that a task has written its name; with the last one, write the manifest."""
        number, temporary, records, nbytes, checksum, mtime_ns = written
        part = self._made_of[number]
        path = self._targets.paths[number]
        file = WrittenFile(
            path, number, records, nbytes, checksum, mtime_ns, None, lost, part.inputs, part.identity or None, False,
            tallies, about,
        )  # fmt: skip
        with self._failing_as(file.path):
            if not self._noted_at:
                self._write_journal()
            if self._journal is not None:
                self._add_to_journal(file)
            self._store.move(temporary, file.path)
            self.files[number] = file if self._store.journals else self._with_etag(file)
            if len(self.files) == len(self._targets.paths):
                self._complete()
            elif self._journal is None and time.monotonic() > self._noted_at + _EVERY:
                self._write_journal()

    def _with_etag(self, file: WrittenFile) -> WrittenFile:
        state = self._store.state(file.path)
        return replace(file, etag=state.etag if state is not None and state.nbytes == file.nbytes else None)

    def _write_journal(self) -> None:
        """Write the journal, with what is there already; only then is the manifest of before no longer true."""
        home, path = self._targets.home, self._targets.own("journal")
        # Where nothing can be added to it, it says from the beginning what may be there in the end.
        stale = self.stale | self._claimed if self._store.journals else self.stale.union(self._targets.paths)
        head = {"format": FORMAT, "recipe": self._recipe, "stale": sorted(stale), "staging": [*self._staging.values()]}
        rows = [line_of(row_of_file(file, home)) for file in self.files.values()]
        below = [line_of(self._below.as_json())] if self._below else []
        self._put(path, b"".join([line_of(head), *below, *rows]))
        self._unsaid = Below()
        if not self._noted_at:
            self._store.remove(self._targets.own("manifest.json"))
        self._noted_at = time.monotonic()
        if self._store.journals:
            self._journal = os.fdopen(open_own(path, os.O_WRONLY | os.O_APPEND), "wb", buffering=0)

    def _add_to_journal(self, file: WrittenFile) -> None:
        assert self._journal is not None
        # Not brought to the disk: it outlives this process, and what a lost line tells of is only written again.
        line = line_of(row_of_file(file, self._targets.home))
        if self._unsaid:
            line = line_of(self._unsaid.as_json()) + line
            self._unsaid = Below()
        if self._journal.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._targets.own("journal"))

    def _put(self, path: str, data: bytes) -> None:
        """Write a small file that is there as a whole or not at all."""
        temporary = f"{self._staging[self._targets.home]}/{secrets.token_hex(8)}"
        write_whole(self._store, path, data, temporary)

    def _complete(self) -> None:
        for directory in self._targets.directories:
            self._store.settle(directory)
        for path in apart(self._store, self.stale, self._targets.paths):
            self._store.remove(path)
        self._put(self._targets.own("manifest.json"), self._manifest())
        self._store.settle(self._targets.home)
        self._store.remove(self._targets.own("journal"))
        self._noted_at = 0.0

    def _manifest(self) -> bytes:
        files = [self.files[number] for number in range(len(self._targets.paths))]
        return manifest_bytes(self._recipe, files, self._targets.home, self._below)

    def end(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        elif self._noted_at and not self._store.journals:
            try:
                self._write_journal()
            except Exception:  # the error that ended the run is told; at worst more is written again
                pass
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
        return (file.partition, "", file.records, file.nbytes, file.checksum, file.mtime_ns, file.etag, file.lost)

    @context
    def _failing_as(self, path: str) -> Iterator[None]:
        try:
            yield
        except (BagkitError, Warning):  # a warning where filters make an error of it
            raise
        except Exception as error:
            raise failed(getattr(error, "filename", None) or path, error) from error


def _place_on_this_machine(output: str) -> str:
    """Return the path of a lock for an output in a store that has none: on each machine, at least, runs take turns."""
    import tempfile  # a worker has no use for it

    return os.path.join(tempfile.gettempdir(), f"bagkit-{digest_of(output, 12)}.lock")
