from __future__ import annotations

import os
from pathlib import Path

import pytest

from bagkit.schedulers import cpu_count as module
from bagkit.schedulers.cpu_count import available_memory, cpu_count

V2_MOUNT = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1_CPU = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
OTHERS = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n24 22 0:5 / /proc rw - proc proc rw"
NO_LIMIT = 9223372036854771712


class Machine:
    """A tree of files as a machine would show them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: object) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def belongs(self, groups: str, mounts: str) -> None:
        self.write("proc/self/cgroup", groups)
        self.write("proc/self/mountinfo", f"{OTHERS}\n{mounts}")

    def v1_cpu(self, group: str, quota: int, period: int = 100_000) -> None:
        self.write(f"sys/fs/cgroup/cpu,cpuacct{group}/cpu.cfs_quota_us", quota)
        self.write(f"sys/fs/cgroup/cpu,cpuacct{group}/cpu.cfs_period_us", period)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(module, "_physical_memory", lambda: iter([64 << 30]))
    return Machine(tmp_path)


def test_no_files_no_limit(machine: Machine) -> None:
    assert cpu_count(machine.root) == 64
    assert available_memory(machine.root) == 64 << 30


@pytest.mark.parametrize(
    ("limit", "cpus"),
    [
        ("400000 100000", 4),
        ("450000 100000", 5),
        ("50000 100000", 1),
        ("1000 100000", 1),
        ("max 100000", 64),
        ("9900000 100000", 64),
        ("", 64),
        ("odd", 64),
        ("0 0", 64),
    ],
)
def test_version_2(machine: Machine, limit: str, cpus: int) -> None:
    machine.belongs("0::/user.slice/job", V2_MOUNT)
    machine.write("sys/fs/cgroup/user.slice/job/cpu.max", limit)
    assert cpu_count(machine.root) == cpus


@pytest.mark.parametrize("level", ["/a/b/c", "/a/b", "/a", ""])
def test_each_level_of_version_2_counts(machine: Machine, level: str) -> None:
    machine.belongs("0::/a/b/c", V2_MOUNT)
    for other in ("/a/b/c", "/a/b", "/a"):
        machine.write(f"sys/fs/cgroup{other}/cpu.max", "max 100000")
        machine.write(f"sys/fs/cgroup{other}/memory.max", "max")
    machine.write(f"sys/fs/cgroup{level}/cpu.max", "300000 100000")
    machine.write(f"sys/fs/cgroup{level}/memory.max", 3 << 30)
    assert cpu_count(machine.root) == 3
    assert available_memory(machine.root) == 3 << 30


def test_groups_of_others_do_not_count(machine: Machine) -> None:
    machine.belongs("0::/a/b", V2_MOUNT)
    machine.write("sys/fs/cgroup/a/other/cpu.max", "100000 100000")
    machine.write("sys/fs/cgroup/a/b/below/cpu.max", "100000 100000")
    machine.write("sys/fs/cpu.max", "100000 100000")
    assert cpu_count(machine.root) == 64


@pytest.mark.parametrize("level", ["/docker/abc", "/docker", ""])
def test_each_level_of_version_1_counts(machine: Machine, level: str) -> None:
    machine.belongs("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/x", f"{V1_CPU}\n{V1_MEMORY}")
    for other in ("/docker/abc", "/docker", ""):
        machine.v1_cpu(other, -1)
        machine.write(f"sys/fs/cgroup/memory{other}/memory.limit_in_bytes", NO_LIMIT)
    assert (cpu_count(machine.root), available_memory(machine.root)) == (64, 64 << 30)
    machine.v1_cpu(level, 50_000)
    machine.write(f"sys/fs/cgroup/memory{level}/memory.limit_in_bytes", 5 << 20)
    assert (cpu_count(machine.root), available_memory(machine.root)) == (1, 5 << 20)


def test_the_cpu_tree_is_asked_for_cpus(machine: Machine) -> None:
    machine.belongs("4:memory:/m\n3:cpu,cpuacct:/c\n0::/", f"{V1_CPU}\n{V1_MEMORY}")
    machine.v1_cpu("/m", 100_000)
    machine.v1_cpu("/c", 200_000)
    assert cpu_count(machine.root) == 2


def test_both_versions_beside_each_other(machine: Machine) -> None:
    unified = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
    machine.belongs("3:cpu,cpuacct:/job\n0::/job", f"{V1_CPU}\n{unified}")
    machine.v1_cpu("/job", 600_000)
    assert cpu_count(machine.root) == 6
    machine.write("sys/fs/cgroup/unified/job/cpu.max", "200000 100000")
    assert cpu_count(machine.root) == 2


@pytest.mark.parametrize(
    ("group", "part"), [("/docker/abc", "/docker/abc"), ("/", "/"), ("/../..", "/"), ("/", "/../other"), ("/x", "/y")]
)
def test_a_container_that_sees_its_own_group_only(machine: Machine, group: str, part: str) -> None:
    machine.belongs(f"0::{group}", V2_MOUNT.replace("0:28 / ", f"0:28 {part} "))
    machine.write("sys/fs/cgroup/cpu.max", "200000 100000")
    assert cpu_count(machine.root) == 2


def test_a_group_below_the_part_that_is_mounted(machine: Machine) -> None:
    machine.belongs("0::/docker/abc/inner", V2_MOUNT.replace("0:28 / ", "0:28 /docker/abc "))
    machine.write("sys/fs/cgroup/cpu.max", "max 100000")
    machine.write("sys/fs/cgroup/inner/cpu.max", "700000 100000")
    assert cpu_count(machine.root) == 7


def test_blanks_in_names_and_colons_in_groups(machine: Machine) -> None:
    machine.belongs("0::/a b:c", V2_MOUNT.replace("/sys/fs/cgroup", r"/sys/fs/my\040groups"))
    machine.write("sys/fs/my groups/a b:c/cpu.max", "500000 100000")
    assert cpu_count(machine.root) == 5


@pytest.mark.parametrize("text", ["", "\n\n", "no colons", "a:b", "0::", " - ", "1 2 - cgroup2", "\xff:\x00:"])
def test_odd_files_are_no_limit(machine: Machine, text: str) -> None:
    machine.belongs(text, text)
    assert cpu_count(machine.root) == 64
    machine.belongs("0::/", text)
    assert available_memory(machine.root) == 64 << 30


def test_affinity_is_a_limit(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.belongs("0::/", V2_MOUNT)
    machine.write("sys/fs/cgroup/cpu.max", "800000 100000")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 7})
    assert cpu_count(machine.root) == 3


def test_systems_without_affinity(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert cpu_count(machine.root) == 12
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cpu_count(machine.root) == 1


def test_systems_that_do_not_tell_their_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sysconf(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", sysconf)
    assert available_memory(tmp_path) is None


def test_this_machine() -> None:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert usable is not None
    assert 1 <= cpu_count() <= usable
    memory = available_memory()
    assert memory is not None
    assert 1 << 20 < memory <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
