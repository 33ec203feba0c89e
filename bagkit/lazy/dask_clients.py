"""What graphs for dask may know of who will run them: the clients of dask.distributed that this program has.

dask asks for a graph and does not say for whom. If workers and this program share a machine, whichever client it is,
tasks leave what others need in files of a directory. That goes when no client's scheduler has tasks of the graph any
more, which is looked at when the next graph needs one, or with the program.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import weakref
from contextlib import suppress
from functools import cached_property
from typing import Any

from bagkit.options import Options
from bagkit.schedulers.cluster import has_lost_its_loop
from bagkit.schedulers.executor_facts import known_workers, memory_of_dask, on_this_machine
from bagkit.schedulers.executors import shared_files
from bagkit.schedulers.registry import memory_of_task
from bagkit.schedulers.run_directory import FilesOfRun, RunDirectory


def names_of_clients() -> tuple[str, ...]:
    """Return what dask calls the clients that may run a graph."""
    return tuple(sorted(client.id for client in _clients()))


class Runners:
    """What holds for the workers of all clients that the program has; asks their schedulers when that is wanted."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @cached_property
    def _known(self) -> list[dict[str, Any]]:
        return [known_workers(client) for client in _clients()]

    @property
    def are_here(self) -> bool:
        """Whether there are some, and all see the files of this machine."""
        return bool(self._known) and all(map(on_this_machine, self._known))

    def memory(self) -> int:
        """Return how many bytes a task may hold."""
        rooms = [room for known in self._known if (room := memory_of_dask(known)) is not None]
        return min([memory_of_task(self._options), *rooms])


def _clients() -> list[Any]:
    kind: Any = getattr(sys.modules.get("distributed.client"), "Client", None)
    clients = tuple(getattr(kind, "_instances", ()))
    return [client for client in clients if client.status == "running" and not has_lost_its_loop(client)]


# Directories of graphs ------------------------------------------------------------------------------------------------

YOUNG_SECONDS = 2.0
"""How long a directory stays at the least when its graph has gone: the graph may be on its way to a scheduler."""

ASKED_SECONDS = 10.0
"""How long a scheduler has to say which keys it knows."""

_lock = threading.RLock()  # the collector may call what holds it in a thread that has it
_over: dict[str, GoneGraph] = {}
"""What graphs that this program does not have any more have left, by what the names of their keys end with."""
_watched = False
"""Whether a thread looks after them."""


class GoneGraph:
    """The directory of a graph that has gone; mutable."""

    def __init__(self, files: FilesOfRun) -> None:
        self.files = files
        self.since = time.monotonic()
        self.was_there = False
        """Whether a scheduler was seen to have its keys."""


def directory_of_graph(options: Options, runners: Runners) -> FilesOfRun | None:
    """Return a directory for what tasks leave; None where there is none that all of them see."""
    if options.shared_directory is not None:
        return shared_files(options.shared_directory, options.read_retries)
    return RunDirectory(options.temporary_directory) if runners.are_here else None


def remove_after(graph: object, files: FilesOfRun, token: str) -> None:
    """Have `files` go some time after `graph`, whose keys have `token`, when no scheduler has any of them."""
    weakref.finalize(graph, _graph_is_gone, files, token).atexit = False


def _graph_is_gone(files: FilesOfRun, token: str) -> None:
    global _watched
    with _lock:
        _over[token] = GoneGraph(files)
        if not _watched:
            threading.Thread(target=_watch, name="bagkit-graph-files", daemon=True).start()
            _watched = True  # not where the system allows no more threads: the next graph that goes tries again


def _watch() -> None:
    global _watched
    pause = 0.5
    while True:
        time.sleep(pause)
        pause = min(pause * 1.2, 30.0)
        with suppress(Exception):  # a scheduler that can't be asked may have any
            _remove_unused()
        with _lock:
            if not _over:
                _watched = False
                return


def _remove_unused() -> None:
    """Remove the directories of graphs that nobody runs any more, as far as schedulers say."""
    clients, waiting = _clients(), dict(_over)
    used = set[str]().union(*[_used(client, set(waiting)) for client in clients])
    wanted = any(client.futures for client in clients)
    for token, left in waiting.items():
        left.was_there = left.was_there or token in used
        # One that nobody has seen is over, or comes too late: then a client has a future of it.
        if token in used or time.monotonic() - left.since < YOUNG_SECONDS or (wanted and not left.was_there):
            continue
        left.files.end()
        with _lock:
            del _over[token]


def _used(client: Any, tokens: set[str]) -> set[str]:
    """Return the ones among `tokens` that keys have which the scheduler of `client` knows."""

    def begun(dask_scheduler: Any) -> set[str]:  # a function in a function crosses by value: there may be no bagkit
        heads = {key[0] for key in dask_scheduler.tasks if isinstance(key, tuple)}
        return tokens & {str(head).rpartition("-")[2] for head in heads}

    async def ask() -> set[str]:
        found: set[str] = await client.run_on_scheduler(begun)
        return found

    # In the client's own loop, be that dask's thread or a program's that awaits things. The latter may stop any time.
    asked = asyncio.run_coroutine_threadsafe(ask(), client.loop.asyncio_loop)
    try:
        return asked.result(ASKED_SECONDS)
    except BaseException:
        asked.cancel()
        raise
