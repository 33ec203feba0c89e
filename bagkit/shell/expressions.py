"""Steps as text: `filter(r["age"] > 30)`, `pluck(name)`, `freq`, made calls of a bag's methods.

An argument that uses `r` is a function of a record. A bare word is a field where a method takes one, and a function
where it does not: `pluck(id)` is a field, `map(str.upper)` a function. `address.city` is a field inside of another.
"""

from __future__ import annotations

import ast
import builtins
import importlib.machinery
import importlib.util
import inspect
import linecache
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from bagkit.errors import OptionError, PlanError, one_line, text_of
from bagkit.front_doors import call_text
from bagkit.option_values import did_you_mean

ALIASES: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "freq": ("frequencies", {"sort": True}),
    "head": ("take", {"k": 10}),
    "take": ("take", {"k": 10}),
    "uniq": ("distinct", {}),
    "unique": ("distinct", {}),
    "sort": ("sort_by", {}),
    "top": ("topk", {"k": 10}),
    "topk": ("topk", {"k": 10}),
}
"""Short words, and what a shell's users call things."""

_FUNCTIONS: Final = frozenset(
    ["func", "predicate", "binop", "combine", "perpartition", "aggregate", "seq", "comb", "model", "command"],
)
"""Parameters of methods that are a function, or a type; what others take by a word is a field."""
_LAZILY: Final = {"take": {"compute": False}}
_AT_ONCE: Final = {"take": {"compute": True, "warn": False}}
_REFUSED: Final = {"compute", "persist", "profile", "visualize", "explain", "to_delayed", "split_errors", "unpersist"}


class WrongStep(PlanError):
    """A step on a command line can't be understood."""


def is_step(word: str) -> bool:
    """Return whether a bare word is a step."""
    import bagkit

    name = ALIASES.get(word, (word, {}))[0]
    named = not name.startswith(("_", "to_")) and name not in _REFUSED
    return named and any(callable(getattr(kind, name, None)) for kind in (bagkit.Bag, bagkit.Item))


def with_step(value: Any, text: str, *, at_once: bool = False) -> Any:
    """Return `value`, a bag or an Item, with the step that `text` says; `at_once` has a `take` computed."""
    import bagkit

    word, args, keywords = _read(text)
    name, defaults = ALIASES.get(word, (word, {}))
    method = getattr(type(value), name, None)
    if name.startswith(("_", "to_")) or name in _REFUSED or not callable(method):
        known = [each for each in dir(type(value)) if is_step(each) and callable(getattr(type(value), each))]
        kind = type(value).__name__.lower()
        near = did_you_mean(name, [*known, *ALIASES])
        raise WrongStep(f"step {one_line(text, 80)}: there is no {one_line(name, 40)} of a {kind}{near}")
    plain = not args and not keywords
    places = [*inspect.signature(method).parameters][1:] + [""] * len(args)
    given = [_argument(place, text, arg) for place, arg in zip(places, args, strict=False)]
    named = {str(each.arg): _argument(str(each.arg), text, each.value) for each in keywords}
    if name == "pluck" and given and callable(given[0]) and named.keys() <= {"default"}:  # a field inside of another
        default = [*given[1:], *named.values()]
        if len(default) < 2:
            return value.map(partial(_field_inside, given[0], *default) if default else given[0])
    given_by_name = {**(defaults if plain else {}), **_LAZILY.get(name, {}), **named}
    try:
        inspect.signature(method).bind(value, *given, **given_by_name)
    except TypeError as error:
        parameters = call_text(method).partition("(")[2]
        raise WrongStep(f"step {one_line(text, 80)}: {error}; expected {word}({parameters}") from None
    try:
        made = method(value, *given, **given_by_name)
    except (PlanError, OptionError) as error:
        raise WrongStep(f"step {one_line(text, 80)}: {error}") from None
    if not isinstance(made, (bagkit.Bag, bagkit.Item)):
        raise WrongStep(f"step {one_line(text, 80)}: it gives {one_line(made, 60)}; expected a step that gives records")
    return method(value, *given, **{**given_by_name, **_AT_ONCE[name]}) if at_once else made


def _field_inside(field: Callable[[Any], Any], default: Any, record: Any) -> Any:
    """Return a field inside of another, or `default` where one of them is missing, or the outer one is null."""
    try:
        return field(record)
    except (KeyError, IndexError, TypeError):
        return default


