"""What a program has set up for dask and bagkit follows too: the scheduler, workers, callbacks, a Client.

It counts where bagkit's own options say nothing, and only in a program that has imported dask itself. What can't be
followed is told of once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bagkit.diagnostics.events import Event, RunFinished, RunStarted, TaskFinished, TaskStarted
from bagkit.flow.inside import inside_task
from bagkit.option_values import SCHEDULER_ALIASES, SCHEDULERS, is_distributed, of_dask, session_client
from bagkit.options import Options
from bagkit.warn import warn_about

_OF_VALUES = frozenset({"Cache", "CacheProfiler"})
"""Callbacks of dask that need the values of tasks. Here the values stay with the workers."""


def with_session(options: Options, runs: bool = True) -> Options:
    """Return `options`, filled up from `dask.config`; what can't be followed is told of if a run `runs` by them."""
    config: Any = sys.modules.get("dask.config")
    if config is None or inside_task():
        return options
    found: dict[str, Any] = {}
    if options.scheduler is None:
        scheduler = _scheduler(config, _tell if runs else _keep_quiet)
        if scheduler is not None:
            found["scheduler"] = scheduler
    workers, directory = config.get("num_workers", None), config.get("temporary-directory", None)
    if options.workers is None and type(workers) is int and workers > 0:
        found["workers"] = workers
    if options.temporary_directory is None and isinstance(directory, str) and os.path.isdir(directory):
        found["temporary_directory"] = os.path.abspath(directory)
    return replace(options, **found) if found else options


def _scheduler(config: Any, tell: Callable[[str, str], None]) -> Any:
    """Return the scheduler that dask is told to use, by bagkit's name; None if bagkit does not have it."""
    said = config.get("scheduler", None)
    meant = session_client() if said is None else of_dask(said)
    if callable(getattr(meant, "get_executor", None)):
        return _client(meant, tell)
    pool = config.get("pool", None)
    if pool is not None and not (isinstance(said, str) and SCHEDULER_ALIASES.get(said.lower(), said) == "sync"):
        if callable(getattr(pool, "submit", None)):
            return pool
        tell("pool", f"dask.config has a pool of type {type(pool).__name__}, which is not used; expected an executor")
    if said is None:
        _tell_of_lost_clients(tell)
        return None
    name = meant.lower() if isinstance(meant, str) else ""
    name = SCHEDULER_ALIASES.get(name, name)
    if name in SCHEDULERS:
        return name
    if callable(getattr(said, "submit", None)):
        return said
    if is_distributed(said):
        # `client.as_current()` counts in its thread alone, and the configuration in all.
        tell("no client", "dask is to use a Client, and this thread has none: not used; hint: scheduler=client")
        return None
    tell("scheduler", f"dask.config says scheduler={said!r}, which is not used; hint: scheduler='threads'")
    return None


def _client(client: Any, tell: Callable[[str, str], None]) -> Any:
    """Return a client of dask.distributed that a run is to go to; None, and tell of it, where nothing can wait for it.

    dask would give a coroutine.
    """
    from bagkit.schedulers.cluster import can_wait, has_lost_its_loop

    if has_lost_its_loop(client):
        tell("lost", "the event loop of the Client of dask.distributed is closed, so it is not used")
        return None
    if can_wait(client):
        return client
    tell("asynchronous", "the Client of dask.distributed is asynchronous, and this thread runs its event loop, so it "
         "is not used; hint: await asyncio.to_thread(bag.compute), or await client.compute(bag)")  # fmt: skip
    return None


def _tell_of_lost_clients(tell: Callable[[str, str], None]) -> None:
    """Tell of clients that were to be used, and have no scheduler: dask closes them by itself, and forgets them.

    One that the program has closed, or whose cluster it has closed, has its last connection, which is closed too.
    """
    kind: Any = getattr(sys.modules.get("distributed.client"), "Client", None)
    for client in tuple(getattr(kind, "_instances", ())):
        if client.status == "closed" and client._set_as_default and client.scheduler_comm is None:
            tell(f"lost {client.id}", "the Client of dask.distributed has lost its scheduler, so it is not used; hint: "
                 "make another Client when there is a scheduler")  # fmt: skip


def _tell(about: str, message: str) -> None:
    warn_about(("dask", about), message, UserWarning)


def _keep_quiet(about: str, message: str) -> None:
    pass


# -- callbacks ---------------------------------------------------------------------------------------------------------


class DaskCallbacks:
    """Tells dask's callbacks of a run, as dask's schedulers would; mutable, of that run.

    The tasks are bagkit's own. There are no results: they are not in the process that tells.
    """

    def __init__(self, callbacks: list[tuple[Any, ...]]) -> None:
        self._callbacks = callbacks
        self._graph: dict[Any, Any] = {}
        self._left = 0
        self._state: dict[str, Any] = {
            "ready": [], "waiting": {}, "running": set(), "finished": set(), "released": set(), "cache": {},
        }  # fmt: skip

    def emit(self, event: Event) -> None:
        """Call the callbacks that are for `event`."""
        state = self._state
        if isinstance(event, RunStarted):
            state["ready"] = [None] * event.tasks
            self._call(0, self._graph)
            self._call(1, self._graph, state)
        elif isinstance(event, TaskStarted):
            if state["ready"] and event.key not in self._graph:
                state["ready"].pop()
            self._graph[event.key] = event.label
            state["running"].add(event.key)
            self._call(2, event.key, self._graph, state)
        elif isinstance(event, TaskFinished):
            state["running"].discard(event.key)
            state["finished"].add(event.key)
            self._call(3, event.key, None, self._graph, state, event.worker)
        elif isinstance(event, RunFinished):
            self._call(4, self._graph, state, not event.ok)

    def _call(self, which: int, *arguments: Any) -> None:
        for functions in self._callbacks:
            if functions[which] is not None:
                functions[which](*arguments)


def dask_callbacks() -> list[DaskCallbacks]:
    """Return the observers that tell dask's callbacks, if any are registered here."""
    module = sys.modules.get("dask.callbacks")
    if module is None or inside_task():
        return []
    heard = []
    for functions in tuple(module.Callback.active):
        owner = next((owner for each in functions if (owner := getattr(each, "__self__", None)) is not None), None)
        kind = type(owner)
        if kind.__name__ in _OF_VALUES and kind.__module__.startswith("dask."):
            _tell(
                kind.__name__,
                f"dask's {kind.__name__} is about the values of tasks, and bagkit does not tell it of its own",
            )
            continue
        if functions[3] is not None and not kind.__module__.startswith("dask."):
            _tell(
                "results", "callbacks of dask get None for the results of bagkit's tasks: these are in other processes"
            )
        heard.append(functions)
    return [DaskCallbacks(heard)] if heard else []


def draws_progress(callbacks: list[DaskCallbacks]) -> bool:
    """Return whether a progress bar of dask's is among those who are told, so that another one would be too many."""
    owners = [
        getattr(each, "__self__", None) for one in callbacks for functions in one._callbacks for each in functions
    ]
    return any(hasattr(owner, "last_duration") for owner in owners)
