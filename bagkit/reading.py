"""Bags that are read from files and URLs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from bagkit.bag import Bag
from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.ops.elementwise import MapLines
from bagkit.ops.parts_of_records import Columns
from bagkit.plan.kinds import Field, union
from bagkit.plan.node import Plan
from bagkit.sentinels import NOT_GIVEN

if TYPE_CHECKING:
    from bagkit.lazy.delayed_values import Delayed

Damaged: TypeAlias = Literal["raise", "skip_file", "keep"]
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@overload
def read_text(urlpath: Paths, blocksize: int | str | None = ..., compression: str | None = ..., encoding: str = ...,
              errors: str = ..., linedelimiter: str | None = ..., collection: Literal[True] = ...,
              storage_options: Mapping[str, Any] | None = ..., files_per_partition: int | None = ...,
              include_path: Literal[False] = ..., max_line: int | str | None = ...,
              damaged: Damaged = ...) -> Bag[str]: ...  # fmt: skip
@overload
def read_text(urlpath: Paths, blocksize: int | str | None = ..., compression: str | None = ..., encoding: str = ...,
              errors: str = ..., linedelimiter: str | None = ..., collection: Literal[True] = ...,
              storage_options: Mapping[str, Any] | None = ..., files_per_partition: int | None = ..., *,
              include_path: Literal[True], max_line: int | str | None = ...,
              damaged: Damaged = ...) -> Bag[tuple[str, str]]: ...  # fmt: skip
@overload
def read_text(urlpath: Paths, blocksize: int | str | None = ..., compression: str | None = ..., encoding: str = ...,
              errors: str = ..., linedelimiter: str | None = ..., *, collection: Literal[False],
              storage_options: Mapping[str, Any] | None = ..., files_per_partition: int | None = ...,
              include_path: Literal[False] = ..., max_line: int | str | None = ...,
              damaged: Damaged = ...) -> list[Delayed[list[str]]]: ...  # fmt: skip
@overload
def read_text(urlpath: Paths, blocksize: int | str | None = ..., compression: str | None = ..., encoding: str = ...,
              errors: str = ..., linedelimiter: str | None = ..., collection: bool = ...,
              storage_options: Mapping[str, Any] | None = ..., files_per_partition: int | None = ...,
              include_path: bool = ..., max_line: int | str | None = ...,
              damaged: Damaged = ...) -> Any: ...  # fmt: skip
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
    damaged: Damaged = "raise",
) -> Any:
    """Read text files line by line.

    The call lists the files and opens none. Lines are read when the bag is computed, as Python's text mode reads them:
    each record is one line with its "\\n". There is one partition for each file, unless `blocksize` or
    `files_per_partition` says otherwise.

    Args:
        urlpath: A path, a pattern such as `"logs/*.json.gz"`, a URL such as `"s3://bucket/logs/*.json"`, or a list of
            these. The files of a pattern are read in the order of their names.
        blocksize: About how many bytes of a file go into one partition: a number, or text such as "64 MiB". Only for
            files that are not compressed. None: the whole file; large files are read by several workers all the same.
        compression: "infer": by the file's suffix (gz, bz2, xz, zst, lz4, snappy, zip). A name such as "gzip": that,
            whatever the suffix says. None: the files are not compressed. From a zip archive each file is read.
        encoding: How text is encoded, by the name that Python has for it. Default: "utf-8".
        errors: What to do with bytes that do not decode: "strict" (an error), "replace", "ignore", or another word that
            `bytes.decode` takes.
        linedelimiter: The text that ends a line, such as "\\0" or "\\n\\n", if nothing else is to end it. None: "\\n",
            "\\r\\n" or "\\r" do, and the record has "\\n" in their place.
        collection: False returns a list of delayed values, one for each partition, in place of a bag.
        storage_options: What fsspec needs to open URLs, such as `{"anon": True}` or keys. Not for local files.
        files_per_partition: How many files go into one partition, from 1 up. Give it where there are thousands of small
            files. None: one. Not together with `blocksize`.
        include_path: Whether each record is `(line, path of its file)`; of an archive with several files the path goes
            on with the name of the file in it.
        max_line: How many bytes a line may have, its end included, after it is decompressed: a number, or text such as
            "10 MB". A longer line is a LineTooLongError, raised before it is read to its end. None: a line may be of
            any length, and is held in memory once. In encodings such as UTF-16 characters are counted.
        damaged: What to do about a compressed file that is cut off or damaged. "raise": a CorruptInputError. "keep":
            the whole lines before the damage stay, and nothing behind it is read. "skip_file": such a file has no
            records; files are read through first, to see. A DamagedInputWarning counts such files, and with
            `on_error="collect"` each is a Failure.

    Returns:
        A bag of text. With `collection=False` a list of delayed values, each a list of lines.

    Raises:
        NoFilesError: A path or a pattern names no file.
        SourceError: A file can't be read; also when the bag is computed.
        PlanError: An argument has a value that is not allowed, or arguments do not go together.
        MissingExtraError: A package that the files' compression or URL needs is not installed.
        CorruptInputError: When the bag is computed: a compressed file is cut off or damaged.
        UnicodeDecodeError: When the bag is computed: a line does not decode.
        LineTooLongError: When the bag is computed: a line is longer than `max_line`. `on_error="skip"` leaves it out.

    >>> import bagkit as bk, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("one\\ntwo\\n")
    >>> bk.read_text(folder / "*.txt").compute(scheduler="sync")
    ['one\\n', 'two\\n']
    """
    from bagkit.io.input.text import plan_text_files

    source = plan_text_files(
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
        damaged=damaged,
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
    *,
    columns: Sequence[str | tuple[str, ...]] | None = None,
    lines: bool = True,
    path: str | Sequence[str] | None = None,
    damaged: Damaged = "raise",
) -> Bag[Any]:
    """Read files of JSON: a record is what `json.loads` makes of a line, or with `lines=False` of a document.

    The call lists the files and opens none. If only some fields are used, as by `pluck`, only those are parsed. With
    `lines=False` a file may be one document or many, over several lines or behind each other; if a document is an
    array, each element is a record. A file is read a part at a time, whatever its size.

    Args:
        urlpath: A path, a pattern such as `"logs/*.json.gz"`, a URL such as `"s3://bucket/logs/*.json"`, or a list of
            these. The files of a pattern are read in the order of their names.
        blocksize: About how many bytes of a file go into one partition: a number, or text such as "64 MiB". Only for
            files that are not compressed. None: the whole file; large files are read by several workers all the same.
        compression: "infer": by the file's suffix (gz, bz2, xz, zst, lz4, snappy, zip). A name such as "gzip": that,
            whatever the suffix says. None: the files are not compressed. From a zip archive each file is read.
        encoding: How text is encoded, by the name that Python has for it. Default: "utf-8".
        errors: What to do with bytes that do not decode: "strict" (an error), "replace", "ignore", or another word that
            `bytes.decode` takes.
        storage_options: What fsspec needs to open URLs, such as `{"anon": True}` or keys. Not for local files.
        files_per_partition: How many files go into one partition, from 1 up. Give it where there are thousands of small
            files. None: one. Not together with `blocksize`.
        max_line: How many bytes a line may have, its end included, after it is decompressed: a number, or text such as
            "10 MB". A longer line is a LineTooLongError, raised before it is read to its end. None: a line may be of
            any length, and is held in memory once. In encodings such as UTF-16 characters are counted.
        columns: The fields that records are to have, such as `["name", ("address", "city")]`: a key, or a tuple of
            keys, each of the dict under the one before. Other fields are checked and not built, which takes a fraction
            of the time. Give it if bagkit can't see in your functions which fields they read. A field that a line does
            not have is not in its record; a record that is not a dict stays as it is. None: all fields.
        lines: Whether each line of a file is a document. False: documents may be written in any way that JSON allows.
        path: The keys that lead to an array in each document, as in "items" or "data.items"; a tuple of keys where one
            has a dot in it. The elements of the array are the records then. For `lines=False` only. None: no keys.
        damaged: What to do about a compressed file, or a document, that is cut off or damaged. "raise": a
            CorruptInputError. "keep": the lines or documents before the damage stay, and nothing behind it is read.
            "skip_file": such a file has no records; files are read through first, to see. A DamagedInputWarning counts
            such files, and with `on_error="collect"` each is a Failure.

    Returns:
        A bag of the values of the lines, or documents: mostly dicts.

    Raises:
        NoFilesError: A path or a pattern names no file.
        SourceError: A file can't be read; also when the bag is computed.
        PlanError: An argument has a value that is not allowed, or arguments do not go together.
        MissingExtraError: A package that the files' compression or URL needs is not installed.
        json.JSONDecodeError: When the bag is computed: a line is not JSON, or blank. `on_error="skip"` leaves it out.
        CorruptInputError: When the bag is computed: a compressed file is cut off or damaged; or the text around the
            documents of a file is not JSON, as when the end of an array is missing.
        LineTooLongError: When the bag is computed: a line is longer than `max_line`. `on_error="skip"` leaves it out.

    >>> import bagkit as bk, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.json")
    >>> _ = path.write_text('{"name": "Ada"}\\n')
    >>> bk.read_json(path).pluck("name").compute(scheduler="sync")
    ['Ada']
    >>> _ = path.write_text('{"name": "Ada", "address": {"city": "London", "zip": "W1"}, "born": 1815}\\n')
    >>> bk.read_json(path, columns=["name", ("address", "city")]).compute(scheduler="sync")
    [{'name': 'Ada', 'address': {'city': 'London'}}]
    >>> _ = path.write_text('{"next": null, "items": [\\n  {"name": "Ada"},\\n  {"name": "Bob"}\\n]}')
    >>> bk.read_json(path, lines=False, path="items").pluck("name").compute(scheduler="sync")
    ['Ada', 'Bob']
    """
    from bagkit.io.input.json_documents import plan_json

    fields = None if columns is None else fields_of("read_json", columns)
    source = plan_json(
        urlpath,
        lines=lines,
        path=path,
        blocksize=blocksize,
        compression=compression,
        encoding=encoding,
        errors=errors,
        storage_options=storage_options,
        files_per_partition=files_per_partition,
        max_line=max_line,
        damaged=damaged,
    )
    texts: Bag[str] = Bag(Plan(source))
    records: Bag[Any] = texts._then(MapLines(json.loads))
    return records if fields is None else records._then(Columns(fields))


def fields_of(function: str, columns: object) -> frozenset[Field]:
    """Return the fields that the user of a function asks for. Raises PlanError for what are none."""
    found = [_field(column) for column in columns] if isinstance(columns, (list, tuple)) else [None]
    if None in found:
        raise PlanError(
            f"{function}: columns is {columns!r}; expected a list of keys, and of tuples of keys for what is inside of "
            f'dicts; hint: {function}(path, columns=["name", ("address", "city")])'
        )
    return union(frozenset([field for field in found if field is not None]), frozenset()) or frozenset()


def _field(column: object) -> Field | None:
    keys = column if isinstance(column, tuple) else (column,)
    if not keys or not all(type(key) is str for key in keys):
        return None
    return keys if len(keys) > 1 else keys[0]


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
    damaged: Damaged = "raise",
    **csv_options: Any,
) -> Bag[Any]:
    """Read the rows of CSV files, as the csv module does.

    There is one partition for each file, unless `files_per_partition` says otherwise. A file can't be cut, because only
    a reader that begins at its start knows where rows begin. Blank lines are no rows. All values are text.

    Args:
        urlpath: A path, a pattern such as `"logs/*.json.gz"`, a URL such as `"s3://bucket/logs/*.json"`, or a list of
            these. The files of a pattern are read in the order of their names.
        dialect: A dialect of the csv module: its name, such as "excel" or "excel-tab", or the dialect itself.
        header: True: the first row of each file has the names of the fields. A list of names: no row has them. False:
            there are no names, which goes with `as_tuples=True` only.
        as_tuples: Whether a record is a tuple. Otherwise it is a dict by the names of the fields.
        restkey: The name for the list of surplus fields of a row, as for `csv.DictReader`. Without it a row with too
            many fields is a SourceError.
        restval: The value for missing fields of a row, as for `csv.DictReader`. Without it a row with too few fields is
            a SourceError.
        compression: "infer": by the file's suffix (gz, bz2, xz, zst, lz4, snappy, zip). A name such as "gzip": that,
            whatever the suffix says. None: the files are not compressed. From a zip archive each file is read.
        encoding: How text is encoded, by the name that Python has for it. Default: "utf-8".
        errors: What to do with bytes that do not decode: "strict" (an error), "replace", "ignore", or another word that
            `bytes.decode` takes.
        storage_options: What fsspec needs to open URLs, such as `{"anon": True}` or keys. Not for local files.
        files_per_partition: How many files go into one partition, from 1 up. Give it where there are thousands of small
            files. None: one.
        include_path: Whether each record comes with the path of its file, as `(record, path)`.
        damaged: What to do about a compressed file that is cut off or damaged. "raise": a CorruptInputError. "keep":
            the rows before the damage stay, and nothing behind it is read. "skip_file": such a file has no records;
            files are read through first, to see. A DamagedInputWarning counts such files, and with `on_error="collect"`
            each is a Failure.
        **csv_options: Details of the dialect: `delimiter`, `quotechar`, `doublequote`, `escapechar`,
            `skipinitialspace`, `quoting`, `strict`. The csv module's documentation explains them.

    Returns:
        A bag of dicts, or of tuples.

    Raises:
        NoFilesError: A path or a pattern names no file.
        SourceError: A file can't be read; also when the bag is computed. Also when the bag is computed: a row has too
            many fields or too few. `on_error="skip"` leaves it out.
        PlanError: An argument has a value that is not allowed, or arguments do not go together.
        CorruptInputError: When the bag is computed: a compressed file is cut off or damaged.

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
        damaged=damaged,
    )
    return Bag(Plan(source))


