"""Which parts of its record does the code of a function read?

Each place where the record is put on the stack is followed as long as nothing but known things are done with it: a
subscript with a constant text, `get`, `in`, giving it another name. What comes of a subscript is followed in the same
way: `r["address"]["city"]` reads only the city. Where anything else is done with a value, all of it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any, Final

from bagkit.ops._bytecode import Instruction, Steps
from bagkit.ops._known_calls import KnownCalls
from bagkit.plan.fields import keys_of
from bagkit.plan.kinds import ALL

Path = tuple[Any, ...]
"""Keys, each of the dict under the one before; the empty one is the whole record. Of a pair the first is a number."""

_OF_CELLS: Final = frozenset({"MAKE_CELL", "LOAD_CLOSURE", "LOAD_FAST"})
"""What is done with a variable that functions inside use, besides reading it: all to hand it on to them."""


class WholeRecord(Exception):
    """The code does with its record what can't be followed."""

    def __init__(self, code: CodeType, offset: int | None, words: str = "") -> None:
        super().__init__(words)
        self.code = code
        self.offset = offset
        """Of the instruction that says where; None where all of the function is the reason."""
        self.words = words
        """What is wrong; nothing where the place says it."""


def paths_read(
    code: CodeType, record: str, known: Mapping[str, Any], calls: KnownCalls, of_pair: bool = False
) -> frozenset[Path]:
    """Return the parts that `code` reads of its variable `record`, which may be a pair of records.

    `known` has the values of parameters that are the same in each call, `calls` knows what other functions read. Raises
    WholeRecord.
    """
    steps = Steps(code, {})
    if known:
        changed = {step.value for step in steps.steps if step.of_variable and step.name != "LOAD_FAST"}
        steps = Steps(code, {name: value for name, value in known.items() if name not in changed})
    reading = _Reading(code, steps, calls, of_pair)
    reading.follow_variable(record, ())
    return frozenset(reading.paths)


