"""Methods that write the records to files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.item import Item
from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.plan.explain import plan_text
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from typing import Unpack

    from bagkit.bag import Bag
    from bagkit.computing import Collected
    from bagkit.io.output.manifest import Manifest
    from bagkit.lazy.delayed_values import Delayed
    from bagkit.ops import encoding as ops
    from bagkit.options import CollectKeywords, PlainKeywords
    from bagkit.plan.kinds import Sink
else:
    ops = Lazily("bagkit.ops.encoding")


Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Exist = Literal["error", "overwrite", "resume"]


class Writing(Making[T_co]):
    """Methods that write the records to files."""

    __slots__ = ()

    @overload
    def to_textfiles(self, path: Paths, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                     encoding: str | None = ..., compute: Literal[True] = ...,
                     storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ..., *, exist: Exist = ...,
                     **options: Unpack[PlainKeywords]) -> list[str]: ...  # fmt: skip
    @overload
    def to_textfiles(self, path: Paths, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                     encoding: str | None = ..., compute: Literal[True] = ...,
                     storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ..., *, exist: Exist = ...,
                     **options: Unpack[CollectKeywords]) -> Collected[list[str]]: ...  # fmt: skip
    @overload
    def to_textfiles(self, path: Paths, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                     encoding: str | None = ..., *, compute: Literal[False],
                     storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ...,
                     exist: Exist = ...) -> Writes: ...  # fmt: skip
    def to_textfiles(
        self,
        path: Paths,
        name_function: Callable[[int], str] | None = None,
        compression: str | None = "infer",
        encoding: str | None = "utf-8",
        compute: bool = True,
        storage_options: Mapping[str, Any] | None = None,
        last_endline: bool = False,
        *,
        exist: Exist = "overwrite",
        **options: Any,
    ) -> Any:
        """Write a file of lines for each partition, and return the list of their paths.

        `path` is a directory (files are `0.part`, `1.part`, ...), a pattern whose `*` becomes the partition's number or
        what `name_function` gives for it, or a list of paths. Elements are str or bytes, without their newline, which
        comes between them, and after the last with `last_endline`. With `encoding=None` bytes are written as they are.
        `compression` is inferred from the suffix (gz, bz2, xz, zst), or named, or None. With `compute=False` the result
        is a list of delayed values, each of which writes one file when it is computed. `options` are those of
        `bagkit.options`.

        A file is there as a whole or not at all, whatever breaks. `exist` says what happens to files that are there:
        "overwrite" replaces them one by one, and removes those that an earlier, larger run left under its manifest;
        "error" refuses; "resume" keeps those that an earlier run of the same plan over the same inputs completed.

        Raises PlanError for paths that do not fit, ResumeMismatchError where plan or inputs are others than they were,
        OutputExistsError, OutputBusyError while another run writes there, and OutputError for what can't be written.

        >>> import bagkit as bk, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> paths = bk.from_sequence(["a", "b", "c"], npartitions=2).to_textfiles(folder / "*.txt", scheduler="sync")
        >>> [pathlib.Path(path).read_text() for path in paths]
        ['a', 'b\\nc']
        """
        from bagkit.io.output.sinks import plan_lines

        encode = ops.EncodeText(encoding)
        sink = plan_lines(
            "to_textfiles",
            path,
            self.npartitions,
            suffix=".part",
            name_function=name_function,
            compression=compression,
            storage_options=storage_options,
            exist=exist,
            gives="paths",
            mark=encode.mark,
            separator=encode.newline,
            last_separator=last_endline,
        )
        return written(self._then(encode).plan, sink, compute, options)

    @overload
    def to_jsonl(self, path: Paths, *, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                 default: Callable[[Any], Any] | None = ..., allow_nan: bool = ..., exist: Exist = ...,
                 storage_options: Mapping[str, Any] | None = ..., compute: Literal[True] = ...,
                 **options: Unpack[PlainKeywords]) -> Manifest: ...  # fmt: skip
    @overload
    def to_jsonl(self, path: Paths, *, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                 default: Callable[[Any], Any] | None = ..., allow_nan: bool = ..., exist: Exist = ...,
                 storage_options: Mapping[str, Any] | None = ..., compute: Literal[True] = ...,
                 **options: Unpack[CollectKeywords]) -> Collected[Manifest]: ...  # fmt: skip
    @overload
    def to_jsonl(self, path: Paths, *, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                 default: Callable[[Any], Any] | None = ..., allow_nan: bool = ..., exist: Exist = ...,
                 storage_options: Mapping[str, Any] | None = ..., compute: Literal[False]) -> Writes: ...  # fmt: skip
    def to_jsonl(
        self,
        path: Paths,
        *,
        name_function: Callable[[int], str] | None = None,
        compression: str | None = "infer",
        default: Callable[[Any], Any] | None = None,
        allow_nan: bool = False,
        exist: Exist = "error",
        storage_options: Mapping[str, Any] | None = None,
        compute: bool = True,
        **options: Any,
    ) -> Any:
        """Write a file of JSON lines for each partition, and return a Manifest: `paths`, `records`, `nbytes`.

        `path`, `name_function`, `compression`, `storage_options`, `compute`, `exist` and `options` are those of
        to_textfiles; in a directory files are `0.jsonl`. What is written is what `json.dumps` means, without spaces, in
        UTF-8: what it refuses goes through `default`, or raises TypeError. NaN and infinity raise ValueError unless
        `allow_nan`. Raises what to_textfiles raises.

        >>> import bagkit as bk, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> manifest = bk.from_sequence([{"name": "Ada", "x": None}]).to_jsonl(folder / "*.jsonl", scheduler="sync")
        >>> pathlib.Path(manifest.paths[0]).read_text(), manifest.records
        ('{"name":"Ada","x":null}\\n', 1)
        """
        from bagkit.io.output.sinks import plan_lines

        sink = plan_lines(
            "to_jsonl",
            path,
            self.npartitions,
            suffix=".jsonl",
            name_function=name_function,
            compression=compression,
            storage_options=storage_options,
            exist=exist,
            gives="manifest",
        )
        return written(self._then(ops.EncodeJson(default, allow_nan)).plan, sink, compute, options)

    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., compute: Literal[True] = ..., *,
                exist: Literal["error", "overwrite", "resume"] = ...,
                **options: Unpack[PlainKeywords]) -> list[str]: ...  # fmt: skip
    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., compute: Literal[True] = ..., *,
                exist: Literal["error", "overwrite", "resume"] = ...,
                **options: Unpack[CollectKeywords]) -> Collected[list[str]]: ...  # fmt: skip
    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., *, exist: Literal["error", "overwrite", "resume"] = ...,
                compute: Literal[False]) -> Writes: ...  # fmt: skip
    def to_avro(
        self,
        filename: Paths,
        schema: Mapping[str, Any],
        name_function: Callable[[int], str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        codec: str = "null",
        sync_interval: int = 16000,
        metadata: Mapping[str, str] | None = None,
        compute: bool = True,
        *,
        exist: Literal["error", "overwrite", "resume"] = "error",
        **options: Any,
    ) -> Any:
        """Write an Avro file for each partition, and return the list of their paths.

        `filename`, `name_function`, `storage_options`, `compute`, `exist` and `options` are those of to_textfiles; in a
        directory files are `0.avro`. `schema` is a record's, as a dict; a record that does not fit it raises what
        fastavro raises, a value that would be read back as another ColumnTypeError, and fields that it does not name
        are left out. `codec` compresses the blocks inside, of about `sync_interval` bytes: "null", "deflate", "bzip2",
        "xz", or with the extra `avro-codecs` "snappy", "zstandard", "lz4". `metadata` goes into the header. Needs the
        extra `avro`. Raises what to_textfiles raises.

        >>> import bagkit as bk, tempfile
        >>> schema = {"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}
        >>> paths = bk.from_sequence([{"n": 1}, {"n": 2}]).to_avro(tempfile.mkdtemp(), schema, scheduler="sync")
        >>> bk.read_avro(paths).compute(scheduler="sync")
        [{'n': 1}, {'n': 2}]
        """
        from bagkit.io.output.avro import plan_avro_files

        encode, sink = plan_avro_files(
            filename,
            self.npartitions,
            schema,
            name_function=name_function,
            storage_options=storage_options,
            codec=codec,
            sync_interval=sync_interval,
            metadata=metadata,
            exist=exist,
        )
        return written(self._then(encode).plan, sink, compute, options)


@overload
def to_textfiles(b: Bag[Any], path: Paths, name_function: Callable[[int], str] | None = ...,
                 compression: str | None = ..., encoding: str | None = ..., compute: Literal[True] = ...,
                 storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ..., *, exist: Exist = ...,
                 **options: Unpack[PlainKeywords]) -> list[str]: ...  # fmt: skip
@overload
def to_textfiles(b: Bag[Any], path: Paths, name_function: Callable[[int], str] | None = ...,
                 compression: str | None = ..., encoding: str | None = ..., compute: Literal[True] = ...,
                 storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ..., *, exist: Exist = ...,
                 **options: Unpack[CollectKeywords]) -> Collected[list[str]]: ...  # fmt: skip
@overload
def to_textfiles(b: Bag[Any], path: Paths, name_function: Callable[[int], str] | None = ...,
                 compression: str | None = ..., encoding: str | None = ..., *, compute: Literal[False],
                 storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ...,
                 exist: Exist = ...) -> Writes: ...  # fmt: skip
@front_door
def to_textfiles(b: Bag[Any], path: Paths, name_function: Callable[[int], str] | None = None,
                 compression: str | None = "infer", encoding: str | None = "utf-8", compute: bool = True,
                 storage_options: Mapping[str, Any] | None = None, last_endline: bool = False,
                 **options: Any) -> Any:  # fmt: skip
    """Write a file of lines for each partition of `b`: `b.to_textfiles(...)`, which says what the arguments mean.

    >>> import bagkit as bk, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> paths = bk.to_textfiles(bk.from_sequence(["a", "b"], npartitions=1), folder / "*.txt", scheduler="sync")
    >>> pathlib.Path(paths[0]).read_text()
    'a\\nb'
    """
    bag: Any = b
    return bag.to_textfiles(
        path, name_function, compression, encoding, compute, storage_options, last_endline, **options
    )


class Writes(list["Delayed[Any]"], Item[Any]):  # type: ignore[misc]  # an item refuses to be indexed
    """What is still to be written: a list with a delayed value for each file, and an item that writes them all.

    A delayed value writes its file when it is computed, and is what there is to say of it: its path, or for to_jsonl
    what the manifest has. `bk.compute(*writes)` writes all in one run, and so do `dask.compute(*writes)` and
    `writes.compute()`, which gives what the writing method gives.

    >>> import bagkit as bk, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> writes = bk.from_sequence("ab", npartitions=2).to_textfiles(folder / "*.txt", compute=False)
    >>> [pathlib.Path(path).name for path in bk.compute(*writes, scheduler="sync")]
    ['0.txt', '1.txt']
    """

    def __init__(self, plan: Plan, count: int) -> None:
        from bagkit.lazy.delayed import delayed

        sink: Any = plan.op
        list.__init__(self, [delayed(Item(Plan(sink.part(number), (plan,)))) for number in range(count)])
        Item.__init__(self, plan)

    def __bool__(self) -> bool:  # type: ignore[override]
        return len(self) > 0

    def __repr__(self) -> str:
        return f"Writes of {len(self)} file{'s' if len(self) != 1 else ''}:\n{plan_text(self.plan)}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Writes, (self.plan, len(self))


def written(lines: Plan, sink: Sink, compute: bool, options: dict[str, Any]) -> Any:
    """Write the lines now and return what the sink gives, or what is to be written; for that there are no `options`."""
    plan = Plan(sink, (lines,))
    if not compute and options:
        raise PlanError(
            f"{sink.label}: {next(iter(options))!r} is an option of compute, and compute=False; "
            "hint: give it to item.compute(...)"
        )
    return Item(plan).compute(**options) if compute else Writes(plan, lines.npartitions)
