"""Where an exception was raised in a worker, as the caller's process shows it."""

from __future__ import annotations

import linecache
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

PROGRAM = """import bagkit as bk

def divide(x):
    return 1 / x

bk.from_sequence([0]).map(divide).compute(scheduler="processes")
"""


pytestmark = pytest.mark.usefixtures("workers_end")


def raised(program: str, filename: str) -> ZeroDivisionError:
    content: dict[str, Any] = {"__name__": "__main__"}
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(program, filename, "exec"), content)
    return caught.value


def test_a_script_s_file_line_and_text_are_told(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(PROGRAM)
    run = subprocess.run([sys.executable, script], capture_output=True, text=True)
    _, _, told = run.stderr.partition("In the worker process")
    assert f'File "{script}", line 4, in divide\n    return 1 / x\n' in told
    assert "dynamic-code" not in run.stderr


@pytest.mark.parametrize("way", ["-c", "stdin"])
def test_a_program_without_a_file_is_told_as_python_tells_it(way: str) -> None:
    where = {"-c": "<string>", "stdin": "<stdin>"}[way]
    arguments = ["-c", PROGRAM] if way == "-c" else ["-"]
    run = subprocess.run([sys.executable, *arguments], input=PROGRAM, capture_output=True, text=True)
    _, _, told = run.stderr.partition("In the worker process")
    assert f'File "{where}", line 4, in divide' in told
    assert ("return 1 / x" in told) == (way == "-c" and sys.version_info >= (3, 13))  # which know that text


def test_the_source_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = PROGRAM.splitlines(keepends=True)
    monkeypatch.setitem(linecache.cache, "<cell 8>", (len(PROGRAM), None, lines, "<cell 8>"))
    notes = "\n".join(raised(PROGRAM, "<cell 8>").__notes__)
    assert 'File "<cell 8>", line 4, in divide\n    return 1 / x' in notes


def test_a_cell_of_a_notebook_goes_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"/kernel/123.py": ("Cell", "In[8]")}
    shell = types.SimpleNamespace(compile=types.SimpleNamespace(format_code_name=names.get))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    assert "  Cell In[8], line 4, in divide" in "\n".join(raised(PROGRAM, "/kernel/123.py").__notes__)


def test_long_tracebacks_are_cut_in_the_middle() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        bk.from_sequence([5]).map(lambda x: by_turns(30)).compute(scheduler="processes")
    told = caught.value.__notes__[-1].splitlines()
    assert len(told) < 30
    assert any(line.strip().endswith("lines ...") for line in told)


def by_turns(n: int) -> int:
    return and_back(n - 1) if n else 1 // n


def and_back(n: int) -> int:
    return by_turns(n)
