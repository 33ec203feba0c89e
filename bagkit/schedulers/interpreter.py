"""Which program a worker process runs: the Python interpreter, which is not always what `sys.executable` names.

In a frozen program that is the program itself, and in one that has Python built in it may be that, or nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys

from bagkit.errors import TaskError
from bagkit.schedulers.worker import is_open

_BOOT = (
    "import sys; sys.path[:] = sys.argv[4].split('\\n');"
    "from bagkit.schedulers.worker import main; main(*map(int, sys.argv[1:4]))"
)
_HINT = (
    "hint: scheduler='threads', or name a Python of this version that has the same packages: "
    "multiprocessing.set_executable('/path/to/python')"
)


def find_interpreter() -> str:
    """Return the path of the program; raise TaskError where there is none that can be taken."""
    if _BOOT in sys.argv or _BOOT in getattr(sys, "orig_argv", ()):
        # Only a program that takes no notice of `-c` gets here: a worker starts no workers.
        raise _no_interpreter(f"{sys.executable!r}, which was started as a worker, runs this program instead")
    spawn = sys.modules.get("multiprocessing.spawn")  # where users name one, for multiprocessing too
    named = os.fsdecode((spawn.get_executable() if spawn is not None else None) or b"")
    if named and named != sys.executable:
        return named
    if getattr(sys, "frozen", False):
        raise _no_interpreter(f"this program is frozen: {sys.executable!r} is the program, not a Python interpreter")
    if os.access(sys.executable or "", os.X_OK) and (_is_named_python(sys.executable) or _was_started_as_python()):
        return sys.executable
    for candidate in _candidates():
        if os.access(candidate, os.X_OK):
            return candidate
    raise _no_interpreter(f"sys.executable is {sys.executable!r}, which is no Python interpreter")


def _no_interpreter(why: str) -> TaskError:
    return TaskError(f"workers: a worker process can't be started: {why}; {_HINT}")


def _is_named_python(path: str) -> bool:
    names = os.path.basename(path), os.path.basename(os.path.realpath(path))
    return any(word in name.lower() for name in names for word in ("python", "pypy", "graalpy"))


def _was_started_as_python() -> bool:
    """Whether this program's own arguments are what Python has read: one that has it built in gives it none."""
    arguments = getattr(sys, "orig_argv", [])
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return bool(arguments) and file.read() == b"".join(os.fsencode(each) + b"\0" for each in arguments)
    except OSError:
        return False


def _candidates() -> list[str]:
    """Where the interpreter of this installation is, with the packages of a virtual environment first."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base: str | None = getattr(sys, "_base_executable", None)
    found = [os.path.join(prefix, "bin", name) for prefix in (sys.exec_prefix, sys.base_exec_prefix)]
    return [*found, base] if base and _is_named_python(base) else found


def start_interpreter(connection: int, life: int, diary: int) -> subprocess.Popen[bytes]:
    """Start the process of a worker with these descriptors, which are none of 0, 1 and 2."""
    # -X dev, -W, -O and so on, found as multiprocessing finds them
    flags: list[str] = getattr(subprocess, "_args_from_interpreter_flags", list)()
    path = "\n".join(entry for entry in sys.path if isinstance(entry, str))
    numbers = [str(each) for each in (connection, life, diary)]
    return subprocess.Popen(
        [find_interpreter(), *flags, "-P", "-c", _BOOT, *numbers, path],
        stdin=subprocess.DEVNULL,
        stdout=None if is_open(1) else subprocess.DEVNULL,
        stderr=None if is_open(2) else subprocess.DEVNULL,
        pass_fds=(connection, life, diary),
        start_new_session=True,
    )
