"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A deadline for each example measures how busy the machine is.
settings.register_profile("bagkit", deadline=None)
settings.load_profile("bagkit")
