"""Log records on their way from a worker to the caller, whose loggers and handlers deal with them.

A worker has the levels of the caller's loggers, so that it makes no record that nobody wants, and none of its
handlers: a record goes to the caller, where `Logger.handle` passes it through the filters, handlers and formats there.
Handlers that only the worker has, since a function there has added them, work there.
"""

from __future__ import annotations

import _pickle
import logging
import marshal
import os
from typing import Any

from bagkit.crossing import speech
from bagkit.tracebacks import stack_of_worker

Loggers = tuple[int, dict[str, tuple[int, bool, bool, int]]]
"""What is disabled; and for each logger that is not as it was made its level, whether it propagates, whether it is
disabled, and the lowest level that a handler of it takes (NO_HANDLER where it has none)."""

NO_HANDLER = 1 << 30
_PLAIN = (str, int, float, bool, type(None))
_AS_MADE = (logging.NOTSET, True, False, NO_HANDLER)
_ROOT_AS_MADE = (logging.WARNING, True, False, NO_HANDLER)

_given: Loggers | None = None
"""The settings that this process, a worker, was told last."""


def take_loggers() -> Loggers | None:
    """Return how the loggers of this process are set; None if all are as they were made.

    In a worker: those that it was told of, for others may have been set by modules that only the worker has imported.
    """
    root = logging.root
    found = {}
    if (state := _state(root)) != _ROOT_AS_MADE:
        found["root"] = state
    for name, logger in tuple(root.manager.loggerDict.items()):
        known = _given is None or name in _given[1]
        if known and isinstance(logger, logging.Logger) and (state := _state(logger)) != _AS_MADE:
            found[name] = state
    disabled = int(root.manager.disable)
    return (disabled, found) if found or disabled else None


def _state(logger: logging.Logger) -> tuple[int, bool, bool, int]:
    least = NO_HANDLER
    if _given is not None:  # a worker's own handlers are not the caller's
        least = _given[1].get(logger.name, _AS_MADE)[3]
    elif logger.handlers:
        least = min([int(handler.level) for handler in logger.handlers])
    return int(logger.level), bool(logger.propagate), bool(logger.disabled), least


def give_loggers(wanted: Loggers | None) -> None:
    """Set the loggers of this process, a worker, as the caller's are, and have records go there."""
    global _given
    if _given is None:
        logging.Logger.callHandlers = _call_handlers  # type: ignore[assignment,method-assign]
    disabled, loggers = wanted or (0, {})
    for name in {"root", *(_given[1] if _given else ())} - loggers.keys():
        _set(name, _ROOT_AS_MADE if name == "root" else _AS_MADE)
    for name, state in loggers.items():
        _set(name, state)
    logging.disable(disabled)
    _given = (disabled, loggers)


def _set(name: str, state: tuple[int, bool, bool, int]) -> None:
    logger = logging.getLogger(name)
    level, logger.propagate, logger.disabled, _ = state
    logger.setLevel(level)


_call_own_handlers = logging.Logger.callHandlers


def _call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Do what `Logger.callHandlers` does, with the handlers of the caller and those that only this worker has."""
    if not speech.can_tell():  # in a process that a function has forked
        _call_own_handlers(logger, record)
        return
    loggers = _given[1] if _given else {}
    handled = wanted = False
    at: logging.Logger | None = logger
    while at is not None:
        least = loggers.get(at.name, _AS_MADE)[3]
        if least != NO_HANDLER:
            handled = True
            wanted = wanted or record.levelno >= least
        else:
            for handler in at.handlers:
                handled = True
                if record.levelno >= handler.level:
                    handler.handle(record)
        at = at.parent if at.propagate else None
    if wanted or not handled:  # the caller has a last resort
        try:
            speech.tell("record", _packed(record))
        except Exception:  # as handlers of logging do: no record may break a task
            logging.Handler().handleError(record)


def _packed(record: logging.LogRecord) -> bytes:
    """Return the record as bytes: message and arguments as they are where they are plain, else the text they make."""
    values = dict(vars(record))
    if not (type(record.msg) is str and (not record.args or _is_plain(record.args))):
        values["msg"], values["args"] = record.getMessage(), None
    if record.exc_info:
        values["exc_text"] = record.exc_text or logging.Formatter().formatException(record.exc_info)
        values["exc_info"] = None
    if isinstance(record.stack_info, str):
        values["stack_info"] = stack_of_worker(record.stack_info)
    values["process"] = os.getpid()
    plain, others = {}, {}
    for name, value in values.items():
        if type(value) in _PLAIN or name == "args":
            plain[name] = value
        else:
            others[name] = _pickled(value)
    return marshal.dumps((plain, others))


def _is_plain(arguments: Any) -> bool:
    return type(arguments) is tuple and all(type(each) in _PLAIN for each in arguments)


def _pickled(value: Any) -> bytes | str:
    """Return the pickle of a value that `extra=` gave to a record, or its text where it has none."""
    try:
        data = _pickle.dumps(value)
        _pickle.loads(data)
    except Exception:  # an argument of the user's: its text will do
        return repr(value)
    return data


def handle_record(data: bytes, worker: int) -> None:
    """Have the loggers of this process handle a record that a worker packed."""
    plain, others = marshal.loads(data)
    for name, value in others.items():
        try:
            plain[name] = value if isinstance(value, str) else _pickle.loads(value)
        except Exception:  # its class is not here
            plain[name] = "<a value that can't be brought here from a worker>"
    record = logging.makeLogRecord({})  # by the caller's factory
    since_start = plain["created"] - record.created
    plain["relativeCreated"] = record.relativeCreated + since_start * 1000
    plain["processName"] = f"worker-{worker}"
    if plain["levelname"] == f"Level {plain['levelno']}":
        plain["levelname"] = logging.getLevelName(plain["levelno"])
    vars(record).update(plain)
    logging.getLogger(record.name).handle(record)
