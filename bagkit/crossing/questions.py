"""What a worker asks the caller for in the middle of a task, and the answers.

An encoding that only the caller has registered; what stands in the program's own module, for code that looks it up by
its name (`pickle`, `import __main__`, `getattr(sys.modules[__name__], name)`); and what earlier records refer to,
if that is another now.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING

from bagkit.crossing import transport
from bagkit.crossing.class_numbers import class_of
from bagkit.crossing.codec_names import pickled_codec

if TYPE_CHECKING:
    from bagkit.crossing.outgoing import Outgoing


def answer(kind: int, body: bytes, outgoing: Outgoing) -> bytes:
    """Return the body of the answer to a question: nothing where the caller knows nothing either."""
    name = body.decode("utf-8", "surrogatepass")
    try:
        data = _PICKLED[kind](name, outgoing)
    except Exception:  # it is not there, or can't be pickled
        data = b""
    return marshal.dumps((kind, name, data))


def _codec(name: str, outgoing: Outgoing) -> bytes:
    return pickled_codec(name, outgoing.work)


def _in_main(name: str, outgoing: Outgoing) -> bytes:
    return outgoing.work(vars(sys.modules["__main__"])[name])


def _as_now(name: str, outgoing: Outgoing) -> bytes:
    """Pickle the class of a number; or what a module has under a name, if that travels by value now."""
    module, _, dotted = name.rpartition(":")
    if not module:
        return outgoing.work(class_of(name))
    if module not in sys.modules or not outgoing.is_by_value(module):
        return b""
    return outgoing.work(reduce(getattr, dotted.split("."), sys.modules[module]))


_PICKLED: dict[int, Callable[[str, Outgoing], bytes]] = {
    transport.NEED_ENCODING: _codec,
    transport.NEED_NAME: _in_main,
    transport.NEED_AS_NOW: _as_now,
}
QUESTIONS = frozenset(_PICKLED)
