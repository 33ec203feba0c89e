"""What every format of files must do. A subclass says how its files are written, and what records are read of one."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import fsspec
import psutil
import pytest

import bagkit as bk
from bagkit.errors import CorruptInputError, InputChangedError, NoFilesError, PlanError, SourceError

SYNC: dict[str, Any] = {"scheduler": "sync"}
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
NUMBERS = (range(5), range(0), range(5, 4000))
"""Of a file each; the last is longer than a block."""


def refuse_the_last(record: Any) -> Any:
    if "3999" in str(record):
        raise LookupError("not this one")
    return record


class FileSourceContract:
    """What holds for every format."""

    suffix: ClassVar[str]
    """Of a file that is not compressed: ".txt"."""
    unit: ClassVar[str]
    """What a message calls the records."""

    def read(self, urlpath: Any, **options: Any) -> bk.Bag[Any]:
        """Return the bag by the front door, which is to find out what compression a file has."""
        raise NotImplementedError

    def content(self, numbers: Sequence[int]) -> bytes:
        """Return a file with a record for each number; none may have more than one number in it."""
        raise NotImplementedError

    def records(self, path: str, numbers: Sequence[int]) -> list[Any]:
        """Return the records of such a file."""
        raise NotImplementedError

    @pytest.fixture
    def paths(self, tmp_path: Path) -> list[Path]:
        """Three files; the second has no records."""
        paths = [tmp_path / f"{name}{self.suffix}" for name in "abc"]
        for path, numbers in zip(paths, NUMBERS, strict=True):
            path.write_bytes(self.content(numbers))
        return paths

    def expected(self, paths: Sequence[Path]) -> list[Any]:
        return [
            record for path, numbers in zip(paths, NUMBERS, strict=True) for record in self.records(str(path), numbers)
        ]

    # Which files

    def test_each_file_is_a_partition_in_the_order_of_names(self, paths: list[Path], tmp_path: Path) -> None:
        bag = self.read(tmp_path / f"*{self.suffix}")
        assert bag.npartitions == 3
        parts = [bag.partitions[number].compute(**SYNC) for number in range(3)]
        assert parts == [self.records(str(path), each) for path, each in zip(paths, NUMBERS, strict=True)]

    def test_each_mention_of_a_file_counts(self, paths: list[Path]) -> None:
        first = self.records(str(paths[0]), NUMBERS[0])
        assert self.read([paths[0], str(paths[1]), paths[0]]).compute(**SYNC) == [
            *first, *self.records(str(paths[1]), NUMBERS[1]), *first,
        ]  # fmt: skip

    @pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
    def test_every_scheduler_reads_the_same(self, paths: list[Path], scheduler: str) -> None:
        assert self.read(paths).compute(scheduler=scheduler, workers=2) == self.expected(paths)

    def test_the_plan_names_the_files_as_they_were_given(self, paths: list[Path]) -> None:
        label = self.read(str(paths[0])).plan.op.label
        assert label.startswith("read_")
        assert repr(str(paths[0]))[:40] in label

    def test_info_names_the_file_of_a_partition(self, paths: list[Path]) -> None:
        infos = self.read(paths).map_partitions_with_info(lambda _, info: [info.paths]).compute(**SYNC)
        assert infos == [(str(path),) for path in paths]

    def test_what_names_no_file_is_an_error_of_the_call(self, tmp_path: Path) -> None:
        with pytest.raises(NoFilesError, match="there is no such file"):
            self.read(tmp_path / f"none{self.suffix}")
        with pytest.raises(NoFilesError, match="matches no file"):
            self.read(tmp_path / "none*")
        with pytest.raises(SourceError, match="is a directory"):
            self.read(tmp_path)
        with pytest.raises(PlanError, match="urlpath: got 3"):
            self.read(3)

    # What happens to files

    def test_a_file_that_vanished_is_an_error_that_names_it(self, paths: list[Path]) -> None:
        bag = self.read(paths)
        paths[2].unlink()
        with pytest.raises(InputChangedError, match=rf"c\{self.suffix}: was there when the plan was made and is gone"):
            bag.compute(**SYNC)

    @pytest.mark.parametrize("numbers", [range(3), range(7000)])
    def test_a_file_that_changed_is_an_error_that_names_it(self, paths: list[Path], numbers: range) -> None:
        bag = self.read(paths)
        paths[2].write_bytes(self.content(numbers))
        with pytest.raises(InputChangedError, match=rf"c\{self.suffix}: changed since the plan was made"):
            bag.compute(**SYNC)

    def test_nothing_is_open_when_nobody_reads_on(self, paths: list[Path]) -> None:
        with bk.options(**SYNC):
            records: Any = iter(self.read(paths[2]))
            next(records)
            records.close()
        assert not {file.path for file in psutil.Process().open_files()} & set(map(str, paths))

    def test_take_opens_only_what_it_needs(self, paths: list[Path]) -> None:
        bag = self.read(paths)
        for path in paths[1:]:
            path.unlink()
        with bk.options(**SYNC):
            found = bag.take(1)
        assert found == tuple(self.records(str(paths[0]), NUMBERS[0])[:1])

    def test_the_bytes_that_are_read_are_the_bytes_that_there_are(self, paths: list[Path], tmp_path: Path) -> None:
        paths.append(tmp_path / f"d{self.suffix}.gz")
        paths[3].write_bytes(gzip.compress(self.content(range(3000))))
        total = sum(path.stat().st_size for path in paths)
        for options in (SYNC, {"scheduler": "processes", "workers": 2}):
            with bk.Profile() as profile:
                self.read(paths).count().compute(**options)
            assert sum(task.bytes_read for task in profile.tasks) == total

    # Places

    def test_an_error_in_a_record_says_which_file_it_is_of(self, paths: list[Path]) -> None:
        with pytest.raises(LookupError) as caught:
            self.read(paths).map(refuse_the_last).compute(**SYNC)
        (note,) = [note for note in caught.value.__notes__ if note.startswith("at ")]
        assert note.startswith(f"at {paths[2]}, ")
        assert note.endswith("partition 2")

    # Compressions

    @pytest.mark.parametrize("suffix", COMPRESS)
    def test_compressed_files_have_the_same_records(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a{self.suffix}.{suffix}"
        path.write_bytes(COMPRESS[suffix](self.content(range(4000))))
        assert self.read(path).compute(**SYNC) == self.records(str(path), range(4000))

    @pytest.mark.parametrize("suffix", COMPRESS)
    def test_a_file_that_is_cut_off_is_an_error_that_says_how_far_it_is_good(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a{self.suffix}.{suffix}"
        path.write_bytes(COMPRESS[suffix](self.content(range(4000)))[:-9])
        with pytest.raises(CorruptInputError, match=rf": its \w+ data is .*; before that, \d+ {self.unit} were good"):
            self.read(path).compute(**SYNC)

    def test_compressed_data_without_the_suffix_are_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / f"a{self.suffix}"
        path.write_bytes(gzip.compress(self.content(range(5))))
        with pytest.raises(SourceError, match=r"begins as gzip data.* hint: compression='gzip'"):
            self.read(path).compute(**SYNC)

    # Elsewhere

    @pytest.fixture
    def remote(self) -> Iterator[str]:
        filesystem, folder = fsspec.filesystem("memory"), f"/{uuid4()}"
        for name, numbers in zip("abc", NUMBERS, strict=True):
            filesystem.pipe(f"{folder}/{name}{self.suffix}", self.content(numbers))
        yield folder
        filesystem.rm(folder, recursive=True)

    def test_remote_files_have_the_same_records(self, remote: str) -> None:
        bag = self.read(f"memory:/{remote}/*{self.suffix}")
        assert bag.npartitions == 3
        assert bag.compute(**SYNC) == self.expected([Path(f"{remote}/{name}{self.suffix}") for name in "abc"])

    def test_a_remote_file_that_changed_or_vanished_is_an_error_that_names_it(self, remote: str) -> None:
        bag = self.read(f"memory:/{remote}/c{self.suffix}")
        filesystem = fsspec.filesystem("memory")
        filesystem.pipe(f"{remote}/c{self.suffix}", self.content(range(6000)))
        with pytest.raises(InputChangedError, match=rf"c\{self.suffix}: changed since the plan was made"):
            bag.compute(**SYNC)
        filesystem.rm(f"{remote}/c{self.suffix}")
        with pytest.raises(InputChangedError, match=rf"c\{self.suffix}: was there when the plan was made and is gone"):
            bag.compute(**SYNC)
        filesystem.touch(f"{remote}/c{self.suffix}")
