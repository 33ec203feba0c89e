"""Several lazy values at once, also inside of containers: compute, persist, optimize, explain, visualize."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, TypeVarTuple, overload

from bagkit.computing import explain as explain_plans
from bagkit.computing import run
from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.lazy.nesting import Lift
from bagkit.options import merged, of_a_run
from bagkit.plan.node import Plan
from bagkit.plan.template import Hole, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from bagkit.diagnostics.picture import Picture
    from bagkit.diagnostics.profile import Profile
    from bagkit.lazy.background import Turns
    from bagkit.options import ComputeOptions, PlainOptions

R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")
Ts = TypeVarTuple("Ts")
T_co = TypeVar("T_co", covariant=True)


class Lazy(Protocol[T_co]):
    """What type checkers know of bags, items and delayed values: the type of their value."""

    def compute(self, **options: Unpack[PlainOptions]) -> T_co:
        """Return the value."""
        ...


class Owners(Lift):
    """A Lift that remembers the lazy values themselves."""

    __slots__ = ("owners",)

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.owners: list[Any] = []

    def hole(self, plan: Plan, owner: Any) -> Hole:
        """Return the hole for `owner`, whose plan is `plan`."""
        self.owners.append(owner)
        return super().hole(plan, owner)


@overload
def compute(a: Lazy[R], /, *, traverse: bool = ..., **options: Unpack[PlainOptions]) -> tuple[R]: ...
@overload
def compute(a: Lazy[R], b: Lazy[S], /, *, traverse: bool = ..., **options: Unpack[PlainOptions]) -> tuple[R, S]: ...
@overload
def compute(
    a: Lazy[R], b: Lazy[S], c: Lazy[T], /, *, traverse: bool = ..., **options: Unpack[PlainOptions]
) -> tuple[R, S, T]: ...
@overload
def compute(
    a: Lazy[R], b: Lazy[S], c: Lazy[T], d: Lazy[U], /, *, traverse: bool = ..., **options: Unpack[PlainOptions]
) -> tuple[R, S, T, U]: ...
@overload
def compute(*args: Lazy[R], traverse: bool = ..., **options: Unpack[PlainOptions]) -> tuple[R, ...]: ...
@overload
def compute(*args: Any, traverse: bool = ..., **options: Unpack[ComputeOptions]) -> tuple[Any, ...]: ...
@front_door
def compute(*args: Any, traverse: bool = True, **options: Unpack[ComputeOptions]) -> tuple[Any, ...]:
    """Compute several bags, Items and delayed values in one run.

    What they share is done once: if two of them read a file, it is read once. Without a scheduler among the options,
    delayed values run in threads, and bags with a function of yours in processes; all run in processes if there are
    both.

    Args:
        *args: Bags, Items and delayed values, also inside lists, tuples, sets, dicts, dataclasses and the like.
            Anything else is returned as it is.
        traverse: Whether to look inside containers. Default: True.
        **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
            `help(bagkit.set_options)` explains each.

    Returns:
        A tuple with a value for each argument: the list of its records for a bag. With `on_error="collect"` each is a
        `Collected(result, failures)`.

    Raises:
        OptionError: An option can't take that value, or its name is misspelt. A warning names keywords that are
            like no option: they have no effect.
        BagkitError: The run failed; `help(bagkit.errors)` lists the errors. An error of your own function is raised as
            it is, with notes that say which record and which file it was about.

    >>> import bagkit as bk
    >>> b = bk.range(10, npartitions=2)
    >>> bk.compute(b.min(), {"most": b.max()}, "as it is", scheduler="sync")
    (0, {'most': 9}, 'as it is')
    """
    lift = Lift("compute")
    templates = [lift.argument(argument, traverse) for argument in args]
    given = of_a_run("compute", options)
    merged(**given)  # a wrong option is an error also where there is nothing to compute
    values = run(lift.plans, given) if lift.plans else ()
    return tuple([fill(template, values) for template in templates])


@front_door
def persist(*args: *Ts, traverse: bool = True, **options: Unpack[ComputeOptions]) -> tuple[*Ts]:
    """Compute several bags, Items and delayed values in one run in the background, and keep the results.

    It returns at once. Runs that use the results wait for them; if they failed, those runs raise the error. With
    scheduler="sync" `persist` computes before it returns. `help(bagkit.Bag.persist)` says more.

    Args:
        *args: Bags, Items and delayed values, also inside lists, tuples, sets, dicts, dataclasses and the like.
            Anything else is returned as it is.
        traverse: Whether to look inside containers. Default: True.
        **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
            `help(bagkit.set_options)` explains each.

    Returns:
        A tuple of bags, Items and delayed values as in the arguments. Runs that use them start from the results. A bag
        has as many partitions as before.

    Raises:
        OptionError: An option can't take that value, or its name is misspelt. A warning names keywords that are
            like no option: they have no effect.
        NotPicklableError: A function can't be sent to a worker process.

    >>> import bagkit as bk
    >>> (squares,) = bk.persist(bk.range(4, npartitions=2).map(lambda x: x * x), scheduler="sync")
    >>> squares.npartitions, squares.sum().compute(scheduler="sync")
    (2, 14)
    """
    return tuple(persist_in(None, args, traverse, options))


def persist_in(
    turns: Turns | None, args: Sequence[Any], traverse: bool, options: ComputeOptions | PlainOptions
) -> list[Any]:
    """Do what persist does with `args`, in a row of turns."""
    from bagkit.lazy.persisting import persisted

    given = of_a_run("persist", options)
    merged(**given)
    return _with_plans("persist", args, traverse, lambda plans: persisted(plans, given, turns))


def _with_plans(
    operation: str, args: Sequence[Any], traverse: bool, change: Callable[[list[Plan]], Sequence[Plan]]
) -> list[Any]:
    """Return `args` with lazy values whose plans are what `change` has made of those that they had."""
    lift = Owners(operation)
    templates = [lift.argument(argument, traverse) for argument in args]
    plans = change(lift.plans) if lift.plans else ()
    made = [with_plan(owner, plan) for owner, plan in zip(lift.owners, plans, strict=True)]
    return [fill(template, made) for template in templates]


def with_plan(owner: Any, plan: Plan) -> Any:
    """Return a lazy value like `owner` with another plan; for a value of dask's one of ours."""
    if hasattr(type(owner), "_with_plan"):
        return owner._with_plan(plan)
    ours = sys.modules["bagkit"]  # by what users call it: those rooms stand on this one
    return ours.Delayed(plan) if plan.op.gives_value else ours.Bag(plan)


