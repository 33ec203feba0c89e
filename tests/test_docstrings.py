"""Docstrings of what users call name every parameter, say what is returned, and have an example that runs."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import bagkit as bk
from bagkit.diagnostics.picture import Picture

CLASSES = [bk.Bag, bk.Item, bk.Delayed, bk.Collected, bk.Failure, bk.Manifest, bk.PartitionInfo, bk.Profile, bk.Stats,
           Picture]  # fmt: skip
"""Classes whose public methods and properties are documented one by one."""

PROPERTIES = (property, cached_property)

ENTRY = re.compile(r"^    (\*{0,2}\w+): (?=\S)", re.MULTILINE)


class Named(NamedTuple):
    name: str
    value: Any


def functions() -> Iterator[Named]:
    """Yield the public functions, and the public methods and properties of CLASSES."""
    for home, names in ((bk, bk.__all__), (bk.random, bk.random.__all__)):
        for name in names:
            value = getattr(home, name)
            if not isinstance(value, type):
                yield Named(name, value)
    for kind in CLASSES:
        for name in dir(kind):
            value = inspect.getattr_static(kind, name)
            if isinstance(value, (staticmethod, classmethod)):
                value = value.__func__
            if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, PROPERTIES)):
                yield Named(f"{kind.__name__}.{name}", value)


def classes() -> Iterator[Named]:
    for name in bk.__all__:
        if isinstance(getattr(bk, name), type):
            yield Named(name, getattr(bk, name))


def entries(doc: str, section: str) -> list[str]:
    """Return the names that a section such as `Args:` explains."""
    found = re.search(rf"^{section}:\n((?:    .*\n|\n(?=    ))*)", f"{doc}\n", re.MULTILINE)
    return ENTRY.findall(found[1]) if found else []


def parameters(function: Callable[..., Any]) -> list[str]:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    found = inspect.signature(function).parameters.values()
    return [stars.get(each.kind, "") + each.name for each in found if each.name != "self"]


def faults(value: Any) -> Iterator[str]:
    """Yield what is missing in the docstring of a function or a property."""
    doc = inspect.getdoc(value) or ""
    if not isinstance(value, PROPERTIES):
        if entries(doc, "Args") != parameters(value):
            yield f"Args: explains {entries(doc, 'Args')}, expected {parameters(value)}"
        if inspect.signature(value).return_annotation not in ("None", None) and "\nReturns:\n    " not in doc:
            yield "no Returns:"
    if ">>> " not in doc:
        yield "no example"


def test_docstrings_of_functions_say_it_all() -> None:
    named = list(functions())
    assert len(named) > 100
    assert [(each.name, fault) for each in named for fault in faults(each.value)] == []


def test_docstrings_of_classes_say_it_all() -> None:
    named = list(classes())
    assert len(named) > 30
    for each in named:
        doc = inspect.getdoc(each.value) or ""
        if dataclasses.is_dataclass(each.value):
            names = {one.name for one in dataclasses.fields(each.value) if one.name[0] != "_"}
            assert set(entries(doc, "Attributes")) >= names, each.name
        assert ">>> " in doc, each.name


def test_examples_of_cached_properties_run() -> None:
    """doctest does not look for them; all other examples are run by test_docs.py."""
    runner = doctest.DocTestRunner()
    for named in functions():
        if isinstance(named.value, cached_property):
            doc = inspect.getdoc(named.value) or ""
            runner.run(doctest.DocTestParser().get_doctest(doc, {}, named.name, None, None))
    assert runner.tries >= 3
    assert not runner.failures


def test_what_a_class_is_called_with_is_explained() -> None:
    assert entries(inspect.getdoc(bk.options) or "", "Args") == parameters(bk.options) == ["**changes"]
    assert parameters(bk.Profile) == []


def test_a_function_without_is_found() -> None:
    def bare(one: int, *others: int, key: str = "", **options: Any) -> int:
        """Return the sum.

        Args:
            one: A number.
            key: Nothing.
        """
        return one

    def whole(one: int, *others: int) -> int:
        """Return the sum.

        Args:
            one: A number, whose explanation is
                two: lines long.
            *others: More numbers.

        Returns:
            The sum.

        >>> whole(1)
        1
        """
        return one

    expected = ["one", "*others", "key", "**options"]
    assert list(faults(bare)) == [
        f"Args: explains ['one', 'key'], expected {expected}",
        "no Returns:",
        "no example",
    ]
    assert list(faults(whole)) == []
    assert list(faults(property(lambda self: 1, doc="The number."))) == ["no example"]
