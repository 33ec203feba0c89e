"""What is written about HDF5 is run. Left out where h5py has no wheels, see tests/conftest.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import test_docs

notes_do_not_count, _here = test_docs.notes_do_not_count, test_docs._here


@pytest.mark.parametrize("name", test_docs.MODULES_OF_HDF5)
def test_examples_of_docstrings(name: str) -> None:
    test_docs.check_module(name)


@pytest.mark.parametrize("page", test_docs.PAGES_OF_HDF5, ids=lambda page: page.name)
def test_examples_of_pages(page: Path) -> None:
    test_docs.check_page(page)


@pytest.mark.parametrize("page", test_docs.BLOCKS_OF_HDF5, ids=lambda page: page.name)
def test_blocks_of_pages(page: Path, tmp_path: Path) -> None:
    test_docs.check_blocks(page, tmp_path)