@front_door
def optimize(*args: *Ts, traverse: bool = True) -> tuple[*Ts]:
    """Rewrite the plans of several bags, Items and delayed values, so that they do less work.

    `compute` does it anyway; here you can look at the result. Parts that several of them share stay shared.

    Args:
        *args: Bags, Items and delayed values, also inside lists, tuples, sets, dicts, dataclasses and the like.
            Anything else is returned as it is.
        traverse: Whether to look inside containers. Default: True.

    Returns:
        A tuple of the arguments, with other plans.

    >>> import bagkit as bk, json
    >>> (names,) = bk.optimize(bk.from_sequence(['{"name": "Ada"}']).map(json.loads).pluck("name"))
    >>> names
    Bag of 1 partition:
    pluck('name')
      parse_json(fields: name)
        from_sequence
    """
    from bagkit.optimizer import optimize as optimized

    return tuple(_with_plans("optimize", args, traverse, lambda plans: optimized(tuple(plans), until="push_fields")))


@front_door
def explain(*objects: Any, analyze: bool | Literal["full"] = False, **options: Unpack[ComputeOptions]) -> None:
    """Print the plans of several bags, Items and delayed values, and the tasks that compute them in one run.

    What they share is read and done once, and shown once. Files that are still to be written are shown like anything
    else: nothing is written, unless it is to `analyze` in full.

    Args:
        *objects: Bags, Items, delayed values, and what is written with `compute=False`; also inside lists, dicts and
            the like.
        analyze: True: run a sample, for about a second, and print with each step its records, its time, and what
            everything would take. "full": run everything, as `compute` does, and drop the results. False, the
            default: run nothing.
        **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
            `help(bagkit.set_options)` explains each.

    Raises:
        PlanError: There is nothing to explain, `analyze` is something else, or a sample would write files.
        OptionError: No option has that name, or it can't take that value.
        BagkitError: What can go wrong in a run. An error of your own function is raised as it is.

    >>> import bagkit as bk
    >>> writes = bk.range(4, npartitions=2).map(str).to_textfiles("numbers/*.txt", compute=False)
    >>> bk.explain(writes)
    as written:
    <BLANKLINE>
    to_textfiles
      encode('utf-8')
        map(str)
          range
    <BLANKLINE>
    as run:
    <BLANKLINE>
    stage 1, 2 tasks   range -> map(str) -> encode('utf-8') -> to_textfiles
    stage 2, 1 task    finish to_textfiles of stage 1
    """
    lift = Lift("explain")
    lift.template(objects)
    if not lift.plans:
        raise PlanError(
            "explain: there is nothing to explain; expected bags, items or delayed values, also in containers"
        )
    explain_plans(tuple(lift.plans), analyze, options)


