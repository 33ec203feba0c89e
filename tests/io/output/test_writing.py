"""What to_textfiles and to_jsonl write: names, contents, arguments, messages; what breaks is in test_writing_faults."""

from __future__ import annotations

import bz2
import codecs
import datetime
import decimal
import gzip
import json
import lzma
import os
import pickle
import stat
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bagkit as bk

WORDS = ["pear", "fig", "äpfel", "", "kiwi", "a\u2028b", "z"]
RECORDS: list[Any] = [
    {"n": n, "name": f"ä{n}", "x": None if n % 2 else n / 7, "tags": ["a", {"b": n}]} for n in range(9)
]


pytestmark = pytest.mark.usefixtures("sync")


def words(npartitions: int = 3) -> Any:
    return bk.from_sequence(WORDS, npartitions=npartitions)


def records(npartitions: int = 3) -> Any:
    return bk.from_sequence(RECORDS, npartitions=npartitions)


def visible(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def hidden(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.startswith("."))


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in visible(folder)}


class TestTextFiles:
    def test_a_directory_gets_a_part_for_each_partition(self, tmp_path: Path) -> None:
        paths = words().to_textfiles(tmp_path / "new" / "deep")
        assert paths == [str(tmp_path / f"new/deep/{n}.part") for n in range(3)]
        assert contents(tmp_path / "new/deep") == {
            "0.part": "pear\nfig\näpfel".encode(), "1.part": "\nkiwi\na\u2028b".encode(), "2.part": b"z"
        }  # fmt: skip

    def test_is_what_dask_writes(self, tmp_path: Path) -> None:
        # The test of dask.bag, test_to_textfiles_endlines.
        bag = bk.from_sequence(["a", "b", "c"], npartitions=1)
        for last_endline, expected in ((False, "a\nb\nc"), (True, "a\nb\nc\n")):
            (path,) = bag.to_textfiles(tmp_path / "*.txt", last_endline=last_endline)
            assert Path(path).read_text() == expected

    def test_numbers_are_padded(self, tmp_path: Path) -> None:
        paths = bk.from_sequence(range(11), npartitions=11).map(str).to_textfiles(tmp_path / "a-*.txt")
        assert paths[0].endswith("a-00.txt")
        assert paths == sorted(paths)
        assert len(bk.from_sequence(range(10), npartitions=10).map(str).to_textfiles(tmp_path / "b*")[9]) == len(
            str(tmp_path / "b9")
        )

    def test_names_can_be_given(self, tmp_path: Path) -> None:
        words().to_textfiles(str(tmp_path / "x-*.txt"), lambda n: "abc"[n])
        words().to_textfiles([tmp_path / "one", str(tmp_path / "two"), tmp_path / "sub" / "three"])
        words().to_textfiles(tmp_path / "parts", name_function=lambda n: f"p{n}")
        assert visible(tmp_path) == ["one", "parts", "sub", "two", "x-a.txt", "x-b.txt", "x-c.txt"]
        assert visible(tmp_path / "parts") == ["p0.part", "p1.part", "p2.part"]
        assert bk.read_text([tmp_path / "one", tmp_path / "two", tmp_path / "sub/three"]).count().compute() == 7

    def test_paths_are_those_of_the_moment_of_planning(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        item = words(1).to_textfiles("*.txt", compute=False)
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        assert item.compute() == [str(tmp_path / "0.txt")]

    def test_home_and_file_urls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert words(1).to_textfiles("~/a/*") == [str(tmp_path / "a/0")]
        assert words(1).to_textfiles(f"file://{tmp_path}/b/*") == [str(tmp_path / "b/0")]
        assert words(1).to_textfiles(tmp_path / "a" / ".." / "c*") == [str(tmp_path / "a" / ".." / "c0")]

    @pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
    def test_what_is_written_is_read_again(self, tmp_path: Path, suffix: str) -> None:
        lines = [word.replace("\u2028", " ") for word in WORDS]
        paths = bk.from_sequence(lines, npartitions=3).to_textfiles(tmp_path / f"*.txt{suffix}", last_endline=True)
        assert [line.rstrip("\n") for line in bk.read_text(tmp_path / "*").compute()] == lines
        assert bk.read_text(paths).count().compute() == len(lines)

    def test_other_programs_read_it(self, tmp_path: Path) -> None:
        text = "\n".join(WORDS).encode()
        for name, module in (("gz", gzip), ("bz2", bz2), ("xz", lzma)):
            (path,) = words(1).to_textfiles(tmp_path / f"*.{name}")
            assert module.decompress(Path(path).read_bytes()) == text  # type: ignore[attr-defined]
        (path,) = words(1).to_textfiles(tmp_path / "*.gz", compression=None)
        assert Path(path).read_bytes() == text
        (path,) = words(1).to_textfiles(tmp_path / "named-*", compression="gzip")
        assert gzip.decompress(Path(path).read_bytes()) == text

    def test_the_same_records_give_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            words().to_textfiles(tmp_path / name / "*.gz")
        assert contents(tmp_path / "a") == contents(tmp_path / "b")

    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "utf-8-sig", "gb18030", "iso2022_jp"]
    )
    def test_encodings(self, tmp_path: Path, encoding: str) -> None:
        lines = ["pear", "日本", "", "a日", "b"]
        (path,) = bk.from_sequence(lines, npartitions=1).to_textfiles(tmp_path / "*", encoding=encoding)
        assert Path(path).read_text(encoding=encoding) == "\n".join(lines)
        assert Path(path).read_bytes().startswith(codecs.BOM_UTF16) == (encoding in ("utf-16", "utf-32"))

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_line_ends_stand_between_lines_however_these_are_brought_together(
        self, tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bagkit.io.output.sinks.BLOCK", 40)
        lines = ["", "", *"abcdefgh", "x" * 300, "", "y" * 300, *(chr(0x3B1 + n) * (n % 9) for n in range(50)), ""]
        for last, end in ((False, ""), (True, "\n")):
            bag = bk.from_sequence(lines, npartitions=1)
            (path,) = bag.to_textfiles(tmp_path / f"{last}*", encoding=encoding, last_endline=last, scheduler="sync")
            assert Path(path).read_text(encoding=encoding) == "\n".join(lines) + end

    def test_bytes(self, tmp_path: Path) -> None:
        mixed = bk.from_sequence([b"\xc3\xa4", "ö"], npartitions=1)
        assert Path(mixed.to_textfiles(tmp_path / "*", encoding="latin-1")[0]).read_bytes() == b"\xe4\n\xf6"
        raw = bk.from_sequence([b"\xff\x00", "ö"], npartitions=1)
        assert Path(raw.to_textfiles(tmp_path / "*", encoding=None)[0]).read_bytes() == b"\xff\x00\n\xc3\xb6"
        with pytest.raises(UnicodeDecodeError):
            raw.to_textfiles(tmp_path / "*")

    def test_empty_partitions_give_empty_files(self, tmp_path: Path) -> None:
        bag = bk.from_sequence(["a", "b", "c"], npartitions=3).filter(lambda word: word == "b")
        bag.to_textfiles(tmp_path / "*.txt")
        bag.to_textfiles(tmp_path / "*.gz")
        bag.map(str.upper).to_jsonl(tmp_path / "*.jsonl")
        assert [path.read_bytes() for path in sorted(tmp_path.glob("*.txt"))] == [b"", b"b", b""]
        assert [gzip.decompress(path.read_bytes()) for path in sorted(tmp_path.glob("*.gz"))] == [b"", b"b", b""]
        assert [path.read_bytes() for path in sorted(tmp_path.glob("*.jsonl"))] == [b"", b'"B"\n', b""]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", None])
    @pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
    def test_a_last_endline_is_of_a_line_so_an_empty_partition_has_none(
        self, tmp_path: Path, suffix: str, encoding: str | None
    ) -> None:
        lines = ["", "a", "b", ""]
        part = bk.from_sequence([*lines, "left out", *lines], npartitions=9).filter(lambda word: word != "left out")
        paths = part.to_textfiles(tmp_path / f"*{suffix}", last_endline=True, encoding=encoding, scheduler="sync")
        read = bk.read_text(paths, encoding=encoding or "utf-8")
        assert read.map(str.rstrip, "\n").compute(scheduler="sync") == lines * 2
        assert read.map_partitions(len).compute(scheduler="sync") == [1, 1, 1, 1, 0, 1, 1, 1, 1]

    def test_large_and_many_lines(self, tmp_path: Path) -> None:
        lines = ["x" * 700_000, "y", "z" * 300_000] + [str(n) for n in range(30_000)]
        (path,) = bk.from_sequence(lines, npartitions=1).to_textfiles(tmp_path / "*.gz", last_endline=True)
        assert gzip.decompress(Path(path).read_bytes()).decode().split("\n") == [*lines, ""]

    def test_the_front_door(self, tmp_path: Path) -> None:
        assert bk.to_textfiles(words(1), tmp_path / "*.txt", last_endline=True) == [str(tmp_path / "0.txt")]
        assert (tmp_path / "0.txt").read_text().endswith("z\n")

    def test_lazily(self, tmp_path: Path) -> None:
        item = words().to_textfiles(tmp_path / "*.txt", compute=False)
        assert isinstance(item, bk.Item)
        assert not visible(tmp_path)
        assert item.apply(len).compute() == 3
        assert len(visible(tmp_path)) == 3
        assert "to_textfiles" in repr(item)

    @pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
    def test_each_file_by_itself(self, tmp_path: Path, scheduler: str) -> None:
        files = words().to_textfiles(tmp_path / "*.txt", compute=False)
        assert isinstance(files, list)
        assert pickle.loads(pickle.dumps(files)).plan.npartitions == 1
        paths = [str(tmp_path / f"{n}.txt") for n in range(3)]
        with bk.options(scheduler=scheduler):
            assert files[1].compute() == paths[1]
            assert visible(tmp_path) == ["1.txt"]
            assert bk.compute(files[2], {"a": files[0]}) == (paths[2], {"a": paths[0]})
            assert visible(tmp_path) == ["0.txt", "1.txt", "2.txt"]
            assert bk.compute(*files) == tuple(paths)
            assert bk.compute(files) == (paths,)
        assert bk.read_text(tmp_path / "*.txt").map(str.rstrip).compute() == words().compute()
        assert not [name for name in hidden(tmp_path) if name.endswith(".journal")]

    def test_files_one_by_one_are_one_output(self, tmp_path: Path) -> None:
        files = records().to_jsonl(tmp_path / "*.jsonl", compute=False)
        written = [each.compute() for each in files]
        assert [each.path for each in written] == [str(tmp_path / f"{n}.jsonl") for n in range(len(files))]
        kept = records().to_jsonl(tmp_path / "*.jsonl", exist="resume")
        assert kept.files == tuple(written)
        with pytest.raises(bk.OutputExistsError):
            files[0].compute()

    def test_one_file_does_not_touch_what_another_plan_wrote(self, tmp_path: Path) -> None:
        records().to_jsonl(tmp_path / "*.jsonl", compute=False)[0].compute()
        other = records().map(lambda record: [record]).to_jsonl(tmp_path / "*.jsonl", compute=False)
        with pytest.raises(bk.OutputExistsError, match="they are of a run that did not end"):
            other[1].compute()
        assert visible(tmp_path) == ["0.jsonl"]

    def test_a_file_that_fails_leaves_the_others(self, tmp_path: Path) -> None:
        files = bk.from_sequence(["a", 1, "c"], npartitions=3).to_textfiles(tmp_path / "*.txt", compute=False)
        files[0].compute()
        with pytest.raises(TypeError, match="a line is a str or bytes, got int: 1"):
            files[1].compute()
        files[2].compute()
        assert visible(tmp_path) == ["0.txt", "2.txt"]

    def test_its_value_is_that_of_its_own_steps(self, tmp_path: Path) -> None:
        # Lowering knows steps by their ids: the steps of a sink have to outlive it.
        item = words().to_textfiles(tmp_path / "*.txt", compute=False).apply(len)
        assert [item.compute() for _ in range(40)] == [3] * 40

    def test_the_mode_is_that_of_the_umask(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            (path,) = words(1).to_textfiles(tmp_path / "*.txt")
        finally:
            os.umask(before)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640

    def test_two_sinks_share_one_read(self, tmp_path: Path) -> None:
        (tmp_path / "in.json").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
        bag = bk.read_json(tmp_path / "in.json")
        one = bag.to_jsonl(tmp_path / "all", compute=False)
        two = bag.pluck("name").to_textfiles(tmp_path / "names", compute=False)
        assert one.apply(lambda m, p: (m.records, len(p)), two).compute() == (9, 1)
        assert bk.read_json(tmp_path / "all/*").compute() == RECORDS
        assert (tmp_path / "names/0.part").read_text() == "\n".join(record["name"] for record in RECORDS)


class TestJsonLines:
    def test_is_read_again(self, tmp_path: Path) -> None:
        for suffix in ("", ".gz"):
            manifest = records().to_jsonl(tmp_path / f"*.jsonl{suffix}")
            assert bk.read_json(manifest.paths).compute() == RECORDS
            assert manifest.records == 9
            assert manifest.nbytes == sum(os.path.getsize(path) for path in manifest.paths)
            assert repr(manifest) == f"Manifest(3 files, 9 records, {manifest.nbytes:,} bytes)"
        assert records().to_jsonl(tmp_path / "folder").paths == [str(tmp_path / f"folder/{n}.jsonl") for n in range(3)]

    def test_lines_are_short_and_in_utf_8(self, tmp_path: Path) -> None:
        (path,) = bk.from_sequence([{"ä": [1, "b\nc"]}], npartitions=1).to_jsonl(tmp_path / "*").paths
        assert Path(path).read_bytes() == '{"ä":[1,"b\\nc"]}\n'.encode()

    def test_what_json_does_not_have_is_an_error_with_its_place(self, tmp_path: Path) -> None:
        for odd in (uuid.UUID(int=1), {1, 2}, b"x", decimal.Decimal(1), float):
            bag = bk.from_sequence([{"a": 1}, {"a": odd}, {"a": 3}], npartitions=1)
            with pytest.raises(TypeError, match="not JSON serializable") as caught:
                bag.to_jsonl(tmp_path / "*.jsonl")
            assert "in to_jsonl" in caught.value.__notes__
            assert "at from_sequence, record 1, partition 0" in caught.value.__notes__
        assert os.listdir(tmp_path) == []

    def test_default(self, tmp_path: Path) -> None:
        bag = bk.from_sequence([{"a": {3, 1}}, {"a": 2}], npartitions=1)
        manifest = bag.to_jsonl(tmp_path / "*.jsonl", default=sorted)
        assert bk.read_json(manifest.paths).compute() == [{"a": [1, 3]}, {"a": 2}]
        with pytest.raises(ZeroDivisionError) as caught:
            bag.to_jsonl(tmp_path / "*.json", default=lambda value: 1 / 0)
        assert "at from_sequence, record 0, partition 0" in caught.value.__notes__

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_nan_is_an_error_unless_it_is_allowed(self, tmp_path: Path, value: float) -> None:
        bag = bk.from_sequence([{"a": None}, {"a": [1.5, value]}], npartitions=1)
        with pytest.raises(ValueError, match="Out of range float") as caught:
            bag.to_jsonl(tmp_path / "*.jsonl")
        assert "at from_sequence, record 1, partition 0" in caught.value.__notes__
        assert "hint: allow_nan=True writes NaN and Infinity, as Python's json does" in caught.value.__notes__
        (path,) = bag.to_jsonl(tmp_path / "*.jsonl", allow_nan=True).paths
        assert Path(path).read_text() == '{"a":null}\n' + json.dumps({"a": [1.5, value]}, separators=(",", ":")) + "\n"

    def test_records_that_fail_can_be_skipped(self, tmp_path: Path) -> None:
        bag = bk.from_sequence([{"a": 1}, {"a": {1}}, {"a": 3}], npartitions=1)
        with pytest.warns(bk.SkippedRecordsWarning, match="1 record skipped"):
            manifest = bag.to_jsonl(tmp_path / "*.jsonl", on_error="skip")
        assert bk.read_json(manifest.paths).pluck("a").compute() == [1, 3]
        assert manifest.records == 2


class TestExisting:
    def test_textfiles_are_overwritten_as_in_dask(self, tmp_path: Path) -> None:
        words(3).to_textfiles(tmp_path / "out")
        words(2).to_textfiles(tmp_path / "out")
        # What the larger run left goes too.
        assert visible(tmp_path / "out") == ["0.part", "1.part"]
        assert len(hidden(tmp_path / "out")) == 1

    def test_files_of_others_stay(self, tmp_path: Path) -> None:
        (tmp_path / "7.part").write_text("mine")
        (tmp_path / "1.part").write_text("replaced")
        words(3).to_textfiles(tmp_path)
        words(1).to_textfiles(tmp_path)
        assert visible(tmp_path) == ["0.part", "7.part"]
        assert (tmp_path / "7.part").read_text() == "mine"

    def test_jsonl_are_an_error(self, tmp_path: Path) -> None:
        records().to_jsonl(tmp_path)
        before = contents(tmp_path)
        with pytest.raises(
            bk.OutputExistsError, match=r"to_jsonl: 3 of 3 files exist already, the first is .*0\.jsonl; "
        ):
            records().to_jsonl(tmp_path)
        with pytest.raises(bk.OutputExistsError, match="2 of 2 files exist"):
            records(2).to_jsonl(tmp_path)
        assert contents(tmp_path) == before
        records(2).to_jsonl(tmp_path, exist="overwrite")
        assert visible(tmp_path) == ["0.jsonl", "1.jsonl"]

    def test_a_link_is_replaced_and_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("keep")
        (tmp_path / "0.part").symlink_to(tmp_path / "precious")
        words(1).to_textfiles(tmp_path)
        assert (tmp_path / "precious").read_text() == "keep"

    def test_a_manifest_can_not_have_other_files_removed(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "precious").write_text("keep")
        words(2).to_textfiles(tmp_path / "out")
        (manifest,) = (tmp_path / "out").glob(".bagkit-*.json")
        from bagkit.io.output.manifest import Below, WrittenFile, manifest_bytes

        odd = [WrittenFile(path, 0, 1, 1, 1) for path in (f"{tmp_path}/precious", f"{tmp_path}/out/../precious")]
        manifest.write_bytes(manifest_bytes({}, odd, str(tmp_path / "out"), Below()))
        words(1).to_textfiles(tmp_path / "out")
        assert (tmp_path / "precious").read_text() == "keep"


class TestAStarInTheDirectory:
    def test_has_one_manifest_above(self, tmp_path: Path) -> None:
        for count in (12, 2):
            paths = words(count).to_textfiles(tmp_path / "*/x.txt")
            assert sorted(map(str, tmp_path.glob("*/x.txt"))) == paths
            assert len(paths) == count
        assert [path.name.split(".")[-2] for path in tmp_path.rglob(".*")] == ["manifest"]
        inodes = [os.stat(path).st_ino for path in paths]
        words(2).to_textfiles(tmp_path / "*/x.txt", exist="resume")
        assert [os.stat(path).st_ino for path in paths] == inodes

    def test_removes_nothing_that_it_could_not_have_written(self, tmp_path: Path) -> None:
        from bagkit.io.output.names import plan_targets

        targets = plan_targets("to_textfiles", tmp_path / "*/x.txt", 2, None, "")
        for path, could in {"3/x.txt": True, "x.txt": False, "3/y.txt": False, "3/4/x.txt": False, "../x.txt": False,
                            "./x.txt": False}.items():  # fmt: skip
            path = f"{tmp_path}/{path}"
            assert targets.could_be([path]) == ({path} if could else set())


def refused(path: Any, npartitions: int = 2, **options: Any) -> str:
    with pytest.raises(bk.PlanError) as caught:
        words(npartitions).to_textfiles(path, compute=False, **options)
    return str(caught.value)


class TestRefusedWhilePlanning:
    @pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "a\0b", 5, None, b"x"])
    def test_names_that_leave_the_directory(self, tmp_path: Path, name: Any) -> None:
        message = refused(tmp_path / "*", name_function=lambda n: name)
        assert message.startswith(f"to_textfiles: name_function(0) is {name!r}".replace("\0", "\\x00")[:40])
        assert "expected a str without '/' and NUL, for files stay in their directory" in message

    @pytest.mark.parametrize("name", ["", ".", "..", ".bagkit-x"])
    def test_names_that_are_none(self, tmp_path: Path, name: str) -> None:
        assert "expected the name of a file" in refused(tmp_path / "*", name_function=lambda n: name)

    def test_names_that_are_too_long(self, tmp_path: Path) -> None:
        assert "expected up to 255 bytes" in refused(tmp_path / "*", name_function=lambda n: "ä" * 128)

    def test_names_that_collide(self, tmp_path: Path) -> None:
        message = refused(tmp_path / "*", name_function=lambda n: "same")
        assert message.startswith("to_textfiles: partitions 0 and 1 would be written to the same path, ")
        for names in ("aA", ["\xe9", "e\u0301"]):
            message = refused(tmp_path / "*", name_function=lambda n, names=names: names[n])
            assert "paths that some disks do not tell apart" in message
        assert "the same path" in refused([tmp_path / "a", tmp_path / "a"])
        (tmp_path / "true").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "true")
        assert "the same path" in refused([tmp_path / "true/a", tmp_path / "link/a"])

    def test_lists_that_do_not_match(self, tmp_path: Path) -> None:
        assert "got 1 path for 2 partitions; expected one for each; hint: a pattern" in refused([tmp_path / "a"])
        assert "some of the paths are local and some are URLs" in refused([tmp_path / "a", "s3://b/c"])

    @pytest.mark.parametrize("path", [5, None, b"x", {"a": 1}])
    def test_what_is_no_path(self, path: Any) -> None:
        assert f"the path is {path!r}; expected a path, a pattern, or a list of paths" in refused(path)

    def test_an_open_file(self, tmp_path: Path) -> None:
        with open(tmp_path / "out.txt", "w") as file:
            assert "expected a path, a pattern, or a list of paths; hint: for line in bag: file.write" in refused(file)

    def test_other_arguments(self, tmp_path: Path) -> None:
        assert "the path is ''; expected a str" in refused("")
        assert "has a NUL in it" in refused("a\0b*")
        assert "has more than one '*'" in refused(tmp_path / "*-*.txt")
        assert "name_function can't be called; got 'x'" in refused(tmp_path / "*", name_function="x")
        assert "exist is 'append'; expected 'error', 'overwrite', 'resume' or 'update'" in refused(
            tmp_path, exist="append"
        )
        assert "encoding is 'utf-9'; expected the name of a text encoding" in refused(tmp_path, encoding="utf-9")
        assert "encoding is 'hex'" in refused(tmp_path, encoding="hex")
        assert "files of type .zip are not written" in refused(tmp_path / "*.zip")
        assert "expected 'infer', None, or one of" in refused(tmp_path / "*", compression="zip")
        with pytest.raises(bk.PlanError, match="to_jsonl: the function can't be called; got 5"):
            records().to_jsonl(tmp_path, default=5)
        assert os.listdir(tmp_path) == []

    def test_options_of_compute_without_compute(self, tmp_path: Path) -> None:
        message = refused(tmp_path / "*", workers=2)
        assert message == (
            "to_textfiles: 'workers' is an option of compute, and compute=False; hint: give it to item.compute(...)"
        )
        with pytest.raises(bk.OptionError, match="no option is called 'compresion'"):
            words().to_textfiles(tmp_path / "*", compresion="gz")

    def test_what_is_read_is_not_written_over(self, tmp_path: Path) -> None:
        paths = words().to_textfiles(tmp_path / "*.txt")
        before = contents(tmp_path)
        with pytest.raises(
            bk.PlanError, match=r"0\.txt is written to, and it is also read from; hint: write to another"
        ):
            bk.read_text(paths).to_textfiles(tmp_path / "*.txt")
        (tmp_path / "link").symlink_to(tmp_path)
        with pytest.raises(bk.PlanError, match="it is also read from"):
            bk.read_text(paths).to_textfiles(tmp_path / "link/*.txt")
        (tmp_path / "link").unlink()
        assert contents(tmp_path) == before

    def test_names_out_of_order_are_warned_of(self, tmp_path: Path) -> None:
        with pytest.warns(UserWarning, match="do not sort in the order of the partitions"):
            words(2).to_textfiles(tmp_path / "*", name_function=lambda n: "ba"[n])