def _read(text: str) -> tuple[str, list[ast.expr], list[ast.keyword]]:
    try:
        found = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise WrongStep(
            f"step {one_line(text, 80)}: not understood: {_reason(error)}; expected name or name(...)"
        ) from None
    if isinstance(found, ast.Name):
        return found.id, [], []
    if isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and not _has_stars(found):
        return found.func.id, found.args, found.keywords
    raise WrongStep(f"step {one_line(text, 80)}: not understood; expected name or name(...), such as 'pluck(name)'")


def _has_stars(call: ast.Call) -> bool:
    return any(isinstance(each, ast.Starred) for each in call.args) or any(not each.arg for each in call.keywords)


def _reason(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _argument(place: str, text: str, node: ast.expr) -> Any:
    """Return what stands for an argument of a method, whose parameter is called `place`."""
    words = _dotted(node)
    takes_field = place not in _FUNCTIONS
    if words and words[0] != "r" and takes_field:
        return words[0] if len(words) == 1 else function_of(as_field(words), text)
    if takes_field and isinstance(node, (ast.List, ast.Tuple)) and all(len(_dotted(each)) == 1 for each in node.elts):
        return [_dotted(each)[0] for each in node.elts]
    if isinstance(node, ast.Lambda):
        return _evaluated(ast.unparse(node), text)
    if any(isinstance(each, ast.Name) and each.id == "r" for each in ast.walk(node)):
        return function_of(ast.unparse(node), text)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return _evaluated(ast.unparse(node), text)


def _dotted(node: ast.expr) -> list[str]:
    """Return the words of `address.city`, none for anything else."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return [*reversed([*words, node.id])] if isinstance(node, ast.Name) else []


def as_field(words: list[str]) -> str:
    """Return the expression of a field inside of others.

    >>> as_field(["home", "city"])
    "r['home']['city']"
    """
    return "r" + "".join([f"[{word!r}]" for word in words])


def function_of(expression: str, text: str) -> Any:
    """Return the function of a record `r` that gives what `expression` says."""
    function = _evaluated(f"lambda r: {expression}", text)
    function.__name__ = function.__qualname__ = expression
    function.__module__ = "__main__"
    return function


def _evaluated(source: str, text: str) -> Any:
    """Return the value of `source`. Names that are no builtins are modules, imported now."""
    code = compile(source, f"<{text}>", "eval")
    linecache.cache[f"<{text}>"] = (len(source), None, [source], f"<{text}>")
    names: dict[str, Any] = {"__name__": "__main__"}
    tree = ast.parse(source, mode="eval")
    own = {each.arg for each in ast.walk(tree) if isinstance(each, ast.arg)}
    own |= {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    for each in ast.walk(tree):
        if isinstance(each, ast.Name) and each.id not in own and not hasattr(builtins, each.id):
            names[each.id] = _module(each.id, text, _hint(each.id, text, tree.body))
    try:
        return eval(code, names)
    except (Exception, SystemExit) as error:
        raise WrongStep(f"step {one_line(text, 80)}: {type(error).__name__}: {text_of(error)}") from None


def _is_in(folder: str, name: str) -> bool:
    return importlib.machinery.PathFinder.find_spec(name, [folder]) is not None


def _hint(name: str, text: str, tree: ast.expr) -> str:
    """Return what to write where a name was to be a text, the whole argument or a field in brackets, or a field."""
    body = tree.body if isinstance(tree, ast.Lambda) else tree
    if isinstance(body, ast.Name):
        return f"; hint: {text.partition('(')[0]}({name!r}) takes it as a text"
    if any(isinstance(each, ast.Subscript) and _dotted(each.slice) == [name] for each in ast.walk(tree)):
        return f"; hint: [{name!r}] takes it as a text"
    called = any(isinstance(each, ast.Call) and _dotted(each.func) == [name] for each in ast.walk(tree))
    return "" if called else f"; hint: r[{name!r}] is a field"


def _module(name: str, text: str, hint: str) -> Any:
    here = os.getcwd()
    if here not in sys.path and importlib.util.find_spec(name) is None and _is_in(here, name):
        # Python puts the folder of the program there, and not the user's. At the end, and only where a step names a
        # module of it, so that a file among somebody's data is not taken for a library.
        sys.path.append(here)
        importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ImportError:
        raise WrongStep(
            f"step {one_line(text, 80)}: {name} is not known: no module has this name, and a record is called r{hint}"
        ) from None
