"""Which Pythons have wheels of all that the development group would install."""

import sys

ALL_HAVE_WHEELS = sys.version_info < (3, 15)
"""Whether h5py, PyTables, lz4 and pydantic have wheels for this Python."""
