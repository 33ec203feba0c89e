"""What holds for all tests."""

from __future__ import annotations

import compileall
import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# pytest rewrites the asserts of all tests and of Hypothesis, which takes each process ten seconds. It keeps what it
# made in __pycache__ for the next run, also where PYTHONDONTWRITEBYTECODE is set. So do programs that tests start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from hypothesis import find, settings, strategies  # noqa: E402 - it is among what is kept

import bagkit as bk  # noqa: E402
from tests.examples import FACTOR  # noqa: E402
from tests.wheels import ALL_HAVE_WHEELS  # noqa: E402

# A deadline for each example measures how busy the machine is.
settings.register_profile("bagkit", deadline=None, max_examples=50 * FACTOR)
settings.load_profile("bagkit")

# A shell starts what runs in its background with SIGINT ignored, and Python leaves that so. Tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Files that test what has no wheels for the newest Python, and what runs the benchmarks: a benchmark writes HDF5.
WITHOUT_WHEELS = [
    "benchmarks/test_benchmarks.py",
    "io/handover/test_hdf5.py",
    "io/handover/test_hdf5_tables.py",
    "io/input/test_lz4.py",
    "operations/test_validating_pydantic.py",
    "samples/test_hdf5_samples.py",
    "test_hdf5_docs.py",
]
collect_ignore = [] if ALL_HAVE_WHEELS else WITHOUT_WHEELS


def pytest_configure(config: pytest.Config) -> None:
    """Compile bagkit once: tests start hundreds of interpreters, which would each compile what they import."""
    if not hasattr(config, "workerinput"):  # the workers of pytest-xdist start when it is done
        compileall.compile_dir(Path(__file__).parent.parent / "bagkit", quiet=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: nobody is to wait at the end for the one process that checks types."""
    items.sort(key=lambda item: "test_checkers.py" not in item.nodeid)


def pytest_collection_finish() -> None:
    """Keep modules and tests out of the garbage collector, which would look at all of them in each `gc.collect()`."""
    # When Hypothesis first runs, it asks the collector who holds its random numbers: it must not be frozen before.
    find(strategies.none(), lambda value: True)
    gc.collect()
    gc.freeze()


@pytest.fixture
def sync() -> Iterator[None]:
    """Have a test compute in its own process, unless it says otherwise."""
    with bk.options(scheduler="sync"):
        yield


@pytest.fixture(scope="module")
def workers_end() -> Iterator[None]:
    """Leave no workers behind the tests of a module."""
    from bagkit.schedulers import pool

    yield
    pool.end_workers()


@pytest.fixture
def nothing_frozen() -> Iterator[None]:
    """Let the collector see all that there is, while a test asks what is kept out of it; tests behind it need not."""
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.fixture(autouse=True)
def imports_from_files_of_a_test_end_with_it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take out of `sys.modules` what a test has imported from files that it wrote.

    Another test may write a module of that name. And what names it would travel by value, since no worker finds it.
    """
    before = {*sys.modules}
    yield
    written = str(tmp_path_factory.getbasetemp())
    for name in {*sys.modules} - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(written):
            del sys.modules[name]
