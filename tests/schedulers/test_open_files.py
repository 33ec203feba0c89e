"""Files that functions leave open are written when their worker ends, whatever holds them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

PROGRAM = """
import atexit, bz2, csv, functools, gzip, lzma, sys, zipfile
import bagkit as bk

FOLDER = sys.argv[1] + "/"
FILES = {}

def of_a_dict(x):
    if not FILES:
        FILES["file"] = open(FOLDER + "dict", "w")
    FILES["file"].write(x)

class Writer:
    file = None

    def write(self, x):
        if Writer.file is None:
            Writer.file = open(FOLDER + "class", "w")
        self.file.write(x)

class AtItsEnd:
    def __init__(self):
        self.file = open(FOLDER + "finaliser", "w")
        self.itself = self

    def __del__(self):
        self.file.write("the end")

def of_a_function(x):
    of_a_function.file = open(FOLDER + "function", "wb")
    of_a_function.file.write(x.encode())

def made():
    held = [open(FOLDER + "closure", "w")]

    def write(x):
        held.append(write)
        held[0].write(x)

    return write

@functools.cache
def opened(name, module, mode):
    return module.open(FOLDER + name, mode)

@functools.cache
def archive():
    return zipfile.ZipFile(FOLDER + "zip", "w")

@functools.cache
def table():
    return csv.writer(opened("csv", sys.modules["builtins"], "w"))

@functools.cache
def at_its_end():
    return AtItsEnd()

def late(x):
    file = opened("late", sys.modules["builtins"], "w")
    atexit.register(file.write, x)

def write(x):
    of_a_dict(x)
    Writer().write(x)
    of_a_function(x)
    made()(x)
    opened("gz", gzip, "wt").write(x)
    opened("bz2", bz2, "wt").write(x)
    opened("xz", lzma, "wb").write(x.encode())
    archive().writestr("name", x)
    table().writerow([x])
    at_its_end()
    late(x)

bk.from_sequence(["text"]).map(write).compute(scheduler="processes", workers=1)
"""

READ: dict[str, Callable[[Path], str]] = {
    "gz": lambda path: gzip.decompress(path.read_bytes()).decode(),
    "bz2": lambda path: bz2.decompress(path.read_bytes()).decode(),
    "xz": lambda path: lzma.decompress(path.read_bytes()).decode(),
    "zip": lambda path: zipfile.ZipFile(path).read("name").decode(),
    "csv": lambda path: path.read_text().rstrip(),
}


def test_whatever_holds_them(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    plain = ("dict", "class", "function", "closure", "finaliser", "late")
    found = {path.name: READ.get(path.name, Path.read_text)(path) for path in tmp_path.iterdir()}
    assert found == {**dict.fromkeys((*plain, *READ), "text"), "finaliser": "the end"}