def test_a_line_that_is_no_text_is_an_error_with_its_place(tmp_path: Path) -> None:
    bag = bk.from_sequence(["a", 5, "c"], npartitions=1)
    with pytest.raises(TypeError, match=r"a line is a str or bytes, got int: 5; hint: \.map\(str\)") as caught:
        bag.to_textfiles(tmp_path / "*")
    assert caught.value.__notes__[:2] == ["in to_textfiles", "at from_sequence, record 1, partition 0"]
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_encoded_is_an_error_with_its_place(tmp_path: Path) -> None:
    for lines, encoding in ((["a", "ä"], "ascii"), (["a", "\ud800"], "utf-8")):
        with pytest.raises(UnicodeEncodeError) as caught:
            bk.from_sequence(lines, npartitions=1).to_textfiles(tmp_path / "*", encoding=encoding)
        assert "at from_sequence, record 1, partition 0" in caught.value.__notes__


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_behind_a_url(scheduler: str) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    url = f"memory://writing-{scheduler}"
    bag = bk.from_sequence(RECORDS, npartitions=3).map(dict)
    manifest = bag.to_jsonl(f"{url}/*.jsonl.gz", scheduler=scheduler)
    assert manifest.paths == [f"{url}/{n}.jsonl.gz" for n in range(3)]
    assert bk.read_json(f"{url}/*").compute(scheduler=scheduler) == RECORDS
    with pytest.raises(bk.OutputExistsError, match="3 of 3 files exist"):
        bag.to_jsonl(f"{url}/*.jsonl.gz", scheduler=scheduler)
    bag.repartition(2).to_jsonl(f"{url}/*.jsonl.gz", exist="overwrite", scheduler=scheduler)
    assert sorted(memory.glob(f"/writing-{scheduler}/*.gz")) == [f"/writing-{scheduler}/{n}.jsonl.gz" for n in range(2)]
    with pytest.raises(ZeroDivisionError):
        # In all partitions: one that is done before another fails is written, and kept for who goes on with it.
        bag.map(lambda r: 1 / 0).to_jsonl(f"{url}/bad/*", scheduler=scheduler)
    assert memory.find(f"/writing-{scheduler}/bad") == []