@front_door
def read_avro(
    urlpath: Paths,
    blocksize: int | str | None = NOT_GIVEN,  # type: ignore[assignment]  # dask's default is used then
    storage_options: Mapping[str, Any] | None = None,
    compression: str | None = None,
) -> Bag[Any]:
    """Read the records of Avro files. Needs the extra `avro`.

    Args:
        urlpath: A path, a pattern such as `"logs/*.json.gz"`, a URL such as `"s3://bucket/logs/*.json"`, or a list of
            these. The files of a pattern are read in the order of their names.
        blocksize: About how many bytes of a file go into one partition: a number, or text such as "64 MiB". None: the
            whole file. Default: 100 MB, where files can be cut.
        storage_options: What fsspec needs to open URLs, such as `{"anon": True}` or keys. Not for local files.
        compression: How the file as a whole is compressed: "infer", by its suffix; a name such as "gzip"; or None, not
            at all. The compression of the blocks inside a file needs no argument.

    Returns:
        A bag of dicts.

    Raises:
        NoFilesError: A path or a pattern names no file.
        SourceError: A file can't be read; also when the bag is computed.
        MissingExtraError: fastavro, or what it needs for a file, is not installed.
        PlanError: An argument has a value that is not allowed, or arguments do not go together.
        CorruptInputError: When the bag is computed: a file is not an Avro file, or is cut off or damaged.

    >>> import bagkit as bk, fastavro, tempfile
    >>> schema = {"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     fastavro.writer(file, schema, [{"n": 1}, {"n": 2}])
    ...     _ = file.flush()
    ...     bk.read_avro(file.name).compute(scheduler="sync")
    [{'n': 1}, {'n': 2}]
    """
    from bagkit.io.input.avro import plan_avro

    return Bag(Plan(plan_avro(urlpath, blocksize, storage_options=storage_options, compression=compression)))


