"""shard(k, of=n): parts that are disjoint and together the whole; merge_manifests: that all of them are there."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from tests.small_disks import files_up_to


@pytest.fixture
def inputs(tmp_path: Path) -> str:
    (tmp_path / "in").mkdir()
    for number, size in enumerate((100, 3, 7, 60, 41, 1, 0)):
        (tmp_path / "in" / f"{number}.txt").write_text("".join(f"{number}.{line:03}\n" for line in range(size)))
    return str(tmp_path / "in" / "*.txt")


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


class TestShards:
    @pytest.mark.parametrize("of", [1, 2, 3, 5, 9])
    def test_they_are_disjoint_and_together_the_whole(self, inputs: str, of: int) -> None:
        for bag in (bk.read_text(inputs), bk.read_text(inputs, blocksize=90), bk.range(40, npartitions=7)):
            shards = [bag.shard(k, of=of) for k in range(of)]
            parts = [part.map_partitions(lambda records: [list(records)]).compute(scheduler="sync") for part in shards]
            whole = bag.map_partitions(lambda records: [list(records)]).compute(scheduler="sync")
            found = [partition for part in parts for partition in part]
            assert sorted(found) == sorted(whole)
            assert sum(shard.npartitions for shard in shards) == bag.npartitions
            assert all([whole.index(one) for one in part] == sorted(whole.index(one) for one in part) for part in parts)

    def test_each_has_about_as_many_bytes(self, inputs: str) -> None:
        sizes = [len("".join(bk.read_text(inputs).shard(k, of=2).compute(scheduler="sync"))) for k in range(2)]
        assert sizes == [642, 630]
        chance = random.Random(1)
        from bagkit.ops.regroup import dealt

        weights = [chance.randrange(100) for _ in range(200)]
        dealt_out = dealt(weights, 7)
        assert sorted(n for part in dealt_out for n in part) == list(range(200))
        sums = [sum(weights[n] for n in part) for part in dealt_out]
        assert max(sums) - min(sums) <= 2

    def test_what_makes_no_sense_is_refused(self, inputs: str, tmp_path: Path) -> None:
        bag = bk.read_text(inputs)
        for k, of in ((2, 2), (-1, 2), (True, 2), ("a", 2)):
            with pytest.raises(bk.PlanError, match=r"shard: k is .*; expected the number of a shard, from 0 to 1"):
                bag.shard(k, of=of)  # type: ignore[arg-type]  # wrong on purpose
        with pytest.raises(bk.PlanError, match="shard: of is 0; expected how many shards there are"):
            bag.shard(0, of=0)
        with pytest.raises(bk.PlanError, match="the bag is a shard already"):
            bag.shard(0, of=2).map(str).shard(0, of=2)
        with pytest.raises(bk.PlanError, match="shard 8 of 9 has no partition"):
            bag.shard(8, of=9).to_textfiles(tmp_path / "out")
        with pytest.raises(bk.PlanError, match="exist='update' can't be used for a shard"):
            bag.shard(0, of=2).to_textfiles(tmp_path / "out", exist="update")
        with pytest.raises(bk.PlanError, match=r"one plan has the shards \[\(0, 2\), \(1, 2\)\]"):
            bk.concat([bag.shard(0, of=2), bag.shard(1, of=2)]).to_textfiles(tmp_path / "out")
        with pytest.raises(bk.PlanError, match=r"to_parquet: shards would write files of the same numbers"):
            bag.shard(0, of=2).map(lambda line: {"a": line}).to_parquet(tmp_path / "*.parquet")


def write(inputs: str, out: Path, k: int, of: int = 3, **options: Any) -> Any:
    bag = bk.read_text(inputs).shard(k, of=of).map(str.strip)
    return bag.to_jsonl(out / "part-*.jsonl", **{"scheduler": "sync", **options})


class TestMerging:
    def test_the_outputs_are_those_of_one_run(self, inputs: str, tmp_path: Path) -> None:
        bag = bk.read_text(inputs).map(str.strip)
        alone = bag.to_jsonl(tmp_path / "alone" / "part-*.jsonl", scheduler="sync")
        written = [write(inputs, tmp_path / "out", k) for k in (2, 0, 1)]
        for given in (tmp_path / "out", written, [one.path for one in written]):
            merged = bk.merge_manifests(given)
            assert [Path(path).name for path in merged.paths] == [Path(path).name for path in alone.paths]
            assert [(f.partition, f.records, f.checksum) for f in merged.files] == [
                (f.partition, f.records, f.checksum) for f in alone.files
            ]
            assert [file.inputs for file in merged.files] == [file.inputs for file in alone.files]
        assert visible(tmp_path / "out") == visible(tmp_path / "alone")
        assert bk.read_json(merged.paths).compute(scheduler="sync") == bag.compute(scheduler="sync")

    def test_what_makes_other_partitions_has_names_of_its_own(self, inputs: str, tmp_path: Path) -> None:
        for k in range(2):
            part = bk.read_text(inputs).shard(k, of=2).map(str.strip)
            part.repartition(2).to_textfiles(tmp_path / "out" / "*.txt", scheduler="sync")
            named = part.to_textfiles(tmp_path / "named" / "*.txt", name_function=lambda n: f"p{n}", scheduler="sync")
            assert all(Path(path).stem.startswith("p") for path in named)
        assert visible(tmp_path / "out") == ["0-000000.txt", "0-000001.txt", "1-000000.txt", "1-000001.txt"]
        assert visible(tmp_path / "named") == [f"p{n}.txt" for n in range(7)]
        assert bk.merge_manifests(tmp_path / "out").records == bk.merge_manifests(tmp_path / "named").records == 212

    def test_more_shards_than_partitions_miss_nothing(self, inputs: str, tmp_path: Path) -> None:
        for k in range(7):
            write(inputs, tmp_path, k, of=9)
        assert len(bk.merge_manifests(tmp_path).files) == 7

    def test_what_is_missing_or_of_another_bag_is_said(self, inputs: str, tmp_path: Path) -> None:
        out = tmp_path / "out"
        with pytest.raises(bk.MismatchError, match="there is no manifest in it"):
            bk.merge_manifests(tmp_path)
        first = write(inputs, out, 0)
        with pytest.raises(bk.MismatchError, match="2 of 3 shards are missing: 1, 2; hint"):
            bk.merge_manifests(out)
        second, third = write(inputs, out, 1), write(inputs, out, 2)
        with pytest.raises(bk.MismatchError, match="the shard 0 of 3 is there twice"):
            bk.merge_manifests([first, write(inputs, tmp_path / "other", 0), second, third])
        with pytest.raises(bk.MismatchError, match="expected one folder for all of them"):
            bk.merge_manifests([write(inputs, tmp_path / "other", 0, exist="overwrite"), second, third])
        with pytest.raises(bk.PlanError, match="got 7; expected a list of folders"):
            bk.merge_manifests(7)  # type: ignore[arg-type]  # wrong on purpose
        whole = bk.read_text(inputs).to_jsonl(tmp_path / "whole", scheduler="sync")
        with pytest.raises(bk.MismatchError, match="there is no manifest of a shard"):
            bk.merge_manifests(whole)
        Path(third.paths[0]).write_bytes(b"")
        with pytest.raises(bk.MismatchError, match=r"is not as its shard has written it: it has 0 bytes, and had \d+"):
            bk.merge_manifests(out)
        Path(third.paths[0]).unlink()
        with pytest.raises(bk.MismatchError, match="it is not there"):
            bk.merge_manifests(out)
        assert write(inputs, out, 2, exist="resume").paths == third.paths
        assert len(bk.merge_manifests(out).files) == 7
        Path(third.path).write_bytes(b"{}")
        with pytest.raises(bk.MismatchError, match="is damaged"):
            bk.merge_manifests(out)
        (Path(inputs).parent / "3.txt").write_text("changed")
        write(inputs, out, 2, exist="overwrite")
        with pytest.raises(bk.MismatchError, match="0 of 3 and 2 of 3 are not of one bag"):
            bk.merge_manifests(out)

    def test_a_manifest_that_the_disk_takes_a_part_of_is_none(self, inputs: str, tmp_path: Path) -> None:
        out = tmp_path / "out"
        for k in range(3):
            write(inputs, out, k)
        before = sorted(out.iterdir())
        with files_up_to(500), pytest.raises(bk.OutputError, match=r"merged\.json: can't be written: file too large"):
            bk.merge_manifests(out)
        assert sorted(out.iterdir()) == before