@front_door
def visualize(*objects: Any, filename: str | os.PathLike[str] | None = None, format: str | None = None,  # noqa: A002 - dask's word
              optimize_graph: bool | None = None, rankdir: str = "BT", color: str | None = None,
              profile: Profile | None = None) -> Picture:  # fmt: skip
    """Draw what bags, Items and delayed values are made of.

    Args:
        *objects: Bags, Items and delayed values, also inside lists, dicts and the like. What they share is drawn once.
        filename: Where to write the picture too, as svg, png, pdf, dot or mermaid by its suffix. None: nowhere.
        format: The format of the file, where the suffix does not say it.
        optimize_graph: Whether to draw the plan as it runs. None: as it is written, but as it runs with `color="time"`.
        rankdir: Which way it goes: "BT" from bottom to top, "TB", "LR" from left to right, or "RL".
        color: "function" gives each function a color; "time" shows the seconds that the tasks took. None: neither.
        profile: The `bagkit.Profile` that listened to the runs, for `color="time"`.

    Returns:
        A Picture, which a notebook shows; `picture.save(filename)` writes it.

    Raises:
        PlanError: There is nothing to draw, or an argument does not fit.
        MissingExtraError: The package that draws png and pdf is not installed.

    >>> import bagkit as bk
    >>> b = bk.range(10, npartitions=2)
    >>> print(bk.visualize(b.sum(), b.max()).mermaid.splitlines()[1])
      n0["range"]
    """
    from bagkit.diagnostics.picture import Picture
    from bagkit.diagnostics.visualize import draw
    from bagkit.optimizer import optimize as optimized

    lift = Lift("visualize")
    lift.template(objects)
    roots = tuple(lift.plans)
    if not roots:
        raise PlanError(
            "visualize: there is nothing to draw; expected bags, items or delayed values, also in containers"
        )
    if filename is None and format is not None:
        raise PlanError(
            f"visualize: format is {format!r}, and there is no filename; "
            "hint: filename='picture.png', or leave both out for a picture that a notebook shows"
        )
    # What was measured is the plan as it ran, so that is what the times are written on.
    as_run = color == "time" if optimize_graph is None else optimize_graph
    picture = Picture(draw(optimized(roots) if as_run else roots, rankdir, color, profile))
    if filename is not None:
        picture.save(filename, format)
    return picture
