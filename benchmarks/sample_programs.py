"""The samples that people learn delayed calls with: their sequential version, and the one that bagkit runs.

They are timed as they run from a command line, once in a fresh process: the workers have to start first, and to import
what their functions need (for `json_to_hdf5` that is h5py, a tenth of the work of each).
"""

import hashlib
import importlib
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender, Job, Setting, new_folder
from benchmarks.measure import ROOT

POINTS = 32_704_000
"""How many points `tree_sum` evaluates until its area no longer changes by more than 2e-13."""


def sample(name: str) -> Any:
    """Import a sample; samples find each other because the directory of a script is searched first."""
    folder = str(ROOT / "samples")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """The input of a sample, which a function of its own makes in a folder."""

    name: str
    make: Callable[[Path, int], list[Path]]
    size: int

    def scaled(self, scale: float) -> "SampleFiles":
        """Return the same files, `scale` times as long."""
        return replace(self, size=max(1, int(self.size * scale)))

    def files_in(self, folder: Path) -> list[str]:
        """Return the paths of the files, made now if they are not in `folder` yet."""
        return [str(path) for path in self.make(folder / f"{self.name}-{self.size}", self.size)]


def make_texts(folder: Path, characters: int) -> list[Path]:
    """Make a hundred text files."""
    return list(sample("make_texts").make_texts(folder, characters=characters))


def make_stocks(folder: Path, days: int) -> list[Path]:
    """Make a file for each of twenty stocks."""
    return list(sample("make_stocks").make_stocks(folder, days))


TEXTS = SampleFiles("texts", make_texts, 400_000)
STOCKS = SampleFiles("stocks", make_stocks, 20_000)


def paths_of(setting: Setting) -> list[Path]:
    """Return the input files as samples take them."""
    return [Path(path) for path in setting.paths]


def letters_in_sequence(setting: Setting, keep: ExitStack) -> Job:
    """Count the letters of one file after the other."""
    letters = sample("count_letters")
    return lambda: letters.in_sequence(paths_of(setting))


def letters_bagkit(setting: Setting, keep: ExitStack) -> Job:
    """Count the letters of each file in a delayed call."""
    letters = sample("count_letters")
    return lambda: letters.in_parallel(paths_of(setting), setting.workers)


def tolerance(points: int) -> float:
    """Return the tolerance with which `tree_sum` evaluates about so many points: errors fall with their square."""
    return 2e-13 * (POINTS / points) ** 2


def tree_in_sequence(setting: Setting, keep: ExitStack) -> Job:
    """Integrate one piece after the other."""
    tree = sample("tree_sum")
    return lambda: tree.refine(tree.in_sequence, tolerance(setting.tasks))


def tree_bagkit(setting: Setting, keep: ExitStack) -> Job:
    """Integrate each piece in a delayed call."""
    tree = sample("tree_sum")

    def integrate(points: int) -> float:
        return float(tree.plan(points).compute(scheduler="processes", workers=setting.workers))

    return lambda: tree.refine(integrate, tolerance(setting.tasks))


def stocks_in_sequence(setting: Setting, keep: ExitStack) -> Job:
    """Convert one file after the other."""
    stocks, folder = sample("json_to_hdf5"), new_folder(keep)
    return lambda: stocks.each_in_sequence(paths_of(setting), folder)


def stocks_bagkit(setting: Setting, keep: ExitStack) -> Job:
    """Convert each file in a delayed call."""
    stocks, folder = sample("json_to_hdf5"), new_folder(keep)
    return lambda: stocks.each_in_parallel(paths_of(setting), folder, setting.workers)


def columns_digest(paths: Sequence[Path]) -> list[Any]:
    """Return how many HDF5 files there are, and a digest of the columns in them."""
    digest = hashlib.blake2b(digest_size=12)
    for path in paths:
        for name, column in sorted(sample("json_to_hdf5").contents(path).items()):
            digest.update(name.encode() + column.tobytes())
    return [len(paths), digest.hexdigest()]


LETTERS: dict[str, Contender] = {"bagkit": letters_bagkit, "in-sequence": letters_in_sequence}
TREE: dict[str, Contender] = {"bagkit": tree_bagkit, "in-sequence": tree_in_sequence}
STOCKS_TO_HDF5: dict[str, Contender] = {"bagkit": stocks_bagkit, "in-sequence": stocks_in_sequence}
