"""What functions have left open when their worker ends gently: it is written, as at the end of a program.

At the end of a program Python clears the module of the program name by name, so a file closes from above: its text
layer first, which writes to the layer below. Functions that came by value have no such module. Their names and they
hold each other, and the garbage collector finalises what is in a circle by age: it would close the raw file, which was
made first, and lose what the layers above it have not written yet.
"""

from __future__ import annotations

import gc
import io
import sys
from typing import Any


def hold_files() -> None:
    """Flush all files, and hold on to their lower layers until Python is gone: then the upper ones close first."""
    objects = gc.get_objects()
    kinds = {kind for kind in set(map(type, objects)) if issubclass(kind, io.IOBase)}
    files = [each for each in objects if type(each) in kinds]
    below = [each for each in files if _is_below(each)]
    for each in (*reversed(files), *below):  # text above a compressed file comes first, which writes to another file
        _flush(each)
    vars(sys)["files_of_bagkits_worker"] = below  # Python clears this module as one of the last


def _is_below(file: Any) -> bool:
    """Return whether it is a raw file, or a buffer right above one: what is above a compressed file is not held."""
    kind = type(file)
    if issubclass(kind, io.FileIO):
        return True
    try:
        return issubclass(kind, (io.BufferedWriter, io.BufferedRandom)) and issubclass(type(file.raw), io.FileIO)
    except ValueError:  # it was detached
        return False


def _flush(file: Any) -> None:
    try:
        if not file.closed:
            file.flush()
    except Exception:  # it can't be written, or code of the user's raises: Python says nothing here either
        pass
