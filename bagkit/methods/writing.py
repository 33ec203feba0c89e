"""Methods that write the records to files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

from bagkit.computing import run
from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.item import Item
from bagkit.lazily import Lazily
from bagkit.light_classes import dataclass
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
    from bagkit.options import CollectOptions, ComputeOptions, PlainOptions
    from bagkit.plan.kinds import Sink
else:
    ops = Lazily("bagkit.ops.encoding")


Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Exist = Literal["error", "overwrite", "resume", "update"]


class Writing(Making[T_co]):
    """Methods that write a file for each partition."""

    __slots__ = ()

    @overload
    def to_textfiles(self, path: Paths, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                     encoding: str | None = ..., compute: Literal[True] = ...,
                     storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ..., *, exist: Exist = ...,
                     **options: Unpack[PlainOptions]) -> list[str]: ...  # fmt: skip
    @overload
    def to_textfiles(self, path: Paths, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                     encoding: str | None = ..., compute: Literal[True] = ...,
                     storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ..., *, exist: Exist = ...,
                     **options: Unpack[CollectOptions]) -> Collected[list[str]]: ...  # fmt: skip
    @overload
    def to_textfiles(self, path: Paths, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                     encoding: str | None = ..., compute: Literal[True] = ...,
                     storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ..., *, exist: Exist = ...,
                     **options: Unpack[ComputeOptions]) -> list[str] | Collected[list[str]]: ...  # fmt: skip
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
        **options: Unpack[ComputeOptions],
    ) -> Any:
        """Write a file of lines for each partition.

        The records are text or bytes without line ends; a newline comes between two of them. A file appears under its
        name when it is whole, whatever breaks.

        Args:
            path: A directory, whose files become `0.part`, `1.part` and so on; or a pattern with one `*`, which stands
                for the number of the partition; or a list of one path for each partition. URLs are paths too.
            name_function: A function of a partition's number that returns the text for the `*`. None: the number, with
                zeros in front, so that the names sort.
            compression: "infer": by the file's suffix (gz, bz2, xz, zst). A name such as "gzip": that. None: the files
                are not compressed.
            encoding: How text is encoded. None: the records are bytes, and are written as they are.
            compute: False writes nothing yet, and returns delayed values; their `explain()` shows what would run.
            storage_options: What fsspec needs to write to URLs. Not for local files.
            last_endline: Whether a newline follows the last record of a file too. Set it to True where records can be
                empty text.
            exist: What to do with files that are there. "overwrite": replace them one by one, and remove what an
                earlier, larger run left. "error": refuse. "resume": keep the files that an earlier run completed, if it
                had the same operations and inputs. "update": write what has changed since, and name files after inputs.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            The list of the files' paths. With `compute=False` a list of delayed values, one for each file;
            `bagkit.compute(*values)` writes the files. With `on_error="collect"` a Collected.

        Raises:
            PlanError: A path does not fit, two partitions would have the same path, or a file is also read from.
            OutputExistsError: Files are there, and `exist` is "error".
            ResumeMismatchError: `exist` is "resume", and the files there come from other operations or inputs.
            OutputBusyError: Another run writes to the same place.
            OutputError: A file can't be written.
            TypeError: A record is neither text nor bytes.

        >>> import bagkit as bk, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> paths = bk.from_sequence(["a", "b", "c"], npartitions=2).to_textfiles(folder / "*.txt", scheduler="sync")
        >>> [pathlib.Path(path).read_text() for path in paths]
        ['a\\nb', 'c']
        """
        from bagkit.io.output.sinks import plan_lines

        encode = ops.EncodeText(encoding)
        lines = self._then(encode).plan
        sink = plan_lines(
            "to_textfiles",
            path,
            lines,
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
        return written(lines, sink, compute, options)

    @overload
    def to_jsonl(self, path: Paths, *, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                 default: Callable[[Any], Any] | None = ..., allow_nan: bool = ..., exist: Exist = ...,
                 storage_options: Mapping[str, Any] | None = ..., compute: Literal[True] = ...,
                 **options: Unpack[PlainOptions]) -> Manifest: ...  # fmt: skip
    @overload
    def to_jsonl(self, path: Paths, *, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                 default: Callable[[Any], Any] | None = ..., allow_nan: bool = ..., exist: Exist = ...,
                 storage_options: Mapping[str, Any] | None = ..., compute: Literal[True] = ...,
                 **options: Unpack[CollectOptions]) -> Collected[Manifest]: ...  # fmt: skip
    @overload
    def to_jsonl(self, path: Paths, *, name_function: Callable[[int], str] | None = ..., compression: str | None = ...,
                 default: Callable[[Any], Any] | None = ..., allow_nan: bool = ..., exist: Exist = ...,
                 storage_options: Mapping[str, Any] | None = ..., compute: Literal[True] = ...,
                 **options: Unpack[ComputeOptions]) -> Manifest | Collected[Manifest]: ...  # fmt: skip
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
        **options: Unpack[ComputeOptions],
    ) -> Any:
        """Write a file of JSON lines for each partition.

        The text is what `json.dumps` writes, without spaces and in UTF-8. A file appears under its name when it is
        whole, whatever breaks.

        Args:
            path: A directory, whose files become `0.jsonl`, `1.jsonl` and so on; or a pattern with one `*`, which
                stands for the number of the partition; or a list of one path for each partition. URLs are paths too.
            name_function: A function of a partition's number that returns the text for the `*`. None: the number, with
                zeros in front, so that the names sort.
            compression: "infer": by the file's suffix (gz, bz2, xz, zst). A name such as "gzip": that. None: the files
                are not compressed.
            default: A function that is called with each value that JSON does not have, such as a date or a set, and
                returns one that it has. None: such a value is a TypeError.
            allow_nan: Whether NaN and infinity are written as `NaN` and `Infinity`, which is not JSON.
            exist: What to do with files that are there. "overwrite": replace them one by one, and remove what an
                earlier, larger run left. "error": refuse. "resume": keep the files that an earlier run completed, if it
                had the same operations and inputs. "update": write what has changed since, and name files after inputs.
            storage_options: What fsspec needs to write to URLs. Not for local files.
            compute: False writes nothing yet, and returns delayed values; their `explain()` shows what would run.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            A Manifest: the paths of the files, how many records and how many bytes they have. With `compute=False` a
            list of delayed values, one for each file; `bagkit.compute(*values)` writes the files. With
            `on_error="collect"` a Collected.

        Raises:
            PlanError: A path does not fit, two partitions would have the same path, or a file is also read from.
            OutputExistsError: Files are there, and `exist` is "error".
            ResumeMismatchError: `exist` is "resume", and the files there come from other operations or inputs.
            OutputBusyError: Another run writes to the same place.
            OutputError: A file can't be written.
            TypeError: JSON does not have the type of a value.
            ValueError: A value is NaN or infinite, and `allow_nan` is False.

        >>> import bagkit as bk, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> manifest = bk.from_sequence([{"name": "Ada", "x": None}]).to_jsonl(folder / "*.jsonl", scheduler="sync")
        >>> pathlib.Path(manifest.paths[0]).read_text(), manifest.records
        ('{"name":"Ada","x":null}\\n', 1)
        """
        from bagkit.io.output.sinks import plan_lines

        lines = self._then(ops.EncodeJson(default, allow_nan)).plan
        sink = plan_lines(
            "to_jsonl",
            path,
            lines,
            suffix=".jsonl",
            name_function=name_function,
            compression=compression,
            storage_options=storage_options,
            exist=exist,
            gives="manifest",
            separator=b"\n",
            last_separator=True,
        )
        return written(lines, sink, compute, options)

    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., compute: Literal[True] = ..., *,
                exist: Exist = ...,
                **options: Unpack[PlainOptions]) -> list[str]: ...  # fmt: skip
    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., compute: Literal[True] = ..., *,
                exist: Exist = ...,
                **options: Unpack[CollectOptions]) -> Collected[list[str]]: ...  # fmt: skip
    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., compute: Literal[True] = ..., *,
                exist: Exist = ...,
                **options: Unpack[ComputeOptions]) -> list[str] | Collected[list[str]]: ...  # fmt: skip
    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., *, exist: Exist = ...,
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
        exist: Exist = "error",
        **options: Unpack[ComputeOptions],
    ) -> Any:
        """Write an Avro file for each partition. Needs the extra `avro`.

        A file appears under its name when it is whole, whatever breaks.

        Args:
            filename: A directory, whose files become `0.avro`, `1.avro` and so on; or a pattern with one `*`, which
                stands for the number of the partition; or a list of one path for each partition. URLs are paths too.
            schema: The schema of a record, as a dict: `{"type": "record", "name": ..., "fields": [...]}`. A
                record with a field that it does not name is an error.
            name_function: A function of a partition's number that returns the text for the `*`. None: the number, with
                zeros in front, so that the names sort.
            storage_options: What fsspec needs to write to URLs. Not for local files.
            codec: How the blocks inside a file are compressed: "null" (not at all), "deflate", "bzip2" or "xz"; with
                the extra `avro-codecs` also "snappy", "zstandard" or "lz4".
            sync_interval: About how many bytes a block inside a file has, before it is compressed.
            metadata: Texts for the header of each file, by their names.
            compute: False writes nothing yet, and returns delayed values; their `explain()` shows what would run.
            exist: What to do with files that are there. "overwrite": replace them one by one, and remove what an
                earlier, larger run left. "error": refuse. "resume": keep the files that an earlier run completed, if it
                had the same operations and inputs. "update": write what has changed since, and name files after inputs.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            The list of the files' paths. With `compute=False` a list of delayed values, one for each file;
            `bagkit.compute(*values)` writes the files. With `on_error="collect"` a Collected.

        Raises:
            PlanError: A path does not fit, two partitions would have the same path, or a file is also read from.
            MismatchError: `schema` is not a schema of a record.
            MissingExtraError: fastavro, or what it needs for `codec`, is not installed.
            OutputExistsError: Files are there, and `exist` is "error".
            ResumeMismatchError: `exist` is "resume", and the files there come from other operations or inputs.
            OutputBusyError: Another run writes to the same place.
            OutputError: A file can't be written.
            ColumnTypeError: A value would be read back as another value. A record that does not fit the schema raises
                what fastavro raises.

        >>> import bagkit as bk, tempfile
        >>> schema = {"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}
        >>> paths = bk.from_sequence([{"n": 1}, {"n": 2}]).to_avro(tempfile.mkdtemp(), schema, scheduler="sync")
        >>> bk.read_avro(paths).compute(scheduler="sync")
        [{'n': 1}, {'n': 2}]
        """
        from bagkit.io.output.avro import plan_avro_files

        encode, sink = plan_avro_files(
            filename,
            self.plan,
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
                 **options: Unpack[PlainOptions]) -> list[str]: ...  # fmt: skip
@overload
def to_textfiles(b: Bag[Any], path: Paths, name_function: Callable[[int], str] | None = ...,
                 compression: str | None = ..., encoding: str | None = ..., compute: Literal[True] = ...,
                 storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ..., *, exist: Exist = ...,
                 **options: Unpack[CollectOptions]) -> Collected[list[str]]: ...  # fmt: skip
@overload
def to_textfiles(b: Bag[Any], path: Paths, name_function: Callable[[int], str] | None = ...,
                 compression: str | None = ..., encoding: str | None = ..., compute: Literal[True] = ...,
                 storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ..., *, exist: Exist = ...,
                 **options: Unpack[ComputeOptions]) -> list[str] | Collected[list[str]]: ...  # fmt: skip
@overload
def to_textfiles(b: Bag[Any], path: Paths, name_function: Callable[[int], str] | None = ...,
                 compression: str | None = ..., encoding: str | None = ..., *, compute: Literal[False],
                 storage_options: Mapping[str, Any] | None = ..., last_endline: bool = ...,
                 exist: Exist = ...) -> Writes: ...  # fmt: skip
@front_door
def to_textfiles(b: Bag[Any], path: Paths, name_function: Callable[[int], str] | None = None,
                 compression: str | None = "infer", encoding: str | None = "utf-8", compute: bool = True,
                 storage_options: Mapping[str, Any] | None = None, last_endline: bool = False, *,
                 exist: Exist = "overwrite", **options: Unpack[ComputeOptions]) -> Any:  # fmt: skip
    """Write a file of lines for each partition of `b`. `b.to_textfiles(...)` is the same.

    Args:
        b: A bag of text or bytes.
        path: A directory, whose files become `0.part`, `1.part` and so on; or a pattern with one `*`, which stands for
            the number of the partition; or a list of one path for each partition. URLs are paths too.
        name_function: A function of a partition's number that returns the text for the `*`. None: the number, with
            zeros in front, so that the names sort.
        compression: "infer": by the file's suffix (gz, bz2, xz, zst). A name such as "gzip": that. None: the files are
            not compressed.
        encoding: How text is encoded. None: the records are bytes, and are written as they are.
        compute: False writes nothing yet, and returns delayed values.
        storage_options: What fsspec needs to write to URLs. Not for local files.
        last_endline: Whether a newline follows the last record of a file too.
        exist: What to do with files that are there. "overwrite": replace them one by one, and remove what an earlier,
            larger run left. "error": refuse. "resume": keep the files that an earlier run completed, if it had the same
            operations and inputs. "update": write what has changed since, and name files after their inputs.
        **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
            `help(bagkit.set_options)` explains each.

    Returns:
        The list of the files' paths. With `compute=False` a list of delayed values, one for each file. With
        `on_error="collect"` a Collected.

    Raises:
        PlanError: A path does not fit, two partitions would have the same path, or a file is also read from.
        OutputBusyError: Another run writes to the same place.
        OutputError: A file can't be written.
        TypeError: A record is neither text nor bytes.

    >>> import bagkit as bk, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> paths = bk.to_textfiles(bk.from_sequence(["a", "b"], npartitions=1), folder / "*.txt", scheduler="sync")
    >>> pathlib.Path(paths[0]).read_text()
    'a\\nb'
    """
    bag: Any = b
    return bag.to_textfiles(
        path, name_function, compression, encoding, compute, storage_options, last_endline, exist=exist, **options
    )


@dataclass(repr=False)
class _OneField:
    files: list[Any]


class Writes(list["Delayed[Any]"], Item[Any]):  # type: ignore[misc]  # an item refuses to be indexed
    """Files that are still to be written: a list with a delayed value for each, and an Item that writes them all.

    `bagkit.compute(*writes)` writes all files in one run, and so do `dask.compute(*writes)` and `writes.compute()`. A
    delayed value computes to the path of its file, or for `to_jsonl` to what the manifest says of it;
    `writes.compute()` returns what the writing method returns.

    >>> import bagkit as bk, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> writes = bk.from_sequence("ab", npartitions=2).to_textfiles(folder / "*.txt", compute=False)
    >>> [pathlib.Path(path).name for path in bk.compute(*writes, scheduler="sync")]
    ['0.txt', '1.txt']
    """

    # dask takes every list for that alone, so for dask it is none of its collections, but a dataclass whose one field
    # is the list: dask computes what is in it, and makes another one of the values, which is a plain list.
    __dask_graph__ = None  # type: ignore[assignment]
    __dataclass_fields__ = _OneField.__dataclass_fields__
    __dataclass_params__ = _OneField.__dataclass_params__  # type: ignore[attr-defined]  # pprint asks for it

    def __new__(cls, files: Iterable[Any]) -> Any:
        return list(files)

    @classmethod
    def of(cls, plan: Plan, count: int) -> Writes:
        """Return what writes the `count` files of the sink of `plan`."""
        from bagkit.lazy.delayed import delayed

        made = list.__new__(cls)
        sink: Any = plan.op
        list.__init__(made, [delayed(Item(Plan(sink.part(number), (plan,)))) for number in range(count)])
        Item.__init__(made, plan)
        return made

    @property
    def files(self) -> list[Delayed[Any]]:
        """The delayed values, in a plain list."""
        return list(self)

    def __bool__(self) -> bool:  # type: ignore[override]
        return len(self) > 0

    def __repr__(self) -> str:
        return f"Writes of {len(self)} file{'s' if len(self) != 1 else ''}:\n{plan_text(self.plan)}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Writes.of, (self.plan, len(self))


def written(lines: Plan, sink: Sink, compute: bool, options: ComputeOptions) -> Any:
    """Write now, and return the result of the sink; or return values that write later: these take no `options`."""
    if not compute and options:
        raise PlanError(
            f"{sink.label}: {next(iter(options))!r} is an option of compute, and compute=False; "
            "hint: give it to item.compute(...)"
        )
    if not compute and getattr(sink, "exist", "") == "update":
        raise PlanError(
            f"{sink.label}: exist='update' looks for what has changed when it writes, and compute=False writes nothing "
            "yet; hint: leave out compute=False"
        )
    if compute:
        return run((Plan(sink, (lines,)),), options)[0]
    several: Any = sink  # runs, which know each other by a token
    import secrets

    return Writes.of(Plan(replace(several, token=secrets.token_hex(8)), (lines,)), lines.npartitions)
