"""How many examples a property is tried on."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("BAGKIT_EXAMPLES", "1"))


def examples(number: int, **more: Any) -> settings:
    """Return settings for `number` examples, the same ones each time.

    With `BAGKIT_EXAMPLES=100` in the environment it is a hundred times as many, and others each time.
    """
    return settings(
        max_examples=number * FACTOR,
        derandomize=FACTOR == 1,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        **more,
    )
