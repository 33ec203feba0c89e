"""What the program's own module is called: a worker has no such module, so what is from there travels by value."""

from __future__ import annotations

MAIN = frozenset(("__main__", "__mp_main__"))
"""The program's own module. multiprocessing gives it the second name where it starts the program again."""
