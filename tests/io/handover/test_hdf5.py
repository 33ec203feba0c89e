"""to_hdf5: what h5py reads back, wherever it is called. Left out where h5py has no wheels, see tests/conftest.py."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas
import pytest

import bagkit as bk
from bagkit.other_names import OF_MODULE
from bagkit.shell.main import main
from tests import test_hints
from tests.io.handover.test_handoff_files import RECORDS, SYNC, bag, files_up_to
from tests.operations import test_conformance
from tests.operations.case import Case


def test_gives_back_the_records(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    assert bag().to_hdf5(path, group="/logs/2026", **SYNC) == 3
    with h5py.File(path) as file:
        home = file["logs/2026"]
        assert list(home.attrs["columns"]) == list(RECORDS[0])
        assert home.attrs["rows"] == 3
        assert home["i"][:].tolist() == [1, 2**63 - 1, -(2**63)]
        assert home["n"][:].tolist() == [0, 2**60 + 1, 3]
        assert home["n__missing"][:].tolist() == [True, False, False]
        assert home["f"].dtype == "float64"
        assert np.isnan(home["f"][1])
        assert home["f__missing"][:].tolist() == [False, True, False]
        assert home["b"][:].tolist() == [True, False, True]
        assert home["m"][:].tolist() == [False, False, True]
        assert home["s"].asstr()[:].tolist() == ["é", "😀\n", ""]
        assert home["s__missing"][:].tolist() == [False, False, True]
        assert [bytes(value) for value in home["raw"][:]] == [b"\xff\0", b"", b""]
        assert home["day"].asstr()[:].tolist() == ["2026-01-02", "", "0001-01-01"]
        assert "i__missing" not in home
        assert home["i"].maxshape == (None,)


@pytest.mark.parametrize("values", [[b"ab"], [b"ab", b"cd"], [b"", b""], [None], [b"a", b"bc", b""]])
def test_bytes_of_any_length(tmp_path: Path, values: list[Any]) -> None:
    bag([{"x": value, "y": b"123"} for value in values], 1).to_hdf5(tmp_path / "a.h5", **SYNC)
    with h5py.File(tmp_path / "a.h5") as file:
        assert [bytes(array) for array in file["y"][:]] == [b"123"] * len(values)
        if values != [None]:
            assert [bytes(array) for array in file["x"][:]] == values


def test_of_many_batches_with_values_missing_late(tmp_path: Path) -> None:
    made = bk.range(40_000, 3).map(lambda n: {"n": n, "m": None if n == 39_000 else n, "t": str(n)})
    assert made.to_hdf5(tmp_path / "a.h5", compression="gzip", scheduler="processes", workers=2) == 40_000
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["n"][:].tolist() == list(range(40_000))
        assert np.flatnonzero(file["m__missing"][:]).tolist() == [39_000]
        assert file["t"].asstr()[39_999] == "39999"
        assert file["n"].compression == "gzip"


def test_text_of_fixed_length(tmp_path: Path) -> None:
    bag([{"s": "é"}, {"s": "abcd"}, {"s": None}]).to_hdf5(tmp_path / "a.h5", strings=4, **SYNC)
    with h5py.File(tmp_path / "a.h5") as file:
        assert h5py.check_string_dtype(file["s"].dtype).length == 4
        assert file["s"].asstr()[:].tolist() == ["é", "abcd", ""]
    long = bag([{"s": "ab"}, {"s": "ééé"}], 2)
    with pytest.raises(bk.ColumnTypeError) as caught:
        long.to_hdf5(tmp_path / "b.h5", strings=4, **SYNC)
    assert "the field 's' is str of more than 4 bytes, and was str before" in str(caught.value)
    assert "at from_sequence, record 0, partition 1" in caught.value.__notes__
    long.to_hdf5(tmp_path / "b.h5", strings=4, on_conflict="null", **SYNC)
    with h5py.File(tmp_path / "b.h5") as file:
        assert file["s__missing"][:].tolist() == [False, True]
    with pytest.raises(bk.ColumnTypeError) as caught:
        long.to_hdf5(tmp_path / "c.h5", strings=4, on_conflict="string", **SYNC)
    assert str(caught.value) == (
        "to_hdf5: the field 's' has text of 6 bytes in UTF-8; expected 4 at the most; got 'ééé'"
    )
    assert sorted(os.listdir(tmp_path)) == ["a.h5", "b.h5"]


def test_has_no_nul_no_lists_no_large_ints_so_they_follow_the_policy(tmp_path: Path) -> None:
    for number, value in enumerate(["a\0b", [1], {"a": 1}, 2**64]):
        path = tmp_path / f"{number}.h5"
        with pytest.raises(bk.ColumnTypeError, match="to_hdf5: the field 'x' is"):
            bag([{"x": value}]).to_hdf5(path, **SYNC)
        bag([{"x": value}]).to_hdf5(path, on_conflict="json", **SYNC)
        with h5py.File(path) as file:
            assert file["x"].asstr()[0] == json.dumps(value)
    bag([{"x": "a\0b"}]).to_hdf5(tmp_path / "s.h5", on_conflict="string", **SYNC)
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["x"].asstr()[0] == "a\\x00b"


def test_names_of_more_columns_than_old_attributes_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bagkit.io.handover.hdf5_datasets._create", lambda *arguments: None
    )  # each takes a millisecond or two
    monkeypatch.setattr("bagkit.io.handover.hdf5_datasets._append", lambda *arguments: None)
    names = [f"field {n}" for n in range(5000)]
    bag([dict.fromkeys(names, 1)], 1).to_hdf5(tmp_path / "a.h5", **SYNC)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["columns"].tolist() == names


def test_of_nothing(tmp_path: Path) -> None:
    assert bag([]).to_hdf5(tmp_path / "a.h5", columns=["a"], **SYNC) == 0
    assert bag([{"a": None}, {}], 2).to_hdf5(tmp_path / "b.h5", **SYNC) == 2
    with h5py.File(tmp_path / "a.h5") as file, h5py.File(tmp_path / "b.h5") as other:
        assert file["a"].shape == (0,)
        assert other["a__missing"][:].tolist() == [True, True]


def test_rows_are_appended_to_what_a_run_without_records_has_left(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    for records in ([], [], [{"n": 1}], [], [{"n": 2}]):
        bag(records).to_hdf5(path, exist="append", **SYNC)
    with h5py.File(path) as file:
        assert (file["n"][:].tolist(), file.attrs["rows"], list(file.attrs["columns"])) == ([1, 2], 2, ["n"])
    bag([{}, {}]).to_hdf5(tmp_path / "b.h5", **SYNC)
    with pytest.raises(bk.ColumnTypeError, match="the group '/' has other columns: the records have 'n' more"):
        bag([{"n": 1}]).to_hdf5(tmp_path / "b.h5", exist="append", **SYNC)


@pytest.mark.parametrize(("records", "message"), [
    ([{"a/b": 1}], "to_hdf5: the field 'a/b' can't be the name of a dataset"),
    ([{"": 1}], "to_hdf5: the field '' can't be the name of a dataset"),
    ([{"a": None, "a__missing": 1}],
     "to_hdf5: the field 'a__missing' has the name of the dataset for what is missing of 'a'"),
])  # fmt: skip
def test_columns_it_can_not_have(tmp_path: Path, records: list[Any], message: str) -> None:
    with pytest.raises(bk.ColumnTypeError) as caught:
        bag(records, 1).to_hdf5(tmp_path / "a.h5", **SYNC)
    assert str(caught.value) == message
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("arguments", "message"), [
    ({"group": "a/../b"}, "to_hdf5: group is 'a/../b'; expected a name such as '/' or '/logs/2026'"),
    ({"group": "a\ud800"}, r"to_hdf5: group is 'a\ud800'; expected a name such as '/' or '/logs/2026'"),
    ({"strings": 0}, "to_hdf5: strings is 0; expected 'variable', or how many bytes of UTF-8 each may have"),
    ({"compression": "zip"}, "to_hdf5: compression is 'zip'; expected 'gzip', 'lzf' or None"),
])  # fmt: skip
def test_arguments(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(bk.PlanError) as caught:
        bag().to_hdf5(tmp_path / "a.h5", **arguments, **SYNC)
    assert str(caught.value) == message


# As any operation, and as any file that is written ------------------------------------------------------------------


def columns_of(made: Any) -> list[tuple[Any, ...]]:
    count = made.to_hdf5("a.h5", columns=["k", "v"], exist="overwrite")
    with h5py.File("a.h5") as file:
        values = [file[name] for name in file.attrs["columns"]]
        lists = [v.asstr()[:].tolist() if h5py.check_string_dtype(v.dtype) else v[:].tolist() for v in values]
    assert {len(one) for one in lists} == {count}
    return list(zip(*lists, strict=True))


def test_is_what_lists_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    case = Case("to_hdf5", "pairs", columns_of, list)
    ways = [(partitioning, n % 2 == 0, "sync") for n, partitioning in enumerate(test_conformance.PARTITIONINGS)]
    test_conformance.check(case, "pairs", [*ways, ("three", True, "processes")])
    test_conformance.check(case, "", ways)


def test_no_room_is_an_error_of_ours(tmp_path: Path) -> None:
    """HDF5 left alone with a full disk ends the process."""
    flags = bk.range(20_000, 2).map(lambda n: {"b": n % 3 == 0, "s": "a"})
    for options in ({"strings": 100}, {"columns": ["s"]}):
        with files_up_to(160_000), pytest.raises(bk.OutputError, match=r"a\.h5: can't be written: "):
            flags.to_hdf5(tmp_path / "a.h5", **options, **SYNC)  # type: ignore[call-overload]  # names are in dicts
        assert os.listdir(tmp_path) == []


def test_errors_of_users_stay_theirs_and_files_of_others_stay(tmp_path: Path) -> None:
    def missing(record: Any) -> Any:
        raise FileNotFoundError(2, "No such file", "theirs")

    path = tmp_path / "a.h5"
    with pytest.raises(FileNotFoundError, match="theirs"):
        bag().map(missing).to_hdf5(path, **SYNC)
    with pytest.raises(bk.OutputExistsError):
        bag([1]).map(lambda n: path.write_text("theirs") and {"n": n}).to_hdf5(path, **SYNC)
    assert path.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["a.h5"]


def test_failures_are_told_or_handed_over(tmp_path: Path) -> None:
    made = bk.range(4, 2).map(lambda n: {"x": 6 // (n - 1)})
    found = made.to_hdf5(tmp_path / "a.h5", on_error="collect", **SYNC)
    assert ([failure.place.record for failure in found.failures], found.result) == ([1], 3)
    with pytest.warns(bk.SkippedRecordsWarning, match="1 record"):
        assert made.to_hdf5(tmp_path / "b.h5", on_error="skip", **SYNC) == 3


def test_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    with bk.options(scheduler="sync"):
        assert main(["convert", "a.jsonl", "o.h5"]) == 0
    with h5py.File("o.h5") as file:
        assert file["id"][:].tolist() == [1, 2]


def test_the_hints_for_other_names_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with bk.options(scheduler="sync"):
        with pytest.raises(AttributeError) as caught:
            bag().to_hdf  # noqa: B018 - to look it up raises
        (code,) = test_hints.codes(caught.value)
        test_hints.run(code)
        assert pandas.read_hdf("out.h5", "records").to_dict("records") == test_hints.RECORDS
        assert test_hints.run(OF_MODULE["read_hdf"], path="out.h5") == test_hints.RECORDS
