"""The sample notebooks, run in a kernel as Jupyter runs them, and a kernel that is interrupted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

import bagkit as bk

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "samples").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def paths(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [str(ROOT), str(ROOT / "samples"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, known)))


def run_notebook(name: str, folder: Path) -> list[str]:
    """Run a notebook in `folder`, and return what its cells show, as text."""
    notebook = nbformat.read(ROOT / "samples" / f"{name}.ipynb", 4)
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=None, startup_timeout=300, kernel_name="python3", resources=place).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {output.get("name") for output in outputs} <= {None, "stdout"}, "nothing is on standard error"
    assert sum("text/html" in output.get("data", {}) for output in outputs) >= 4
    return [output.get("text") or output["data"]["text/plain"] for output in outputs]


def test_notebooks_are_kept_without_outputs() -> None:
    assert len(NOTEBOOKS) == 2
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, 4)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None


def test_cleaning_a_delivery(tmp_path: Path) -> None:
    run_notebook("cleaning_a_delivery", tmp_path)
    folder = tmp_path / "data/delivery"
    with bk.options(scheduler="sync", on_error="skip"), pytest.warns(bk.SkippedRecordsWarning):
        orders = {each["id"]: each for each in bk.read_json(folder / "orders-*.jsonl.gz")}
    customers = {
        each["id"]: each["city"] for each in bk.read_json(folder / "customers.jsonl").compute(scheduler="sync")
    }
    expected = {
        each["id"]: (customers[each["customer"]], float(str(each["amount"]).replace(",", ".")))
        for each in orders.values()
        if "customer" in each
    }
    frame = pd.read_parquet(folder / "orders.parquet")
    found = {row.id: (row.city, row.amount) for row in frame.itertuples()}
    assert found == expected
    assert len(frame) == len(expected) > 5_900
    assert {type(each).__name__ for each in frame["date"]} == {"date"}
    assert bk.read_errors(folder / "rejects").count().compute(scheduler="sync") == 10


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Any]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready()
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_an_interrupted_kernel_goes_on(kernel: Any, tmp_path: Path) -> None:
    manager, client = kernel
    shown: list[Any] = []

    def run(code: str) -> Any:
        return client.execute_interactive(code, output_hook=shown.append)["content"]

    assert run("import bagkit as bk, pathlib, time\nbag = bk.range(4, npartitions=4)")["status"] == "ok"
    assert run("def slow(record):\n    pathlib.Path('begun').touch()\n    time.sleep(60)")["status"] == "ok"
    # Else the kernel may abort what is asked of it right after an error.
    sent = client.execute("bag.map(slow).compute(workers=2)", stop_on_error=False)
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    manager.interrupt_kernel()
    reply = client.get_shell_msg()
    assert reply["parent_header"]["msg_id"] == sent
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert not any("bagkit/" in line for line in reply["content"]["traceback"])
    assert run("assert bag.map(str).compute(workers=2) == ['0', '1', '2', '3']")["status"] == "ok"
