"""Columns of a frame cast to the dtypes of `meta`, and an error where that makes a value another.

What a value may become: an equal one; as a float of fewer bits the nearest there is, if that is of its range; text that
says the same. Text may become what it says, and an int a time, counted in the unit that the dtype names.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import compress
from typing import Any, Final

from bagkit.errors import ColumnTypeError, PlanError, one_line
from bagkit.io.handover.misfits import listed


def check_dtypes(pd: Any, dtypes: Mapping[str, Any]) -> None:
    """Raise PlanError for what is no dtype."""
    for name, dtype in dtypes.items():
        try:
            pd.api.types.pandas_dtype(dtype)
        except Exception as error:  # of many types
            raise PlanError(f"to_dataframe: meta gives {name!r} the dtype {one_line(dtype, 40)}: {error}") from error


def with_dtypes(pd: Any, frame: Any, dtypes: Mapping[str, Any] | None) -> Any:
    """Return the frame with its columns of these dtypes; raises ColumnTypeError where that changes a value."""
    if dtypes is None:
        return frame
    problems = []
    made = {}
    for name, dtype in dtypes.items():
        try:
            made[name] = _cast(pd, frame[name], dtype)
        except _Changed as changed:
            problems.append(f"the field {name!r} {changed}")
    if not problems:
        return pd.DataFrame(made, index=frame.index, columns=frame.columns)
    hint = (
        "expected values that stay what they are as the dtypes of meta; hint: another dtype, or map the values before"
    )
    if len(problems) == 1:
        raise ColumnTypeError(f"to_dataframe: {problems[0]}; {hint}")
    raise ColumnTypeError(f"to_dataframe: {len(problems)} fields can't be cast; {hint}{listed(problems)}")


class _Changed(Exception):
    """Says what the cast makes of a value."""


def _cast(pd: Any, series: Any, dtype: Any) -> Any:
    import numpy as np

    wanted = pd.api.types.pandas_dtype(dtype)
    if series.dtype == wanted:
        return series
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they warn of is an error below
            made = series.astype(wanted)
    except Exception as error:  # of many types: ValueError, TypeError, pyarrow's
        if isinstance(wanted, np.dtype) and wanted.kind in "iub" and series.isna().any():
            raise _Changed(f"can't be {wanted}, which has no missing values, as {_nullable(wanted)} has") from error
        raise _Changed(f"can't be {wanted}: {type(error).__name__}: {error}") from error
    if isinstance(wanted, np.dtype) and wanted.kind in "OU" and series.isna().any():
        made = made.where(series.notna(), None)  # before its version 3 pandas writes "None"
    if not _quickly_kept(np, series, made):
        _compare(pd, series, made)
    return made


def _nullable(dtype: Any) -> str:
    """Return pandas' name of the dtype of ints or bools that knows missing values."""
    return "boolean" if dtype.kind == "b" else f"{'UI' if dtype.kind == 'u' else 'I'}nt{8 * dtype.itemsize}"


def _quickly_kept(np: Any, series: Any, made: Any) -> bool:
    """Return True where numbers as a whole show that none changes; False where each must be looked at."""
    if not len(series):
        return True
    if not (isinstance(series.dtype, np.dtype) and isinstance(made.dtype, np.dtype)):
        return False
    before, after = series.to_numpy(), made.to_numpy()
    if before.dtype.kind in "iu" and after.dtype.kind in "iuf":
        low, high = int(before.min()), int(before.max())
        if after.dtype.kind == "f":
            return bool(max(-low, high) <= 1 << (np.finfo(after.dtype).nmant + 1))
        return bool(np.iinfo(after.dtype).min <= low and high <= np.iinfo(after.dtype).max)
    if before.dtype.kind == "f" and after.dtype.kind == "f":
        small = (np.abs(after) < np.finfo(after.dtype).tiny) & (after != before)
        return bool((np.isinf(before) == np.isinf(after)).all() and not small.any())
    return False


