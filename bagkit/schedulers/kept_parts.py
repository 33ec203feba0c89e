"""Kept records in the parts of tasks, and what a worker is sent in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bagkit.errors import TaskError
from bagkit.flow.kept import LET_GO, Kept
from bagkit.lazily import Lazily

if TYPE_CHECKING:
    from bagkit.crossing.transport import Stored
    from bagkit.schedulers import homes, residents
    from bagkit.schedulers.worker_process import WorkerProcess
else:  # of no use where nothing is kept
    homes = Lazily("bagkit.schedulers.homes")
    residents = Lazily("bagkit.schedulers.residents")


def kept_in(part: Any) -> Sequence[Kept]:
    """Return what pieces in the part of a task a scheduler keeps."""
    return [kept for kept in _all_kept(part) if kept.name or kept.promise is not None]


def _all_kept(part: Any) -> Iterator[Kept]:
    for pieces in part if type(part) is tuple else ():
        if _are_kept(pieces):
            for piece in pieces:
                yield piece.kept


def reads_earlier(part: Any) -> bool:
    """Return whether pieces in the part of a task are records that earlier runs may have left."""
    return type(part) is tuple and any(
        type(pieces) is tuple and pieces and getattr(pieces[0], "of_earlier_runs", False) for pieces in part
    )


def promised_in(part: Any) -> Iterator[Kept]:
    """Yield what pieces in the part of a task a run in the background is still to make."""
    return (kept for kept in _all_kept(part) if kept.promise is not None)


def _are_kept(pieces: Any) -> bool:
    return type(pieces) is tuple and bool(pieces) and type(getattr(pieces[0], "kept", None)) is Kept


def may_hold_code(stored: Stored) -> bool:
    """Return whether an input of a task may hold a function, which nobody has looked at."""
    return any(not isinstance(piece, bytes) or _STACK_GLOBAL in piece for piece in stored[2])


_STACK_GLOBAL = b"\x93"
"""What stands in each pickle that refers to a function or a class; it may stand for something else too."""


def with_stored(part: Any, sees: Callable[[str], bool]) -> Any:
    """Return the part of a task elsewhere, which reads itself what is kept, where it `sees` the file or it is here.

    Only of plain data: what class other records are of is for this process to say, which sends them.
    """
    several = tuple(_all_kept(part))
    if any(kept.is_released for kept in several):
        raise TaskError(LET_GO)
    if not any(_reads_itself(kept, sees) for kept in several):
        return part

    def there(kept: Kept) -> Any:
        return residents.Resident("", kept.stored[0], residents.READ) if _reads_itself(kept, sees) else kept

    return _with_kept(part, there)


def _with_kept(part: tuple[Any, ...], changed: Callable[[Kept], Any]) -> tuple[Any, ...]:
    """Return the part of a task with what stands for kept records."""
    return tuple([
        tuple([replace(piece, kept=changed(piece.kept)) for piece in pieces]) if _are_kept(pieces) else pieces
        for pieces in part
    ])  # fmt: skip


def _reads_itself(kept: Kept, sees: Callable[[str], bool]) -> bool:
    if not kept.plain:
        return False
    path = kept.stored[0][1]
    return path is None or sees(path)


def with_residents(
    part: tuple[Any, ...], worker: WorkerProcess, changes: bool, room: int, *, together: bool
) -> tuple[Any, ...]:
    """Return the part of a task for `worker`, with names in place of the records that are kept.

    `changes` says that the task may change records, `together` that it needs several that are kept. The worker may
    keep `room` bytes more.
    """

    def resident(kept: Kept) -> Any:
        name = kept.name
        if not name:
            return kept
        stored, nbytes = kept.stored
        home, use = homes.home_of(name), residents.READ
        if home is worker:
            use = residents.TAKE if changes else residents.KEEP
            if changes:
                homes.take_away(name)
        elif 0 < nbytes <= room and not changes and (home is None or together):
            use = residents.KEEP
            homes.move_in(name, worker, nbytes)
        return residents.Resident(name, stored, use)

    return _with_kept(part, resident)
