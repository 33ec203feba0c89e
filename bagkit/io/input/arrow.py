"""pyarrow, imported for those who need it."""

from __future__ import annotations

from typing import Any

from bagkit.errors import missing_extra


def import_pyarrow(extra: str, purpose: str) -> Any:
    """Return the module pyarrow; raises MissingExtraError where there is none."""
    try:
        import pyarrow
    except ImportError as error:
        raise missing_extra("pyarrow", extra, purpose) from error
    return pyarrow


def import_parquet() -> Any:
    """Return pyarrow's module of Parquet."""
    import pyarrow.parquet

    return pyarrow.parquet
