"""Runs of bags, items and delayed values that threads of a client make."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from bagkit.client.futures import Future
from bagkit.diagnostics.observer import listen, stop_listening
from bagkit.diagnostics.standing import Counts
from bagkit.options import ComputeOptions
from bagkit.plan.node import Plan


def compute_for(future: Future[Any], plan: Plan, options: ComputeOptions, turn: AbstractContextManager[Any]) -> None:
    """Compute `plan` when it has its `turn`, and give `future` its value or its error."""
    from bagkit.computing import run

    with turn:
        if not future.set_running_or_notify_cancel():
            return
        counts = future.counts or Counts()
        listen(counts)
        try:
            (value,) = run((plan,), options)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(value)
        finally:
            stop_listening(counts)
