"""Runs of bags, items and delayed values for a client, in the background."""

from __future__ import annotations

from typing import Any

from bagkit.client.futures import Future
from bagkit.diagnostics.observer import listen, stop_listening
from bagkit.diagnostics.standing import Counts
from bagkit.options import ComputeOptions
from bagkit.plan.node import Plan


def compute_for(future: Future[Any], plan: Plan, options: ComputeOptions) -> None:
    """Compute `plan`, and give `future` its value or its error."""
    from bagkit.computing import run

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
