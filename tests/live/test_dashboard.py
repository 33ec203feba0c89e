from __future__ import annotations

import http.client
import json
import marshal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import bagkit as bk
from bagkit.diagnostics import events
from bagkit.diagnostics.observer import Observer
from bagkit.live import server
from bagkit.live.recorder import MOST_RUNS, RunRecorder
from bagkit.live.sections import sections
from tests.live.pages import HOSTILE, Page
from tests.schedulers.works import wait_for


@pytest.fixture
def page() -> Iterator[bk.Dashboard]:
    with bk.dashboard() as page:
        yield page


def ask(page: bk.Dashboard, path: str = "", **headers: str) -> tuple[int, str, dict[str, str]]:
    """Return status, text and headers of the answer; `path` goes on from the page's address."""
    url = urlsplit(page.address)
    connection = http.client.HTTPConnection("127.0.0.1", page.port)
    connection.request("GET", path if path.startswith("/") else url.path + path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, dict(answer.getheaders())


def read(page: bk.Dashboard, path: str = "") -> Page:
    status, text, _ = ask(page, path)
    assert status == 200
    return Page(text)


def speak(x: str) -> str:
    if x == "7":
        print("said <b>", x)
    return x


def bag_of(directory: Path) -> bk.Bag[int]:
    """Return a bag whose file, function, record and error have hostile texts."""
    path = directory / HOSTILE.replace("/", "|")
    path.write_text("".join(f"{n}\n" for n in range(100)) + HOSTILE + "\n")

    def parse(text: str) -> int:
        return int(speak(text.strip()))

    parse.__name__ = parse.__qualname__ = HOSTILE
    return bk.read_text(str(path).replace("[", "[[]"), blocksize=100).map(parse)


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_what_a_run_did_is_seen(page: bk.Dashboard, tmp_path: Path, scheduler: str) -> None:
    with bk.Profile() as profile, pytest.warns(bk.SkippedRecordsWarning):
        bag_of(tmp_path).sum().compute(scheduler=scheduler, workers=2, on_error="skip")
    seen = read(page)
    assert seen.is_harmless
    assert "Run 1 done" in seen.text
    assert "1 record skipped" in seen.text
    assert HOSTILE in seen.text  # the record, as it is
    rows = {row[1]: row for row in seen.cells if len(row) == 8}
    step = next(step for steps in profile.figures().values() for step in steps if step.label.startswith("map("))
    row = next(row for label, row in rows.items() if label.startswith("map("))
    assert row[2:4] == [f"{step.records_in:,}", f"{step.records_out:,}"] == ["101", "100"]
    (failure,) = [row for row in seen.cells if len(row) == 4 and row[0].startswith("ValueError")]
    assert "line 101" in failure[2]
    assert ("said <b> 7" in seen.text) == (scheduler == "processes")


def test_a_run_that_fails_says_where(page: bk.Dashboard, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        bag_of(tmp_path).sum().compute(scheduler="processes", workers=1)
    seen = read(page)
    assert "Run 1 failed" in seen.text
    (failure,) = [row for row in seen.cells if len(row) == 4 and row[0].startswith("ValueError")]
    assert "line 101" in failure[2]
    assert HOSTILE[:20] in failure[3]
    assert seen.is_harmless


def test_calls_of_a_client_are_seen() -> None:
    with bk.Client(workers=1, dashboard=True) as client:
        assert client.gather(client.map(len, ["a", "bc"])) == [1, 2]
        client.submit(int, "x").exception()
        assert client.compute(bk.range(9, npartitions=3).sum()).result() == 36
        page = bk.dashboard()
        assert page.address == client.dashboard_link
        seen = read(page)
        assert ["1", "calls of a client", "open", "", "2 / 3"] in [row[:5] for row in seen.cells]
        assert any(row[0].startswith("ValueError: invalid literal") for row in read(page, "?run=1").cells)
    assert page.is_closed
    assert bk.Client(workers=1).dashboard_link is None


def test_who_may_see_it(page: bk.Dashboard) -> None:
    token = urlsplit(page.address).path
    assert ask(page, "/")[0] == ask(page, "/x" + token[1:])[0] == ask(page, "/%00/")[0] == 403
    here = {f"127.0.0.1:{page.port}": 200, f"localhost:{page.port}": 200, "evil.example": 403, "127.0.0.1": 403}
    for host, status in here.items():
        assert ask(page, Host=host)[0] == status
        assert ask(page, "events" if status == 403 else "", Host=host)[0] == status
    assert ask(page, "page.html")[0] == ask(page, "../page.js")[0] == 404 - (ask(page, "../page.js")[0] == 403)
    for path in ("", "page.js", "page.css", "?run=9999", "?run=<b>"):
        status, _, headers = ask(page, path)
        assert status == 200
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Referrer-Policy"] == "no-referrer"


def test_news_are_sent_until_it_is_closed(page: bk.Dashboard) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.port)
    connection.request("GET", urlsplit(page.address).path + "events")
    answer = connection.getresponse()
    assert "Nothing has run yet" in next_news(answer)["run"]
    bk.range(9, npartitions=3).sum().compute(scheduler="sync")
    while "Run 1" not in (news := next_news(answer)).get("run", ""):
        pass
    assert "4 of 4 tasks" in news["run"]
    page.close()
    rest = answer.read().decode()
    assert "event: end" in rest
    connection.close()


def test_a_browser_that_goes_while_nothing_changes_makes_room(
    page: bk.Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ALIVE_SECONDS", 0.01)
    monkeypatch.setattr(server, "sections", lambda recorder, run=None: {"run": "always the same"})
    for _ in range(2 * server.MOST_STREAMS):
        connection = http.client.HTTPConnection("127.0.0.1", page.port)
        connection.request("GET", urlsplit(page.address).path + "events")
        connection.getresponse().close()
        connection.close()

    def is_served() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", page.port)
        connection.request("GET", urlsplit(page.address).path + "events")
        answer = connection.getresponse()
        answer.close()
        connection.close()
        return answer.status == 200

    assert wait_for(is_served)


def next_news(answer: http.client.HTTPResponse) -> dict[str, str]:
    while not (line := answer.readline()).startswith(b"data: "):
        assert line
    found: dict[str, str] = json.loads(line[6:])
    return found


def test_a_run_goes_on_when_it_is_closed(page: bk.Dashboard) -> None:
    records = iter(bk.range(1000, npartitions=100).map(lambda x: x + 1))
    first = [next(records) for _ in range(100)]
    page.close()
    page.close()
    assert first + list(records) == list(range(1, 1001))
    with bk.dashboard() as another:
        assert another is not page
        assert "Nothing has run yet" in read(another).text


def test_there_is_one(page: bk.Dashboard) -> None:
    assert bk.dashboard() is bk.dashboard(page.port) is page
    wrong: list[Any] = [page.port % 60000 + 1, -1, "80", True]
    for port in wrong:
        with pytest.raises(bk.OptionError, match=r"dashboard: .*port"):
            bk.dashboard(port)
    page.close()
    assert repr(page) == "Dashboard(closed)"
    with bk.dashboard() as again, pytest.raises(bk.OptionError, match="close it first"):
        bk.dashboard(again.port % 60000 + 1)


class Named:
    """A key of a task, which nobody holds when its event has gone."""


def test_events_of_a_run_that_nobody_counts_any_more_are_not_kept() -> None:
    def is_kept(run: Observer) -> bool:
        key = Named()
        run.emit(events.TaskStarted(key, "call", 0))
        kept = weakref.ref(key)
        del key
        return kept() is not None

    recorder = RunRecorder()
    try:
        client = recorder.begin(None)
        assert is_kept(client)
        others = [recorder.begin(None) for _ in range(MOST_RUNS)]
        assert not is_kept(client)
        assert recorder.forgotten == 1
        assert is_kept(others[-1])
    finally:
        recorder.close()
    assert not is_kept(others[-1])
    assert not is_kept(recorder.begin(None))


def test_a_hundred_thousand_tasks_are_a_small_page() -> None:
    recorder = RunRecorder()
    try:
        run = recorder.begin(None)
        run.emit(events.RunStarted(0, 0, "client", 4))
        start = time.time()
        for n in range(100_000):
            label, worker, begun = f"call{n % 3}", n % 4, start + n * 1e-4
            run.emit(events.TaskAdded(n, label))
            run.emit(events.TaskStarted(n, label, worker))
            run.emit(events.TaskFinished(n, label, worker, begun, begun + 3e-4, 0, 0, 0, (), labels=(label,)))
            if n % 100 == 0:
                run.emit(events.TaskFailed(-n, label, worker, HOSTILE, ("record: " + "x" * 9999,)))
                run.emit(events.WorkerSaid(worker, marshal.dumps(("stdout", HOSTILE.encode() * 99))))
        recorder.count()
        with recorder.lock:
            parts = sections(recorder)
    finally:
        recorder.close()
    seen = Page("".join(parts.values()))
    assert "100,000 of 100,000 tasks" in seen.text
    assert seen.is_harmless
    assert len("".join(parts.values())) < 400_000


def run_program(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_ends_with_the_process_and_no_child_has_it() -> None:
    program = (
        "import os, sys, bagkit as bk\n"
        "assert not any(name.startswith(('bagkit.live', 'http')) for name in sys.modules)\n"
        "page = bk.dashboard()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    ok = page.is_closed and bk.range(4, npartitions=2).sum().compute(scheduler='sync') == 6\n"
        "    with bk.dashboard() as own: ok = ok and own.port != page.port\n"
        "    os._exit(0 if ok else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert not page.is_closed and bk.range(4, npartitions=2).map(abs).sum().compute(scheduler='processes') == 6\n"
        "import urllib.request; assert b'Run 1' in urllib.request.urlopen(page.address).read()\n"
        "print(page.port)\n"
    )
    port = int(run_program(program))
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port).connect()


def test_the_stages_of_a_run_are_the_same_whatever_guards_its_tasks() -> None:
    bag = bk.from_sequence(['{"a": 1}'] * 600, npartitions=300).map(json.loads).pluck("a").distinct(npartitions=300)
    kinds: list[dict[str, Any]] = [{}, {"retries": 1}, {"max_errors": 5}, {"retries": 1, "max_errors": 5}]
    recorder = RunRecorder()
    try:
        for options in kinds:
            assert bag.sum().compute(scheduler="sync", **options) == 1
        recorder.count()
        found = [[(stage.text, stage.needs) for stage in run.stages] for run in recorder.runs]
    finally:
        recorder.close()
    assert len(found) == len(kinds)
    assert "combine sum of stage" in found[0][-1][0]
    assert found == found[:1] * len(kinds)