def test_memory_is_not_there_in_other_processes() -> None:
    bag = bk.from_sequence(RECORDS, npartitions=3).map(dict)
    with pytest.raises(bk.OutputError, match="memory:// exists in one process only; hint: scheduler='threads'"):
        bag.to_jsonl("memory://writing-elsewhere/*", scheduler="processes", workers=1)


@pytest.mark.parametrize("step", ["create", "seal"])
def test_a_thread_that_is_late_leaves_nothing_in_a_store(step: str) -> None:
    import fsspec

    from bagkit.io.output.stores import RemoteStore

    store, directory = RemoteStore(), f"memory://writing-late-{step}/.bagkit-x.y"
    store.make_directory(directory)
    file = store.create(f"{directory}/0")
    store.remove_directory(directory)
    if step == "create":
        store.make_directory(directory)  # as good as there, for a store that has no directories
    with pytest.raises(bk.OutputError, match=f"memory://writing-late-{step}: the run is over; nothing more is written"):
        store.seal(file, f"{directory}/0") if step == "seal" else store.create(f"{directory}/0")
    assert fsspec.filesystem("memory").find(f"/writing-late-{step}") == []


@pytest.mark.parametrize(
    ("value", "hint", "options", "line"),
    [
        (datetime.date(2020, 1, 2), "default=str writes date as text", {"default": str}, '{"a":"2020-01-02"}'),
        (decimal.Decimal("1.5"), "default=str writes Decimal as text", {"default": str}, '{"a":"1.5"}'),
        ({1}, "default=list writes set as JSON", {"default": list}, '{"a":[1]}'),
        (b"x", "default=bytes.decode writes bytes as text", {"default": bytes.decode}, '{"a":"x"}'),
        (np.int64(3), "default=lambda value: value.tolist() writes int64 as JSON",
         {"default": lambda value: value.tolist()}, '{"a":3}'),
        (float("nan"), "allow_nan=True writes NaN and Infinity, as Python's json does", {"allow_nan": True},
         '{"a":NaN}'),
        ({(1, 2): 3}, "keys of dicts are text in JSON: map(...) can make them so before", None, ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_what_is_no_json_gets_a_hint(
    tmp_path: Path, value: Any, hint: str, options: dict[str, Any] | None, line: str, scheduler: str
) -> None:
    bag = bk.from_sequence([{"a": value}])
    with pytest.raises((TypeError, ValueError)) as caught:
        bag.to_jsonl(tmp_path / "out", scheduler=scheduler)
    assert f"hint: {hint}" in caught.value.__notes__
    if options is not None:
        (path,) = bag.to_jsonl(tmp_path / "out", scheduler=scheduler, **options).paths
        assert Path(path).read_text() == line + "\n"


def test_a_default_that_raises_has_no_hint(tmp_path: Path) -> None:
    def default(value: Any) -> Any:
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")

    with pytest.raises(TypeError) as caught:
        bk.from_sequence([{1}]).to_jsonl(tmp_path / "out", default=default, scheduler="sync")
    assert not any(note.startswith("hint: ") for note in caught.value.__notes__)