def _compare(pd: Any, series: Any, made: Any) -> None:
    values, others = series.tolist(), made.tolist()
    missing, lost = series.isna().tolist(), made.isna().tolist()
    if missing == lost:
        there = [not none for none in missing]
        if list(compress(values, there)) == list(compress(others, there)):
            return
    rounding = _rounding(made.dtype)
    for row, (value, other) in enumerate(zip(values, others, strict=True)):
        if missing[row] and lost[row]:
            continue
        if missing[row] or not _kept(pd, value, other, rounding):
            raise _Changed(f"is {one_line(value, 60)} in row {row}, and would be {one_line(other, 60)} as {made.dtype}")


def _rounding(dtype: Any) -> tuple[float, float] | None:
    """Return the smallest number that a float of fewer bits holds fully, and how much rounding changes."""
    import numpy as np

    plain = getattr(dtype, "numpy_dtype", dtype)
    if not isinstance(plain, np.dtype) or plain.kind != "f" or plain.itemsize >= 8:
        return None
    return float(np.finfo(plain).tiny), float(np.finfo(plain).eps)


def _kept(pd: Any, value: Any, made: Any, rounding: tuple[float, float] | None) -> bool:
    if isinstance(value, str):
        return made == value if isinstance(made, str) else _says(pd, value, made, rounding)
    if isinstance(made, str):
        if isinstance(value, date):  # of a whole column pandas may leave the time out
            return bool(_ISO.match(made) and pd.Timestamp(made) == pd.Timestamp(value))
        return isinstance(value, (bool, int, float)) and str(value) == made
    if isinstance(value, float) and isinstance(made, float) and rounding and made != value:
        return _rounded(value, made, rounding)
    if isinstance(value, date) and isinstance(made, date) and isinstance(value, datetime) != isinstance(made, datetime):
        return bool(pd.Timestamp(value) == pd.Timestamp(made))
    try:
        if type(value) is int and isinstance(made, (pd.Timestamp, pd.Timedelta)):  # counted in the dtype's unit
            zone = {"tz": made.tz} if isinstance(made, pd.Timestamp) else {}
            return bool(type(made)(value, unit=made.unit, **zone) == made)
        return bool(made == value)
    except Exception:  # of values that can't be compared
        return False


def _rounded(value: float, made: float, rounding: tuple[float, float]) -> bool:
    smallest, part = rounding
    return math.isfinite(made) and abs(made) >= smallest and abs(made - value) <= abs(value) * part


def _says(pd: Any, text: str, made: Any, rounding: tuple[float, float] | None) -> bool:
    """Return whether `made` is what the text says."""
    if isinstance(made, bool):
        return text.strip().lower() in (("true", "1", "1.0") if made else ("false", "0", "0.0"))
    try:
        if isinstance(made, (int, Decimal)):
            return Decimal(text) == made
        if isinstance(made, float):
            return _says_number(text, made, rounding)
        if isinstance(made, complex):
            return complex(text) == made
        if isinstance(made, datetime):
            return bool(_ISO.match(text.strip()) and pd.Timestamp(text) == made)
        if isinstance(made, date):
            return date.fromisoformat(text) == made
        if isinstance(made, pd.Timedelta):
            return bool(pd.Timedelta(text) == made)
    except (ValueError, InvalidOperation):
        pass
    return str(made) == text


def _says_number(text: str, made: float, rounding: tuple[float, float] | None) -> bool:
    said = Decimal(text)
    if said.is_nan():
        return math.isnan(made)
    if not said.is_finite() or not math.isfinite(made):
        return said == Decimal(made)
    if text.strip().lstrip("+-").isdigit():  # a whole number, perhaps of what is no measurement
        return said == Decimal(made)
    value = float(text)
    return (value == made and (value != 0) == (said != 0)) or bool(rounding and _rounded(value, made, rounding))


_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?( ?(Z|[+-]\d\d(:?\d\d)?))?$")
"""A date as text that is one date to everybody: 02/03/2021 is not."""
