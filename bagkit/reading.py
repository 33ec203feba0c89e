"""Bags that are read from files and URLs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from bagkit.bag import Bag
from bagkit.front_doors import front_door
from bagkit.ops.elementwise import MapLines
from bagkit.plan.node import Plan
from bagkit.sentinels import NOT_GIVEN

if TYPE_CHECKING:
    from bagkit.lazy.delayed_values import Delayed

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@overload
def read_text(urlpath: Paths, blocksize: int | str | None = ..., compression: str | None = ..., encoding: str = ...,
              errors: str = ..., linedelimiter: str | None = ..., collection: Literal[True] = ...,
              storage_options: Mapping[str, Any] | None = ..., files_per_partition: int | None = ...,
              include_path: Literal[False] = ..., max_line: int | str | None = ...) -> Bag[str]: ...  # fmt: skip
@overload
def read_text(urlpath: Paths, blocksize: int | str | None = ..., compression: str | None = ..., encoding: str = ...,
              errors: str = ..., linedelimiter: str | None = ..., collection: Literal[True] = ...,
              storage_options: Mapping[str, Any] | None = ..., files_per_partition: int | None = ..., *,
              include_path: Literal[True]) -> Bag[tuple[str, str]]: ...  # fmt: skip
@overload
def read_text(urlpath: Paths, blocksize: int | str | None = ..., compression: str | None = ..., encoding: str = ...,
              errors: str = ..., linedelimiter: str | None = ..., *, collection: Literal[False],
              storage_options: Mapping[str, Any] | None = ..., files_per_partition: int | None = ...,
              include_path: Literal[False] = ...) -> list[Delayed[list[str]]]: ...  # fmt: skip
@overload
def read_text(urlpath: Paths, blocksize: int | str | None = ..., compression: str | None = ..., encoding: str = ...,
              errors: str = ..., linedelimiter: str | None = ..., collection: bool = ...,
              storage_options: Mapping[str, Any] | None = ..., files_per_partition: int | None = ...,
              include_path: bool = ..., max_line: int | str | None = ...) -> Any: ...  # fmt: skip
@front_door
def read_text(
    urlpath: Paths,
    blocksize: int | str | None = None,
    compression: str | None = "infer",
    encoding: str = "utf-8",
    errors: str = "strict",
    linedelimiter: str | None = None,
    collection: bool = True,
    storage_options: Mapping[str, Any] | None = None,
    files_per_partition: int | None = None,
    include_path: bool = False,
    max_line: int | str | None = None,
) -> Any:
    """Return the bag of the lines of text files, as Python's text mode gives them: each with its "\\n".

    `urlpath` is a path, a pattern (`logs/*.json.gz`), a URL, or a list of those. There is one partition for each file,
    or for `files_per_partition` of them, or for about `blocksize` bytes ("10 MB") of a file that is not compressed.
    `compression` is inferred from the suffix (gz, bz2, xz, zst, lz4, snappy, zip with one file in it), or named, or
    None. With `linedelimiter` lines end there and nowhere else. With `include_path` records are `(line, path)`. With
    `collection=False` the result is a list of delayed values, each the list of a partition's lines. `storage_options`
    go to fsspec.

    A line takes once its length of memory, however long it is. With `max_line` a line of more bytes than that ("10 MB",
    its end counted, uncompressed) raises LineTooLongError when the bag is computed, before it is read to its end;
    `on_error="skip"` leaves it out. In an encoding whose line ends can't be found in bytes, such as UTF-16, characters
    are counted.

    Raises NoFilesError where nothing matches, SourceError for what can't be read, PlanError for options that do not go
    together.

    >>> import bagkit as bk, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("one\\ntwo\\n")
    >>> bk.read_text(folder / "*.txt").compute(scheduler="sync")
    ['one\\n', 'two\\n']
    """
    from bagkit.io.input.text import plan_text

    source = plan_text(
        urlpath,
        blocksize=blocksize,
        compression=compression,
        encoding=encoding,
        errors=errors,
        linedelimiter=linedelimiter,
        storage_options=storage_options,
        files_per_partition=files_per_partition,
        include_path=include_path,
        max_line=max_line,
    )
    bag: Bag[Any] = Bag(Plan(source))
    return bag if collection else bag.to_delayed()


@front_door
def read_json(
    urlpath: Paths,
    blocksize: int | str | None = None,
    compression: str | None = "infer",
    encoding: str = "utf-8",
    errors: str = "strict",
    storage_options: Mapping[str, Any] | None = None,
    files_per_partition: int | None = None,
    max_line: int | str | None = None,
) -> Bag[Any]:
    """Return the bag of the records of JSON lines files: `read_text(...).map(json.loads)`, and as strict.

    The arguments are those of read_text. A line that is no JSON, a blank one too, raises `json.JSONDecodeError` when
    the bag is computed, with the position in the line without its end; `on_error="skip"` leaves it out. Files that are
    one document each, over several lines, are read by `read_files(..., include_path=False).map(json.loads)`.

    >>> import bagkit as bk, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.json")
    >>> _ = path.write_text('{"name": "Ada"}\\n')
    >>> bk.read_json(path).pluck("name").compute(scheduler="sync")
    ['Ada']
    """
    lines: Bag[str] = read_text(
        urlpath,
        blocksize=blocksize,
        compression=compression,
        encoding=encoding,
        errors=errors,
        storage_options=storage_options,
        files_per_partition=files_per_partition,
        max_line=max_line,
    )
    return lines._then(MapLines(json.loads))


@front_door
def read_csv(
    urlpath: Paths,
    dialect: Any = "excel",
    *,
    header: bool | Sequence[str] = True,
    as_tuples: bool = False,
    restkey: Any = NOT_GIVEN,
    restval: Any = NOT_GIVEN,
    compression: str | None = "infer",
    encoding: str = "utf-8",
    errors: str = "strict",
    storage_options: Mapping[str, Any] | None = None,
    files_per_partition: int | None = None,
    include_path: bool = False,
    **csv_options: Any,
) -> Bag[Any]:
    """Return the bag of the rows of CSV files as the csv module reads them: dicts of text, or with `as_tuples` tuples.

    `dialect` and further arguments (`delimiter`, `quotechar`, `quoting`, ...) are the csv module's. `header` says that
    each file's first row has the names, or gives them where there is no such row. Blank lines are no rows. A row of
    more or fewer fields than names raises SourceError when the bag is computed, and `on_error="skip"` leaves it out;
    `restkey` and `restval` are what DictReader makes of it. The other arguments are those of read_text. There is one
    partition for each file, or for `files_per_partition`: where a row begins only the file's beginning tells.

    >>> import bagkit as bk, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.csv")
    >>> _ = path.write_text("name;n\\nAda;1\\n")
    >>> bk.read_csv(path, delimiter=";").compute(scheduler="sync")
    [{'name': 'Ada', 'n': '1'}]
    """
    from bagkit.io.input.csv import plan_csv

    source = plan_csv(
        urlpath,
        dialect,
        csv_options,
        header=header,
        as_tuples=as_tuples,
        restkey=restkey,
        restval=restval,
        compression=compression,
        encoding=encoding,
        errors=errors,
        storage_options=storage_options,
        files_per_partition=files_per_partition,
        include_path=include_path,
    )
    return Bag(Plan(source))


@front_door
def read_avro(
    urlpath: Paths,
    blocksize: int | str | None = NOT_GIVEN,  # type: ignore[assignment]
    storage_options: Mapping[str, Any] | None = None,
    compression: str | None = None,
) -> Bag[Any]:
    """Return the bag of the records of Avro files.

    There is one partition for about `blocksize` bytes of a file, for each file with None; 100 MB unless it is given,
    for files that can be cut. `compression` is of the file as a whole: "gzip", "infer", ... The other arguments are
    those of read_text. Needs the extra `avro`. Raises CorruptInputError for what is no whole Avro file.

    >>> import bagkit as bk, fastavro, tempfile
    >>> schema = {"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     fastavro.writer(file, schema, [{"n": 1}, {"n": 2}])
    ...     _ = file.flush()
    ...     bk.read_avro(file.name).compute(scheduler="sync")
    [{'n': 1}, {'n': 2}]
    """
    from bagkit.io.input.avro import plan_avro

    return Bag(Plan(plan_avro(urlpath, blocksize, storage_options, compression)))


@overload
def read_files(urlpath: Paths, *, binary: Literal[False] = ..., include_path: Literal[True] = ...,
               compression: str | None = ..., encoding: str = ..., errors: str = ...,
               storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ...) -> Bag[tuple[str, str]]: ...  # fmt: skip
@overload
def read_files(urlpath: Paths, *, binary: Literal[True], include_path: Literal[True] = ...,
               compression: str | None = ..., encoding: str = ..., errors: str = ...,
               storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ...) -> Bag[tuple[str, bytes]]: ...  # fmt: skip
@overload
def read_files(urlpath: Paths, *, binary: Literal[False] = ..., include_path: Literal[False],
               compression: str | None = ..., encoding: str = ..., errors: str = ...,
               storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ...) -> Bag[str]: ...  # fmt: skip
@overload
def read_files(urlpath: Paths, *, binary: Literal[True], include_path: Literal[False], compression: str | None = ...,
               encoding: str = ..., errors: str = ..., storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ...) -> Bag[bytes]: ...  # fmt: skip
@overload
def read_files(urlpath: Paths, *, binary: bool = ..., include_path: bool = ..., compression: str | None = ...,
               encoding: str = ..., errors: str = ..., storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ...) -> Bag[Any]: ...  # fmt: skip
@front_door
def read_files(
    urlpath: Paths,
    *,
    binary: bool = False,
    include_path: bool = True,
    compression: str | None = "infer",
    encoding: str = "utf-8",
    errors: str = "strict",
    storage_options: Mapping[str, Any] | None = None,
    files_per_partition: int | None = None,
) -> Bag[Any]:
    """Return the bag of `(path, content)` of files, each one record; without `include_path` of the contents alone.

    The content is text, as Python's text mode gives it, or with `binary` bytes. The other arguments are those of
    read_text, `compression` too: None gives what is in the file as it is. Text that does not decode raises
    UnicodeDecodeError when the bag is computed, and `on_error="skip"` leaves it out.

    >>> import bagkit as bk, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt")
    >>> _ = path.write_text("one\\ntwo\\n")
    >>> bk.read_files(path, include_path=False).compute(scheduler="sync")
    ['one\\ntwo\\n']
    """
    from bagkit.io.input.contents import plan_files

    source = plan_files(
        urlpath,
        binary=binary,
        include_path=include_path,
        compression=compression,
        encoding=encoding,
        errors=errors,
        storage_options=storage_options,
        files_per_partition=files_per_partition,
    )
    return Bag(Plan(source))


@front_door
def from_url(urls: str | Sequence[str]) -> Bag[bytes]:
    """Return the bag of the lines of what URLs give, as bytes with their line ends, in one partition for each URL.

    Computing it raises SourceError for what can't be read to its end. `read_text` takes URLs too, and gives text.

    >>> import bagkit as bk
    >>> bk.from_url("data:text/plain,one%0Atwo").compute(scheduler="sync")
    [b'one\\n', b'two']
    """
    from bagkit.io.input.web import plan_urls

    return Bag(Plan(plan_urls(urls)))
