"""The page as Chromium shows it: what is seen, and not only what is served. `.ci/run browser` runs it.

It is not among the tests that run by themselves, for it wants a Chromium on the PATH.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import websocket_connect

import bagkit as bk
from tests.schedulers.works import wait_for

HOSTILE = "<img src=x onerror=document.body.innerHTML='taken'>"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

TEXT = "document.body.innerText"

Evaluate = Callable[[str], Any]


@pytest.fixture
def page() -> Iterator[bk.Dashboard]:
    with bk.dashboard() as page:
        yield page


@pytest.fixture
def evaluate(page: bk.Dashboard, tmp_path: Path) -> Iterator[Evaluate]:
    """Give what evaluates JavaScript in a browser that has opened the page."""
    program = next(path for name in NAMES if (path := shutil.which(name)))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--remote-allow-origins=*"]
    command = [program, *options, f"--user-data-dir={tmp_path}/chromium", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "DevTools listening on" in line)
            threading.Thread(target=process.stderr.read, daemon=True).start()  # so that it is never full
            host = line.split("ws://")[1].split("/")[0]
            ask = urllib.request.Request(f"http://{host}/json/new?{page.address}", method="PUT")
            with urllib.request.urlopen(ask) as answer:
                where = json.load(answer)["webSocketDebuggerUrl"]

            def run(expression: str) -> Any:
                return asyncio.run(_evaluated(where, expression))

            assert wait_for(lambda: run("document.title") == "bagkit")
            yield run
        finally:
            os.killpg(process.pid, signal.SIGKILL)


async def _evaluated(where: str, expression: str) -> Any:
    connection = await websocket_connect(where)
    parameters = {"expression": expression, "returnByValue": True}
    await connection.write_message(json.dumps({"id": 1, "method": "Runtime.evaluate", "params": parameters}))
    message = json.loads(await connection.read_message() or "{}")
    connection.close()
    while await connection.read_message() is not None:
        pass  # until it is closed
    answer = message.get("result")  # none while the page is on its way
    return None if answer is None else answer["result"].get("value")


def hostile(n: int) -> int:
    return n


hostile.__name__ = hostile.__qualname__ = HOSTILE


def test_it_goes_on_by_itself_and_names_do_nothing(evaluate: Evaluate) -> None:
    assert "finished" not in evaluate(TEXT)
    assert bk.range(40, npartitions=4).map(hostile).compute(scheduler="threads") == list(range(40))
    assert wait_for(lambda: "4 of 4 tasks" in evaluate(TEXT))
    assert HOSTILE in evaluate(TEXT)
    assert evaluate("document.images.length") == 0
    assert evaluate("document.title") == "bagkit"
    assert evaluate("document.querySelectorAll('svg').length") > 0


def test_a_hundred_thousand_tasks(evaluate: Evaluate) -> None:
    assert bk.range(100_000, npartitions=100_000).map(abs).count().compute(scheduler="threads") == 100_000
    assert wait_for(lambda: "100,00" in evaluate(TEXT))
    assert evaluate("document.documentElement.outerHTML.length") < 200_000


def test_closed_while_a_run_goes_on(evaluate: Evaluate, page: bk.Dashboard, tmp_path: Path) -> None:
    go = tmp_path / "go"

    def waits(n: int) -> int:
        while not go.exists():
            pass
        return n

    results: list[Any] = []
    run = threading.Thread(target=lambda: results.append(bk.range(2, npartitions=2).map(waits).compute(workers=1)))
    run.start()
    assert wait_for(lambda: "running" in evaluate(TEXT))
    page.close()
    go.touch()
    run.join()
    assert results == [[0, 1]]
    assert "bagkit" in evaluate(TEXT)
