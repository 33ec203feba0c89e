"""The process that runs tasks: a fresh interpreter that reads messages from one socket until it ends.

It never imports the user's `__main__`. When the socket ends, and after an idle minute, it ends as programs do: what the
user's functions registered with atexit runs, their files are flushed. When the life pipe ends, whose other end only the
parent holds, the parent is dead, and the kernel kills it.

Imported at every start, so it imports little; what one task in a hundred needs is imported by that task.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal, without its enums
import _thread
import codecs
import faulthandler
import fcntl
import gc
import marshal
import os
import select
import sys
import time
from collections import deque
from errno import EBADF
from functools import partial

from bagkit.crossing import speech, transport
from bagkit.crossing.pickling import dumps_records
from bagkit.crossing.surroundings import apply_surroundings
from bagkit.crossing.transport import Stored
from bagkit.crossing.values import Output, load
from bagkit.crossing.warning_filters import forget_shown
from bagkit.flow import inside
from bagkit.schedulers import debugging

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bagkit.flow.report import Report

IDLE_SECONDS = 60
PROGRESS_SECONDS = 0.1
READ_BYTES = 1 << 16
KEPT_BYTES = 1 << 20
"""What glibc has seen freed in one block, of that it keeps twice as much for later. It gives less back to the system at
once, and each page that comes anew takes as long as three records of JSON."""
END_SECONDS = 10
"""What ending gently may take: a handler that waits for something is not waited for any longer."""
_RECEIVED = "bagkit.crossing.received"
_PATCHES, _RESIDENTS = "bagkit.crossing.patches", "bagkit.schedulers.residents"
_GIVEN, _GENERATORS = "bagkit.crossing.given_modules", "bagkit.crossing.generators"
_EARLIER, _ELSEWHERE = "bagkit.flow.earlier_runs", "bagkit.schedulers.elsewhere"
"""Imported only where modules have values that the caller changed, records stay here, or such things came."""


def main(connection: int, life: int, diary: int) -> None:
    """Serve the parent at the other end of `connection`; a crash leaves its traceback in the file `diary`."""

    def let_go() -> None:
        os.close(connection)
        os.close(life)

    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # whether Ctrl-C ends this is the parent's business
    faulthandler.enable(diary)
    _watch_parent(life)
    inside.become_worker()
    for descriptor in (connection, life, diary):
        os.set_inheritable(descriptor, False)
    os.register_at_fork(after_in_child=let_go)
    bytes(KEPT_BYTES)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # most of what tasks make are records, which are in no cycles
    worker = Worker(connection)
    speech.speak_through(worker.tell)
    codecs.register(worker.find_encoding)
    sys.modules["__mp_main__"] = own = sys.modules["__main__"]
    vars(own)["__getattr__"] = worker.find_in_main
    sys.breakpointhook = debugging.refuse_breakpoint
    sys.stdin = debugging.NoInput()
    try:
        worker.serve()
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the parent is gone
    except BaseException as error:
        if type(error) is OSError and error.errno == EBADF and not is_open(connection):
            os._exit(transport.CLOSED)
        _leave_report(diary)
        os._exit(1)
    if not worker.has_run:
        os._exit(0)
    _end_gently()


def is_open(descriptor: int) -> bool:
    """Return whether `descriptor` stands for a file, a pipe or a socket of this process."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _in_task(make: Callable[[], Any], report: Report) -> Any:
    """Return what `make` gives, which is part of a task.

    This is short for a reason. Where an error leaves a `with` block, CPython notes the place, as an integer. Beyond 256
    that takes memory, and where there is none at all, it tries again for ever.
    """
    with inside.running_task(report.tallied):
        return make()


def _end_gently() -> None:
    """Let the interpreter end as it does when a program is over, but for threads that functions have left behind."""
    _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [_signal.SIGALRM])
    _signal.setitimer(_signal.ITIMER_REAL, END_SECONDS)
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown = lambda: None  # which waits for them
    atexit: Any = sys.modules.get("atexit")  # without which there is no handler
    if atexit is not None:
        atexit._run_exitfuncs()  # they may write to files
    try:
        from bagkit.schedulers.open_files import hold_files

        hold_files()
    except MemoryError:
        os._exit(0)  # nothing ends gently without memory