@overload
def read_files(urlpath: Paths, *, binary: Literal[False] = ..., include_path: Literal[True] = ...,
               compression: str | None = ..., encoding: str = ..., errors: str = ...,
               storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ..., damaged: Damaged = ...) -> Bag[tuple[str, str]]: ...  # fmt: skip
@overload
def read_files(urlpath: Paths, *, binary: Literal[True], include_path: Literal[True] = ...,
               compression: str | None = ..., encoding: str = ..., errors: str = ...,
               storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ...,
               damaged: Damaged = ...) -> Bag[tuple[str, bytes]]: ...  # fmt: skip
@overload
def read_files(urlpath: Paths, *, binary: Literal[False] = ..., include_path: Literal[False],
               compression: str | None = ..., encoding: str = ..., errors: str = ...,
               storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ..., damaged: Damaged = ...) -> Bag[str]: ...  # fmt: skip
@overload
def read_files(urlpath: Paths, *, binary: Literal[True], include_path: Literal[False], compression: str | None = ...,
               encoding: str = ..., errors: str = ..., storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ..., damaged: Damaged = ...) -> Bag[bytes]: ...  # fmt: skip
@overload
def read_files(urlpath: Paths, *, binary: bool = ..., include_path: bool = ..., compression: str | None = ...,
               encoding: str = ..., errors: str = ..., storage_options: Mapping[str, Any] | None = ...,
               files_per_partition: int | None = ..., damaged: Damaged = ...) -> Bag[Any]: ...  # fmt: skip
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
    damaged: Damaged = "raise",
) -> Bag[Any]:
    """Read files whole: each file is one record.

    Args:
        urlpath: A path, a pattern such as `"logs/*.json.gz"`, a URL such as `"s3://bucket/logs/*.json"`, or a list of
            these. The files of a pattern are read in the order of their names.
        binary: Whether the content is bytes. Otherwise it is text, as Python's text mode reads it.
        include_path: Whether a record is `(path, content)`. Otherwise it is the content alone.
        compression: "infer": by the file's suffix (gz, bz2, xz, zst, lz4, snappy, zip). A name such as "gzip": that,
            whatever the suffix says. None: the files are not compressed. From a zip archive each file is read.
        encoding: How text is encoded, by the name that Python has for it. Default: "utf-8".
        errors: What to do with bytes that do not decode: "strict" (an error), "replace", "ignore", or another word that
            `bytes.decode` takes.
        storage_options: What fsspec needs to open URLs, such as `{"anon": True}` or keys. Not for local files.
        files_per_partition: How many files go into one partition, from 1 up. Give it where there are thousands of small
            files. None: one.
        damaged: What to do about a compressed file that is cut off or damaged. "raise": a CorruptInputError. "keep":
            the content before the damage stays, and nothing behind it is read. "skip_file": such a file has no records;
            files are read through first, to see. A DamagedInputWarning counts such files, and with `on_error="collect"`
            each is a Failure.

    Returns:
        A bag of pairs, or of contents.

    Raises:
        NoFilesError: A path or a pattern names no file.
        SourceError: A file can't be read; also when the bag is computed.
        PlanError: An argument has a value that is not allowed.
        UnicodeDecodeError: When the bag is computed: a text does not decode. `on_error="skip"` leaves it out.
        CorruptInputError: When the bag is computed: a compressed file is cut off or damaged.

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
        damaged=damaged,
    )
    return Bag(Plan(source))


@front_door
def from_url(urls: str | Sequence[str]) -> Bag[bytes]:
    """Read what URLs give, line by line, as bytes.

    `read_text` takes URLs too: it gives text, decompresses, and takes patterns.

    Args:
        urls: A URL, or a list of them. There is one partition for each.

    Returns:
        A bag of lines as bytes, with their line ends.

    Raises:
        PlanError: `urls` is neither.
        SourceError: When the bag is computed: a URL can't be read to its end.

    >>> import bagkit as bk
    >>> bk.from_url("data:text/plain,one%0Atwo").compute(scheduler="sync")
    [b'one\\n', b'two']
    """
    from bagkit.io.input.web import plan_urls

    return Bag(Plan(plan_urls(urls)))
