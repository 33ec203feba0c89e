"""The method that says what messy records are like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bagkit.computing import run
from bagkit.errors import PlanError, one_line
from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co, check_now
from bagkit.plan.node import Plan
from bagkit.signatures import checked_count

if TYPE_CHECKING:
    from typing import Unpack

    from bagkit.options import PlainOptions
    from bagkit.profiling import kinds, lines, paths, reduction, summing_up
    from bagkit.profiling.result import DataProfile
else:
    kinds = Lazily("bagkit.profiling.kinds")
    lines = Lazily("bagkit.profiling.lines")
    paths = Lazily("bagkit.profiling.paths")
    reduction = Lazily("bagkit.profiling.reduction")
    summing_up = Lazily("bagkit.profiling.summing_up")


class Profiles(Making[T_co]):
    """The method that says what messy records are like."""

    __slots__ = ()

    def profile(
        self,
        keys: Iterable[str | tuple[str, ...]] | str = (),
        max_keys: int = 1000,
        max_paths: int = 5000,
        **options: Unpack[PlainOptions],
    ) -> DataProfile:
        """Compute what the records are like, path by path: types, missing values, numbers, texts, oddities, duplicates.

        It is one pass in bounded memory. If `read_json` or `.map(json.loads)` makes the bag, lines that are not JSON do
        not fail: they are counted, with reason and place.

        Args:
            keys: Keys that should be unique: paths such as `"user.id"`, or tuples of several paths that are a key
                together. For each key, the profile counts how many records repeat it. Default: none.
            max_keys: How many different keys dicts at one path may have, from 1 up. With more, as when ids are keys,
                one path `*` stands for all of them. Default: 1000.
            max_paths: How many paths there may be in all, from 1 up. With more, those with the most keys become `*`.
                Default: 5000. A path takes up to some hundred KB of memory.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            A DataProfile: a mapping of paths. `print` shows it as a table, a notebook as a tree with bars.

        Raises:
            PlanError: An argument has a value that is not allowed.
            OptionError: No option has that name, or it can't take that value.

        >>> import bagkit as bk
        >>> ada, bob = {"name": "Ada", "born": 1815}, {"name": " Bob", "born": "1990-05-01"}
        >>> p = bk.from_sequence([ada, bob, ada], npartitions=2).profile(keys=["name"], scheduler="sync")
        >>> p["born"].types, p["born"].texts.looks, p["name"].texts.looks
        ({'int': 2, 'str': 1}, {'date YYYY-MM-DD': 1}, {'surrounding blanks': 1})
        >>> p.duplicates.count, p.duplicate_keys["name"].count
        (1, 1)
        """
        check_now("profile", True, options)
        max_keys = checked_count("profile", "max_keys", max_keys)
        max_paths = checked_count("profile", "max_paths", max_paths)
        limits = paths.Limits(max_keys, max_paths)
        plan, all_lines = lines.with_bad_lines(self.plan)
        roots = [Plan(reduction.ProfileRecords(_keys(keys), limits), (plan,))]
        roots += [Plan(reduction.CountBadLines(), (each,)) for each in all_lines]
        found, *bad = run(roots, options)
        return summing_up.with_bad(found, bad)


def _keys(keys: Any) -> tuple[tuple[tuple[str | int, ...], ...], ...]:
    """Return for each key the steps of each path of it."""
    several = (keys,) if isinstance(keys, str) else keys
    if not isinstance(several, Iterable):
        raise PlanError(f"profile: keys is {one_line(keys, 80)}; expected a list of paths such as 'user.id'")
    found = []
    for key in several:
        parts = (key,) if isinstance(key, str) else key
        if not isinstance(parts, (tuple, list)) or not parts or not all(isinstance(part, str) for part in parts):
            raise PlanError(
                f"profile: a key is {one_line(key, 80)}; expected a path such as 'user.id', or a tuple of paths"
            )
        found.append(tuple([_steps(part) for part in parts]))
    return tuple(found)


def _steps(path: str) -> tuple[str | int, ...]:
    try:
        steps = kinds.steps_of(path)
    except ValueError as error:
        raise PlanError(f"profile: {error}; hint: a key with a dot in it is written in brackets, '[\"a.b\"]'") from None
    if not steps or not all(isinstance(step, str) for step in steps):
        raise PlanError(f"profile: {path!r} can't be a key; expected a path of one value in each record")
    return steps
