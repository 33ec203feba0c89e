"""Finds the part of a function or value that can't be pickled. Imported when something could not be."""

from __future__ import annotations

import functools
import itertools
import os
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bagkit.crossing.outgoing import Outgoing
from bagkit.errors import NotPicklableError, ask, printable
from bagkit.user_code.code_parts import content_of, names_of
from bagkit.user_code.module_loads import is_edited
from bagkit.user_code.modules import is_users, version

DEPTH = 30
_NOTHING = object()
Where = tuple[str, str]
"""Words, and the path from there: subscripts and attributes."""
ELEMENTS = 100_000
"""How many elements of a container are looked at."""


def not_picklable(value: Any, root: str, error: BaseException, so: str, task: str = "") -> NotPicklableError:
    """Return the error for `value`, in words `root`, whose pickling raised `error`; `so` says what can't be done now.

    `task` are words for the task that it belongs to.
    """
    way = _way(value, root, error)
    found = f"{_said(way, value, error)}, so {so}{_of_edited(way)}{_of_hidden_modules()}"
    made = NotPicklableError(f"{task}: {found}" if task else found)
    if is_too_deep(error):
        made.add_note(f"it is in {_outside(way)}")
    return made


def _outside(way: Sequence[tuple[Where, Any]]) -> str:
    """Return the outer levels of the record that is nested deeply, on one line: it is known by these."""
    from reprlib import Repr

    _, value = next((each for each in way if not isinstance(each[1], list)), way[-1])

    shown = Repr()
    shown.maxlevel, shown.maxdict, shown.maxlist, shown.maxstring = 3, 8, 4, 60
    try:
        return printable(shown.repr(value))
    except Exception:  # of an object's own repr
        return _kind(value)


def _of_edited(way: Iterable[tuple[Where, Any]]) -> str:
    """Return a hint where what can't be pickled is in a module that would travel by reference if it were reloaded."""
    for _, each in way:
        name = each.__name__ if isinstance(each, types.ModuleType) else ask(each, "__module__")
        module = sys.modules.get(name) if isinstance(name, str) else None
        if module is not None and is_users(name) and (now := version(module)) and is_edited(module, now):
            return f"; or importlib.reload({name}), which was edited: then workers import it"
    return ""


def _of_hidden_modules() -> str:
    """Return a hint where a file of the user's hides a module of Python's by its name: what pickles may need that."""
    pythons = os.path.dirname(os.__file__) + os.sep
    words = [
        f"{name} is {printable(file)}"
        for name, module in list(sys.modules.items())
        if name in sys.stdlib_module_names and isinstance(file := ask(module, "__file__", None), str)
        if not file.startswith(pythons) and "-packages" not in file  # setuptools has a distutils of its own
    ]
    return f"; or give another name to what hides Python's own module: {', '.join(words)}" if words else ""


def _way(value: Any, root: str, error: BaseException) -> list[tuple[Where, Any]]:
    """Return the way from `value` to what can't be pickled, with where each is."""
    where = root, ""
    return _deep_part(value, where) if is_too_deep(error) else list(_descend(value, where))


def _said(way: Sequence[tuple[Where, Any]], value: Any, error: BaseException) -> str:
    """Return `closure variable `conn` of `clean` (jobs.py:12) is a sqlite3.Connection, which can't be pickled`."""
    where, culprit = way[-1]
    if is_too_deep(error):
        return f"{_words(where)} is nested too deeply to be pickled"
    of_itself = culprit is value or isinstance(culprit, types.FunctionType)  # nothing that it holds is to blame
    reason = f" ({type(error).__name__}: {error})"[:300] if of_itself else ""
    return f"{_words(where)} is {_kind(culprit)}, which can't be pickled{reason}"


def _words(where: Where) -> str:
    """Return ``items['a'][1]` of the object of the method `Holder.method``."""
    words, path = where
    return f"`{path.lstrip('.')}` of {words}" if path else words


def is_too_deep(error: BaseException | None) -> bool:
    """Whether `error` is a RecursionError, or what cloudpickle makes of one."""
    return error is not None and (isinstance(error, RecursionError) or is_too_deep(error.__cause__))


def _deep_part(value: Any, where: Where) -> list[tuple[Where, Any]]:
    """Return what holds the part that is nested too deeply, and the part, as far as it is one of several."""
    way = list(_descend(value, where))
    several = [number for number, (at, each) in enumerate(way[:-1]) if len(list(_children(each, at))) > 1]
    return way[several[-1] : several[-1] + 2] if several else way[:1]


def _descend(value: Any, where: Where) -> Iterator[tuple[Where, Any]]:
    """Follow the first child that does not pickle, as far as there is one; yield all on the way, and where they are."""
    seen = {id(value)}
    yield where, value
    for _ in range(DEPTH):
        for child_where, child in _children(value, where):
            if id(child) not in seen and not _pickles(child):
                seen.add(id(child))
                value, where = child, child_where
                yield where, value
                break
        else:
            return


def _pickles(value: Any) -> bool:
    if type(value) in (int, float, str, bytes, bool, type(None)):
        return True
    try:
        Outgoing().work(value)
    except Exception:
        return False
    return True


def _children(value: Any, where: Where) -> Iterator[tuple[Where, Any]]:
    """The parts of `value` that its pickle holds, each with where it is."""
    words, path = where
    if isinstance(value, types.FunctionType):
        yield from (((part_words, ""), part) for part_words, part in _function_parts(value))
    elif isinstance(value, types.MethodType):
        yield (f"the object of the method `{value.__func__.__qualname__}`", ""), value.__self__
        yield where, value.__func__
    elif isinstance(value, functools.partial):
        yield (words, f"{path}.func"), value.func
        name = f"of a partial of `{_function_name(value.func)}`"
        yield from (((f"argument {index} {name}", ""), each) for index, each in enumerate(value.args, 1))
        yield from (((f"argument `{keyword}` {name}", ""), each) for keyword, each in value.keywords.items())
    elif isinstance(value, Mapping):
        for key, element in itertools.islice(value.items(), ELEMENTS):
            yield (f"a key of {_words(where)}", ""), key
            yield (words, f"{path}[{_short(key)}]"), element
    elif isinstance(value, (list, tuple)):
        yield from (((words, f"{path}[{index}]"), each) for index, each in enumerate(value[:ELEMENTS]))
    elif isinstance(value, (set, frozenset)):
        yield from (((f"an element of {_words(where)}", ""), each) for each in itertools.islice(value, ELEMENTS))
    else:
        yield from (((words, f"{path}.{name}"), each) for name, each in _attributes(value))


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    name = f"`{function.__qualname__}` ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"
    for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield f"closure variable `{variable}` of {name}", content_of(cell)
    for variable in names_of(code):
        if variable in function.__globals__:
            yield f"global `{variable}`, used by {name},", function.__globals__[variable]
    for default in function.__defaults__ or ():
        yield f"a default argument of {name}", default
    for variable, default in (function.__kwdefaults__ or {}).items():
        yield f"the default of `{variable}` of {name}", default
    for attribute, value in vars(function).items():
        yield f"attribute `{attribute}` of {name}", value


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    yield from ask(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if (held := ask(value, name, _NOTHING)) is not _NOTHING:
                yield name, held


def _kind(value: Any) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _function_name(value: Any) -> str:
    name: str = ask(value, "__qualname__", type(value).__qualname__)
    return name


def _short(key: Any) -> str:
    try:
        text = repr(key)
    except Exception:
        text = f"<{type(key).__name__}>"
    return text if len(text) <= 40 else text[:39] + "…"