def _leave_report(diary: int) -> None:
    """Write the exception that ends this process to where crashes are written."""
    import traceback

    try:
        os.write(diary, traceback.format_exc().encode())
    except (OSError, MemoryError):
        pass  # the user's function has closed it, or has taken all memory


def _watch_parent(life: int) -> None:
    """End this process, and those it started, when the parent ends."""

    def watch() -> None:
        os.read(life, 1)
        os.killpg(0, _signal.SIGKILL)

    if sys.platform == "linux":
        # The kernel itself kills: also a process that is in C code and does not let go of the GIL, or that is stopped.
        # PR_SET_PDEATHSIG would not do: it ends the worker with the thread that started it.
        fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(life, fcntl.F_SETSIG, _signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(life, select.POLLIN)
    if poll.poll(0):
        # It has ended before: no signal comes for that. And the thread may never have its turn, if a task is here.
        os.killpg(0, _signal.SIGKILL)
    _thread.start_new_thread(watch, ())


class Worker:
    """One connection to the parent and what came through it; mutable, the only one in its process."""

    def __init__(self, connection: int) -> None:
        self._connection = connection
        self._pid = os.getpid()
        self._frames = transport.IncomingMessages()
        self._writing = _thread.RLock()
        self._writer = 0
        """The thread that is in the middle of a message."""
        self._outgoing: deque[bytes] = deque()
        self._works: dict[int, Any] = {}
        self._directory: str | None = None
        self._cwd: str | None = None
        self._surroundings = b""
        self._thread = _thread.get_ident()
        self._is_idle = True
        self._answers: dict[tuple[int, str], bytes] = {}
        """What the caller has answered in this run; nothing where it knows nothing either."""
        self._in_main: dict[str, Any] = {}
        """What came of the caller's `__main__` in this run."""
        self._current = -1
        """The number of the last task."""
        self._modules = len(sys.modules)
        """How many modules there were at the start of the last task."""
        self.has_run = False
        """Whether it has had code of the user's."""

    def serve(self) -> None:
        """Handle messages until the parent closes the connection, or nothing comes for a minute."""
        while True:
            try:
                data = os.read(self._connection, READ_BYTES)
            except BlockingIOError:  # after IDLE_SECONDS, which the parent has set as the socket's timeout
                if _RESIDENTS in sys.modules and sys.modules[_RESIDENTS].is_needed():
                    continue
                return
            if not data:
                return
            for kind, body in self._frames.feed(data):
                self._handle(kind, body)

    def _handle(self, kind: int, body: bytes) -> None:
        if kind == transport.TASK:
            self._run(marshal.loads(body))
        elif kind == transport.WORK:
            number, path_or_pickle = marshal.loads(body)
            self._works[number] = _Unread(path_or_pickle)
        elif kind == transport.MODULES:
            __import__(_RECEIVED)
            sys.modules[_RECEIVED].expect(body)
        elif kind == transport.SURROUNDINGS:
            self._surroundings = body
            self._cwd = apply_surroundings(body)
        elif kind == transport.DIRECTORY:
            self._directory = body.decode("utf-8", "surrogateescape")
        elif kind == transport.FORGET:
            self._forget()
        elif kind == transport.LET_GO:
            self._let_go(marshal.loads(body))
        elif kind == transport.ANSWER:
            question, name, data = marshal.loads(body)
            self._answers[question, name] = data
        elif kind == transport.SINCE:
            __import__(_EARLIER)
            sys.modules[_EARLIER].begin(int(body), self._find_as_now)
        elif kind == transport.PRELOAD:
            self._preload(body.decode().split())

    def _forget(self) -> None:
        """Be as before the run that is over, whatever its functions have set."""
        self._works.clear()
        self._directory = None
        self._answers.clear()
        self._in_main.clear()
        if _GENERATORS in sys.modules:
            sys.modules[_GENERATORS].forget_generators()
        if _PATCHES in sys.modules:
            sys.modules[_PATCHES].take_patches_back()
        if _ELSEWHERE in sys.modules:  # of a client that is an executor
            sys.modules[_ELSEWHERE].end_turn()
        if _GIVEN in sys.modules:
            sys.modules[_GIVEN].take_modules_back()
        if _EARLIER in sys.modules:
            sys.modules[_EARLIER].end()
        speech.speak_again()
        forget_shown()
        if self._surroundings:
            apply_surroundings(self._surroundings)

    @staticmethod
    def _let_go(names: list[str]) -> None:
        if _RESIDENTS in sys.modules:
            for name in names:
                sys.modules[_RESIDENTS].forget(name)

    def tell(self, body: bytes) -> None:
        """Send what is to be said at the caller's."""
        self._send(transport.TOLD, body)

    def _send(self, kind: int, body: bytes = b"") -> None:
        """Send a message, after other threads' messages; wait while the caller does not read."""
        self._outgoing.append(transport.frame(kind, body))
        if self._writer == _thread.get_ident():
            return  # a finaliser that prints, in the middle of a message, which goes on with this one
        with self._writing:
            while self._outgoing:
                rest = memoryview(self._outgoing.popleft())
                self._writer = _thread.get_ident()
                try:
                    while rest:
                        rest = rest[os.write(self._connection, rest) :]
                finally:
                    self._writer = 0

    def _ask_directory(self) -> str:
        """Return the run's directory, which the parent makes when the first worker asks for it."""
        if self._directory is None:
            self._send(transport.NEED_DIRECTORY)
            while self._directory is None:
                self._wait()
        return self._directory

    def find_encoding(self, name: str) -> Any:
        """Return what the caller has registered with `codecs` for an encoding that is not known here, or None."""
        data = self._ask(transport.NEED_ENCODING, name)
        if not data:
            return None
        from bagkit.crossing.codec_names import codec_of

        return codec_of(data)

    def find_in_main(self, name: str) -> Any:
        """Return what stands under `name` in the caller's `__main__`: this process's own has this as `__getattr__`."""
        if name not in self._in_main:
            sought = not name.startswith("__") and not transport.is_pickling()
            data = self._ask(transport.NEED_NAME, name) if sought else b""
            if not data:
                raise AttributeError(f"module '__main__' has no attribute {name!r}", name=name)
            self._in_main[name] = transport.loads(data)
        return self._in_main[name]

    def _find_as_now(self, name: str) -> bytes:
        """Return the pickle of a class or function of earlier runs, if it is another now."""
        return self._ask(transport.NEED_AS_NOW, name)

    def _ask(self, question: int, name: str) -> bytes:
        """Return what the caller answers; nothing where it can't be asked, or knows nothing."""
        if (question, name) not in self._answers:
            if os.getpid() != self._pid or _thread.get_ident() != self._thread or not self.has_run or self._is_idle:
                return b""
            self._send(question, name.encode("utf-8", "surrogatepass"))
            while (question, name) not in self._answers:
                self._wait()
        return self._answers[question, name]

    def _wait(self) -> None:
        """Wait for the caller to answer, in the middle of a task."""
        try:
            data = os.read(self._connection, READ_BYTES)
        except BlockingIOError:
            return  # the caller is in a debugger, or stopped
        if not data:
            os._exit(0)
        for kind, body in self._frames.feed(data):
            self._handle(kind, body)

    def _preload(self, modules: list[str]) -> None:
        """Import what tasks will probably need, until something comes."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        for module in modules:
            if poll.poll(0):
                break
            try:
                __import__(module)
            except Exception:
                pass  # a task that needs it will say so
        gc.freeze()  # nothing of it ends before the process: neither tasks nor the end go through it

    def _run(self, task: transport.TaskMessage) -> None:
        """Run `task` and send what came of it: values or an error."""
        number, _, attempt, _, budget, _, _, names, _ = task
        self._current = number
        self.has_run, self._is_idle = True, False
        output = Output(budget, self._ask_directory, f"{number}-{attempt}", watched=bool(names))
        try:
            reply = self._values(task, output)
            kind = transport.DONE
        except BaseException as error:
            self._leave_fork()
            self._send(transport.FAILING)  # so that nothing more is started while the error is made ready
            kind, reply = transport.FAILED, self._error(debugging.explained(error))
        self._leave_fork()
        output.close()
        self._tidy()
        self._is_idle = True
        self._send(kind, reply)

    def _values(self, task: transport.TaskMessage, output: Output) -> bytes:
        start = time.time()
        number, work, attempt, *_ = task
        report = _report(attempt, self._progress(number))
        report.directory, report.dumps = self._ask_directory, dumps_records
        function = self._work(work)
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            inside.draw_own_numbers()
        if _GENERATORS in sys.modules:
            sys.modules[_GENERATORS].seed_generators(str(number))
        values, kept = _in_task(partial(self._stored, function, task, output, report), report)
        failures = _pickle_failures(report.failures) if report.failures else None
        said = (report.bytes_read, report.skipped, failures, report.outputs, report.plain_figures())
        return marshal.dumps((number, start, time.time(), *said, values, kept))

    def _stored(
        self, function: Callable[..., Any], task: transport.TaskMessage, output: Output, report: Report
    ) -> tuple[tuple[Stored, ...], tuple[int, ...]]:
        """Call the work of `task`; return its values as they are sent, and how many bytes of each are kept here."""
        _, _, _, keys, _, part, inputs, names, room = task
        value = function(transport.loads(part), [load(stored) for stored in inputs], report)
        if os.getpid() != self._pid:
            os._exit(0)
        made = (value,) if keys == 1 else self._several(value, keys)
        if names:
            return self._kept(made, output, names, room)
        return tuple([stored for stored, _ in output.store_all(made)]), ()

    @staticmethod
    def _kept(
        made: Any, output: Output, names: tuple[str, ...], room: int
    ) -> tuple[tuple[Stored, ...], tuple[int, ...]]:
        """Store values, and keep them too if they are plain data and there is room."""
        from bagkit.schedulers import residents

        values: list[Stored] = []
        kept: list[int] = []
        for (stored, plain), name in zip(output.store_all(made), names, strict=True):
            values.append(stored)
            kept.append(residents.keep(name, stored, room - sum(kept)) if plain and name else 0)
        return tuple(values), tuple(kept)

    @staticmethod
    def _several(value: Any, keys: int) -> Any:
        if len(value) != keys:
            from bagkit.errors import TaskError

            raise TaskError(f"the work gave {len(value)} values, expected {keys}: one a key")
        return value

    def _work(self, number: int) -> Callable[..., Any]:
        work = self._works[number]
        if type(work) is _Unread:
            modules = len(sys.modules)
            work = self._works[number] = work.read()
            if len(sys.modules) != modules:  # whose import may have set what the caller has set otherwise since
                apply_surroundings(self._surroundings)
        if _RECEIVED in sys.modules:
            sys.modules[_RECEIVED].tell_modules()
        result: Callable[..., Any] = work
        return result

    def _progress(self, number: int) -> Callable[[Report], None]:
        last = time.monotonic()

        def on_progress(report: Report) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= PROGRESS_SECONDS and self._current == number and os.getpid() == self._pid:
                last = now
                so_far = report.seconds(), report.records(), report.lost, report.first_failure()
                self._send(transport.PROGRESS, marshal.dumps((number, report.bytes_read, *so_far)))

        return on_progress

    def _error(self, error: BaseException) -> bytes:
        from bagkit.crossing.remote_errors import pack_error

        if type(error) is LookupError and str(error).startswith("unknown error handler name"):
            error.add_note("hint: codecs.register_error in a module that the function imports, or in the function")
        return pack_error(error)

    def _leave_fork(self) -> None:
        """End here if this is a process that the user's function forked and let return: its parent gives the result."""
        if os.getpid() != self._pid:
            os._exit(0)

    def _tidy(self) -> None:
        """Undo what a task should not leave to the next one."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass  # closed or replaced by the user's function
        if self._cwd is not None:
            try:
                if os.getcwd() != self._cwd:
                    os.chdir(self._cwd)
            except OSError:
                pass  # it was removed


class _Unread:
    """A work that no task needed so far; immutable."""

    __slots__ = ("_path_or_pickle",)

    def __init__(self, path_or_pickle: str | bytes) -> None:
        self._path_or_pickle = path_or_pickle

    def read(self) -> Any:
        if isinstance(self._path_or_pickle, bytes):
            return transport.loads(self._path_or_pickle)
        with open(self._path_or_pickle, "rb") as file:
            return transport.load_file(file)


def _report(attempt: int, on_progress: Callable[[Report], None]) -> Report:
    from bagkit.flow.report import Report

    return Report(attempt=attempt, on_progress=on_progress)


def _pickle_failures(failures: list[Any]) -> bytes:
    from bagkit.crossing.remote_errors import pack_failure

    return transport.to_bytes([pack_failure(failure) for failure in failures])