class _Reading:
    """What is known of the reads of one function; functions inside have their own."""

    def __init__(self, code: CodeType, steps: Steps, calls: KnownCalls, of_pair: bool) -> None:
        self._of_pair = of_pair
        self.paths: set[Path] = set()
        self._calls = calls
        self._code = code
        self._steps = steps
        self._aliases: list[tuple[str, Path]] = []

    def follow_variable(self, variable: str, base: Path) -> None:
        """Add what is read of a variable whose value is the part `base` of the record, and of its other names."""
        waiting, named = [(variable, base)], []
        while waiting:
            self._aliases = []
            name, path = waiting.pop()
            in_cell = name in self._code.co_cellvars or name in self._code.co_freevars
            for index in self._loads(name, in_cell, is_alias=name != variable):
                self._add(self._follow(index, path), index)
            if in_cell:
                self._follow_inside(name, path)
            waiting += self._aliases
            named += [part for _, part in self._aliases if part]
        # What is given a name and not used is looked up all the same.
        self.paths |= {part for part in named if not any(path[: len(part)] == part for path in self.paths)}

    def _add(self, path: Path | None, index: int) -> None:
        if path is None:
            return
        if not path:
            raise WholeRecord(self._code, self._steps.steps[index].offset)
        self.paths.add(path)

    def _loads(self, name: str, in_cell: bool, is_alias: bool) -> Iterator[int]:
        """Yield where the variable is read, if nothing else is done with it; another name is set once, as is known."""
        for index, step in self._steps.of(name):
            if step.name == ("LOAD_DEREF" if in_cell else "LOAD_FAST"):
                yield index
            elif not is_alias and not (in_cell and step.name in _OF_CELLS):
                raise WholeRecord(self._code, step.offset, f"{name!r} is set anew, or deleted")

    def _follow_inside(self, name: str, path: Path) -> None:
        """Add what the functions that are made inside read of the variable."""
        for constant in self._code.co_consts:
            if isinstance(constant, CodeType) and name in constant.co_freevars:
                inside = _Reading(constant, Steps(constant, {}), self._calls, self._of_pair)
                inside.follow_variable(name, path)
                self.paths |= inside.paths

    def _follow(self, start: int, path: Path) -> Path | None:
        """Return which parts are read of the value that step `start` puts on the stack: the part `path` of the record.

        None where it is given another name, which has reads of its own.
        """
        at, straight = start + 1, True
        while (step := self._steps.at(at)) is not None:
            found = self._subscript(at, of_pair=self._of_pair and not path) or self._get(at)
            if found is not None:
                name, at = found
                path = (*path, name)
                continue
            match step.name:
                case "JUMP_FORWARD":
                    at, straight = self._steps.target(step), False
                case "CONTAINS_OP" if straight and (asked := self._text_below(start)) is not None:
                    return (*path, asked)
                case "STORE_FAST":
                    return None if self._alias(step.value, path) else path
                case "UNPACK_SEQUENCE" if self._of_pair and not path and step.argument == 2:
                    return None if self._both_named(at + 1) else path
                case "COPY" | "JUMP_IF_TRUE_OR_POP":
                    after = self._renamed(at, path) or self._or_empty(at)
                    if after is None:
                        return path
                    at, straight = after, False
                case _:
                    break
        return self._called(start, at, path) if straight else path

    def _called(self, start: int, end: int, path: Path) -> Path | None:
        """Return which parts a function reads, called with the values that steps up to `end` put on the stack."""
        fields = self._calls.fields(self._steps, start, end)
        if fields is ALL:
            return path
        self.paths |= {(*path, *keys_of(field)) for field in fields}
        if path and not fields:
            self.paths.add(path)
        return None

    def _text_below(self, start: int) -> str | None:
        """Return the constant text on which the value of step `start` is put."""
        below, here = self._steps.at(start - 1), self._steps.at(start)
        if below is None or here is None or here.jumped_to or below.name != "LOAD_CONST":
            return None
        return below.value if type(below.value) is str else None

    def _alias(self, variable: str, path: Path) -> bool:
        """Note another name for a part of the record. Say False if it is no name for only that."""
        code = self._code
        is_parameter = variable in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if is_parameter or variable in code.co_cellvars or variable in code.co_freevars:
            return False
        if sum(step.name != "LOAD_FAST" for _, step in self._steps.of(variable)) != 1:
            return False
        self._aliases.append((variable, path))
        return True

    def _renamed(self, at: int, path: Path) -> int | None:
        """Return where it goes on behind `(name := value)`."""
        copy, store = self._steps.at(at), self._steps.at(at + 1)
        if copy is None or (copy.name, copy.argument) != ("COPY", 1) or store is None or store.name != "STORE_FAST":
            return None
        return at + 2 if self._alias(store.value, path) else None

    def _or_empty(self, at: int) -> int | None:
        """Return where it goes on behind `value or {}`.

        A dict of only the fields that are read may be empty where the whole one is not; then it is as good as `{}`.
        """
        names = ("JUMP_IF_TRUE_OR_POP",), ("COPY", "POP_JUMP_IF_TRUE", "POP_TOP")
        for wanted in names:
            steps = [self._steps.at(at + number) for number in range(len(wanted) + 1)]
            found = [step for step in steps if step is not None]
            if tuple(step.name for step in found) != (*wanted, "BUILD_MAP") or found[-1].argument:
                continue
            if found[0].name == "COPY" and found[0].argument != 1:
                continue
            jump, after = found[max(0, len(wanted) - 2)], at + len(found)
            if self._steps.target(jump) == after:
                return after
        return None

    def _both_named(self, at: int) -> bool:
        """Note the names that the parts of a pair are given. Say False if one of them is no name for only that."""
        names = [
            step.value for step in (self._steps.at(at), self._steps.at(at + 1)) if step and step.name == "STORE_FAST"
        ]
        return len(names) == 2 and all(self._alias(name, (number,)) for number, name in enumerate(names))

    def _subscript(self, at: int, of_pair: bool) -> tuple[Any, int] | None:
        """Return the key of `value["key"]`, or of `value[1]`, if that is a pair, and where it goes on."""
        key, subscript = self._steps.at(at), self._steps.at(at + 1)
        if key is None or subscript is None or subscript.name != "BINARY_SUBSCR":
            return None
        return (key.value, at + 2) if (_is_place(key) if of_pair else _is_text(key)) else None

    def _get(self, at: int) -> tuple[str, int] | None:
        """Return the key of `value.get("key")` or `value.get("key", default)`, and where it goes on."""
        get, key = self._steps.at(at), self._steps.at(at + 1)
        if get is None or get.name != "LOAD_METHOD" or get.value != "get" or key is None or not _is_text(key):
            return None
        at += 2
        passed, height = 1, 0
        while (step := self._steps.at(at)) is not None:
            if height in (0, 1) and step.name in ("PRECALL", "CALL") and step.argument == passed + height:
                at += 2 if step.name == "PRECALL" else 1
                return key.value, at
            if step.effect is None or (height == 1 and step.effect < 0):
                return None  # declines because the default is no plain expression, or is passed by name
            height += step.effect
            at += 1
        return None


def _is_place(step: Instruction) -> bool:
    return step.name in ("LOAD_CONST", "LOAD_SMALL_INT") and type(step.value) is int and step.value in (0, 1)


def _is_text(step: Instruction) -> bool:
    return step.name == "LOAD_CONST" and type(step.value) is str
