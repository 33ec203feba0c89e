"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import settings

# A deadline for each example measures how busy the machine is.
settings.register_profile("bagkit", deadline=None)
settings.load_profile("bagkit")

# A shell starts what runs in its background with SIGINT ignored, and Python leaves that so. Tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
