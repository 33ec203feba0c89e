"""What a worker asks the caller for in the middle of a task, and the answers.

An encoding that only the caller has registered; and what stands in the program's own module, for code that looks it up
by its name: `pickle`, `import __main__`, `getattr(sys.modules[__name__], name)`.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable
from typing import Any

from bagkit.schedulers import transport
from bagkit.schedulers.codec_names import pickled_codec

QUESTIONS = frozenset((transport.NEED_ENCODING, transport.NEED_NAME))


def answer(kind: int, body: bytes, pickled: Callable[[Any], bytes]) -> bytes:
    """Return the body of the answer to a question: nothing where the caller knows nothing either."""
    name = body.decode("utf-8", "surrogatepass")
    data = pickled_codec(name, pickled) if kind == transport.NEED_ENCODING else _in_main(name, pickled)
    return marshal.dumps((kind, name, data))


def _in_main(name: str, pickled: Callable[[Any], bytes]) -> bytes:
    try:
        return pickled(vars(sys.modules["__main__"])[name])
    except Exception:  # it can't be pickled, or is not there
        return b""
