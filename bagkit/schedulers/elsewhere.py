"""What a process does that an executor of the user's, or another engine, has given a task: bytes in, plain values out.

A work comes with the task; or it waits in a file, or was left out since this process should have it by now. Then it
is the work that came before under the same key, or the answer is that it is missing.

Works take turns in such a process, and may each have modules of the user's, and values in them, of their own. So a work
gets its own again when its turn comes. If the process that sent it is the one that runs it, all stays as it is there.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from bagkit.crossing.generators import seed_generators
from bagkit.crossing.given_modules import modules_put, put_modules, take_modules_back
from bagkit.crossing.pickling import dumps_records
from bagkit.crossing.received import Opened
from bagkit.crossing.remote_errors import pack_error, pack_failure
from bagkit.crossing.transport import Stored, loads, task_name
from bagkit.crossing.values import Output, load
from bagkit.flow.report import Report
from bagkit.lower.graph import Work
from bagkit.schedulers.sync import call_work

WORKS_KEPT = 16
kept_works: OrderedDict[tuple[str, int], Opened] = OrderedDict()
"""The works that this process unpickled last, by run and number, each with what it has brought along."""
_turn: Opened | None = None
"""The work whose modules and values are in their places."""
_turning = threading.RLock()
"""For who puts them there: an engine may have several threads in one process."""

Files = tuple[str, int]
"""The directory that tasks share, and how many bytes of what a task makes may come in its message."""


def run_pickled(
    key: tuple[str, int],
    work: bytes | str | None,
    part: bytes,
    inputs: Sequence[Stored],
    number: int,
    width: int,
    label: str,
    place: str,
    watched: bool = False,
    files: Files | None = None,
) -> tuple[Any, ...]:
    """Run the task `number` of a run in whatever process this is; return plain values that any pickle can take back.

    They are: process id, start, stop, bytes read, skipped records, figures, stored failures, stored outputs, stored
    values, whether each of these is plain data, as far as that is `watched`, packed error. Nothing at all is returned
    where the work is missing.
    """
    if work is None and key not in kept_works:
        return ()
    report = Report()
    start = time.time()
    output = _output(files, watched)
    if files is not None:
        report.directory, report.dumps = (lambda: files[0]), dumps_records
    failures: Stored | None = None
    outputs: Stored | None = None
    values: tuple[tuple[Stored, bool], ...] = ()
    packed: bytes | None = None
    try:
        function = unpickled(key, work)
        seed_generators(str(number))
        values = call_work(
            function,
            loads(part),
            list(map(load, inputs)),
            report,
            width,
            task_name(label, place),
            output.store_all,
        )
        failures = output.store(list(map(pack_failure, report.failures)))
        outputs = output.store(report.outputs)
        output.close()  # from here on others can read what is in its file
    except BaseException as error:
        _add_hint(error)
        packed, values = pack_error(error), ()
        output.remove()
    said = (report.bytes_read, report.skipped, report.plain_figures(), failures, outputs)
    stored, plain = tuple([one for one, _ in values]), tuple([is_plain for _, is_plain in values])
    return os.getpid(), start, time.time(), *said, stored, plain, packed


def _add_hint(error: BaseException) -> None:
    """Say what to do about a module that is there, and does not load."""
    if isinstance(error, ImportError) and "subinterpreters" in str(error):
        error.add_note(
            "hint: a ProcessPoolExecutor has processes of its own, where each module loads; "
            "with optimize=False json.loads stays what it is, which loads here too"
        )


def run_several(
    key: tuple[str, int],
    work: bytes | str | None,
    calls: Sequence[tuple[bytes, Sequence[Stored], int, int, str, str, bool]],
    files: Files | None = None,
) -> list[tuple[Any, ...]]:
    """Run several tasks of one work, to the first that fails; return what `run_pickled` does of each."""
    results = []
    for call in calls:
        results.append(run_pickled(key, work, *call, files))
        if not results[-1] or results[-1][-1] is not None:
            break
    return results


def _output(files: Files | None, watched: bool) -> Output:
    """Return what takes the values of a task: in memory, where nobody knows which directories the other side sees."""
    if files is None:
        return Output(sys.maxsize, lambda: os.devnull, "", watched=watched)
    directory, budget = files
    # A task that is run again, since its worker died or was taken for dead, must not write to the same file.
    return Output(budget, lambda: directory, uuid.uuid4().hex, watched=watched)


def unpickled(key: tuple[str, int], data: bytes | str | Callable[[], bytes] | None) -> Work:
    """Return the work that `data` is the pickle of, or brings: of each run and number the same one, while it is used.

    The user's modules are then as they were where it was pickled.
    """
    global _turn
    known = kept_works.get(key)
    if known is None and callable(data):
        data = data()  # not while others wait for their turn: it may be they who keep it from being made
    if known is None or known is not _turn:
        with _turning:
            end_turn()
            known = kept_works.get(key)
            if known is None:
                assert data is not None, "who leaves it out is told that it is missing"
                known = kept_works[key] = _opened(data)
                while len(kept_works) > WORKS_KEPT:
                    kept_works.popitem(last=False)
            else:
                put_modules(known.modules)
                known.tell_again()
            _turn = known
    work: Work = known.work
    return work


def _opened(data: bytes | str | Callable[[], bytes]) -> Opened:
    if not isinstance(data, (bytes, str)):
        data = data()
    made = loads(data if isinstance(data, bytes) else read_file(data))
    opened = made if type(made) is Opened else Opened(made, None)
    opened.modules = modules_put()
    return opened


def end_turn() -> None:
    """Take back the modules that a work has brought along, until it has its turn again."""
    global _turn
    _turn = None
    take_modules_back()


def read_file(path: str) -> bytes:
    """Return what is in a file of the directory that tasks share."""
    if "://" in path:
        from bagkit.exchange import remote

        return remote.read_file(path)
    with open(path, "rb") as file:
        return file.read()
