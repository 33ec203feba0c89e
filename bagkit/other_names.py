"""Names that pandas, Spark, SQL, jq and others have for what bagkit does: for hints where an attribute does not exist.

Each hint is code that runs, with `bag`, `item` and the like for what the user has.
"""

from __future__ import annotations

from collections.abc import Mapping

_FIRST = "bag.take(5)"
_RECORDS = "bag.compute()"
_COUNT = "bag.count().compute()"
_MAP = "bag.map(function)"
_CHANGED = "bag.map(lambda record: {**record, 'new': 1})"
_RENAMED = "bag.map(lambda record: {'new' if name == 'name' else name: value for name, value in record.items()})"
_WITHOUT = "bag.map(lambda record: {name: value for name, value in record.items() if name != 'name'})"
_IN_BATCHES = "bag.map_partitions(function)"
_FOLD = "bag.fold(binop)"
_FOLD_BY = "bag.foldby(key, binop)"

OF_BAGS: Mapping[str, str] = {
    **dict.fromkeys(("head", "first", "limit", "show", "display", "iloc", "loc", "nth", "slice", "islice"), _FIRST),
    **dict.fromkeys(("collect", "result", "run", "execute", "evaluate", "to_list", "tolist", "list", "get"), _RECORDS),
    **dict.fromkeys(("toList", "to_pylist", "collectAsList", "fetch", "fetchall"), _RECORDS),
    **dict.fromkeys(("to_dicts", "rows", "lazy", "rdd", "item"), _RECORDS),
    **dict.fromkeys(("size", "length", "len", "shape", "num_rows", "n_rows"), _COUNT),
    **dict.fromkeys(("select", "get_field", "getField", "field", "column", "columns"), "bag.pluck('name')"),
    **dict.fromkeys(("get_in", "selectExpr", "col"), "bag.pluck('name')"),
    **dict.fromkeys(("apply", "applymap", "transform", "map_elements", "pmap", "project"), _MAP),
    **dict.fromkeys(("clip", "unnest", "keymap", "itemmap", "merge_with", "update_in", "assoc"), _MAP),
    **dict.fromkeys(("rename", "withColumnRenamed"), _RENAMED),
    **dict.fromkeys(("drop", "drop_columns", "dissoc", "omit", "keyfilter"), _WITHOUT),
    **dict.fromkeys(("assign", "with_column", "with_columns", "withColumn", "update"), _CHANGED),
    **dict.fromkeys(("fillna", "fill_null", "astype", "cast", "replace"), _MAP),
    **dict.fromkeys(("where", "query", "loc_if", "find", "find_all", "keep_if"), "bag.filter(predicate)"),
    **dict.fromkeys(("reject", "filter_not", "filterNot"), "bag.remove(predicate)"),
    **dict.fromkeys(("dropna", "drop_nulls", "notna"), "bag.filter(lambda record: record is not None)"),
    **dict.fromkeys(("value_counts", "countByValue", "counts", "counter", "Counter"), "bag.frequencies()"),
    **dict.fromkeys(("unique", "drop_duplicates", "dropDuplicates", "dedup", "uniq"), "bag.distinct()"),
    **dict.fromkeys(("unique_by", "uniqBy", "distinct_by"), "bag.distinct(key)"),
    **dict.fromkeys(("nunique", "n_unique", "countDistinct"), "bag.distinct().count()"),
    **dict.fromkeys(("approx_count_distinct", "countApproxDistinct"), "bag.approx_distinct()"),
    **dict.fromkeys(("sort", "sorted", "sort_values", "sortBy", "order_by", "orderBy", "orderby"), "bag.sort_by(key)"),
    "sortByKey": "bag.sort_by(0)",
    **dict.fromkeys(("nlargest", "top", "takeOrdered", "largest"), "bag.topk(5, key)"),
    **dict.fromkeys(("nsmallest", "bottom", "smallest"), "bag.sort_by(key).take(5)"),
    **dict.fromkeys(("group_by", "groupBy", "group"), "bag.groupby(key)"),
    **dict.fromkeys(("agg", "aggregate_by", "reduceby", "reduce_by", "pivot_table", "pivot", "over"), _FOLD_BY),
    **dict.fromkeys(("reduce", "aggregate", "treeReduce", "treeAggregate"), _FOLD),
    **dict.fromkeys(("merge", "hash_join", "lookup_join"), "bag.join(other, key)"),
    "leftOuterJoin": "bag.join(other, key, how='left')",
    "rightOuterJoin": "bag.join(other, key, how='right')",
    "fullOuterJoin": "bag.join(other, key, how='outer')",
    **dict.fromkeys(("append", "extend", "concat", "unionAll", "unionByName", "chain"), "bag.union(other)"),
    **dict.fromkeys(("cartesian", "cross", "crossJoin", "cross_join"), "bag.product(other)"),
    **dict.fromkeys(("difference", "except_", "subtractByKey", "minus", "exceptAll"), "bag.subtract(other)"),
    **dict.fromkeys(("intersect", "intersect_all"), "bag.intersection(other)"),
    **dict.fromkeys(("flat", "concat_all"), "bag.flatten()"),
    **dict.fromkeys(("explode", "melt", "unpivot"), "bag.flat_map(function)"),
    **dict.fromkeys(("flatMap", "flatmap", "mapcat", "map_many", "select_many"), "bag.flat_map(function)"),
    **dict.fromkeys(("mapPartitions", "map_batches", "mapInPandas"), "bag.map_partitions(function)"),
    "mapPartitionsWithIndex": "bag.map_partitions_with_info(function)",
    **dict.fromkeys(("mapValues", "valmap"), "bag.map_values(function)"),
    "flatMapValues": "bag.flat_map_values(function)",
    "keyBy": "bag.key_by(function)",
    "groupByKey": "bag.group_by_key()",
    **dict.fromkeys(("reduceByKey", "foldByKey"), "bag.reduce_by_key(binop)"),
    "aggregateByKey": "bag.aggregate_by_key(zero, seq, comb)",
    "countByKey": "bag.count_by_key()",
    **dict.fromkeys(("collectAsMap", "to_dict", "toDict"), "dict(bag)"),
    **dict.fromkeys(("to_set", "toSet"), "set(bag)"),
    **dict.fromkeys(("zipWithIndex", "zipWithUniqueId", "enumerate", "with_row_index"), "bag.zip_with_index()"),
    **dict.fromkeys(("cumsum", "accumulate_by", "scan"), "bag.accumulate(binop)"),
    "cum_sum": "bag.accumulate(binop)",
    **dict.fromkeys(("rolling", "sliding_window", "windowed"), "bag.window(3)"),
    **dict.fromkeys(("diff", "shift", "pairwise"), "bag.window(2)"),
    "rank": "bag.sort_by(key).zip_with_index()",
    **dict.fromkeys(("duplicated", "is_duplicated"), "bag.frequencies().filter(lambda pair: pair[1] > 1)"),
    **dict.fromkeys(("batched", "chunk", "chunks", "chunked", "partition_all"), "bag.batch(100)"),
    **dict.fromkeys(("foreach", "for_each", "each", "do"), "bag.tap(function)"),
    **dict.fromkeys(("checkpoint", "localCheckpoint", "cacheTable", "broadcast", "scatter"), "bag.persist()"),
    **dict.fromkeys(("coalesce", "rechunk", "rebalance"), "bag.repartition(npartitions=4)"),
    **dict.fromkeys(("partitionBy", "shuffle_by"), "bag.partition_by(key)"),
    **dict.fromkeys(("getNumPartitions", "num_partitions", "npartition"), "bag.npartitions"),
    **dict.fromkeys(("prod", "multiply"), "bag.fold(operator.mul)"),
    **dict.fromkeys(("variance",), "bag.var()"),
    **dict.fromkeys(("stdev", "stddev"), "bag.std()"),
    **dict.fromkeys(("average", "avg"), "bag.mean()"),
    **dict.fromkeys(("describe", "summary", "summarize"), "bag.stats()"),
    **dict.fromkeys(("median",), "bag.quantiles(0.5)"),
    **dict.fromkeys(("quantile", "percentile", "approxQuantile"), "bag.quantiles([0.25, 0.5, 0.75])"),
    "mode": "bag.frequencies().topk(1, key=1)",
    **dict.fromkeys(("hist", "plot"), "bag.histogram(10)"),
    "sample": "bag.random_sample(0.1)",
    "takeSample": "bag.take_sample(5)",
    "sampleByKey": "bag.sample_by_key(fractions)",
    **dict.fromkeys(("randomSplit", "train_test_split", "split"), "bag.random_split([0.8, 0.2])"),
    **dict.fromkeys(("to_pandas", "toPandas", "toDF", "to_df", "DataFrame", "dataframe"), "bag.to_dataframe()"),
    **dict.fromkeys(("to_numpy", "toarray", "to_array"), "numpy.array(bag.compute())"),
    **dict.fromkeys(("to_json", "to_ndjson", "write_json", "write_jsonl", "write_ndjson"), "bag.to_jsonl('out')"),
    **dict.fromkeys(
        ("saveAsTextFile", "to_text", "write_text", "to_file", "write", "save"), "bag.map(str).to_textfiles('out')"
    ),
    **dict.fromkeys(("to_csv", "write_csv"), "bag.to_dataframe().to_csv('out.csv')"),
    **dict.fromkeys(("write_parquet", "saveAsParquetFile", "saveAsTable"), "bag.to_parquet('out.parquet')"),
    **dict.fromkeys(("to_duckdb", "to_table", "to_lance", "to_iceberg", "to_delta", "to_dataset"), "bag.to_arrow()"),
    **dict.fromkeys(("sql", "createOrReplaceTempView", "registerTempTable"), "bag.to_arrow()"),
    **dict.fromkeys(("to_mongo", "to_kafka", "to_bigquery", "to_redis", "to_elasticsearch"), _IN_BATCHES),
    **dict.fromkeys(("to_sql", "write_database", "to_db"), "bag.to_sqlite('out.db', 'records')"),
    **dict.fromkeys(("to_hdf", "to_h5", "write_hdf5"), "bag.to_hdf5('out.h5', 'records', format='table')"),
    **dict.fromkeys(("to_feather", "write_feather", "write_ipc"), "bag.to_polars().write_ipc('out.feather')"),
    **dict.fromkeys(("to_pickle", "saveAsPickleFile"), "bag.to_dataframe().to_pickle('out.pickle')"),
    **dict.fromkeys(("toDebugString", "info", "plan_text", "printSchema", "schema", "dtypes"), "bag.explain()"),
    "glimpse": "bag.profile()",
    **dict.fromkeys(("visualise", "draw", "graph"), "bag.visualize()"),
    **dict.fromkeys(("isEmpty", "is_empty", "empty"), "not bag.take(1, warn=False)"),
    **dict.fromkeys(("tail", "last"), "bag.compute()[-5:]"),
    **dict.fromkeys(("reverse", "reversed"), "bag.compute()[::-1]"),
    **dict.fromkeys(("iterrows", "itertuples", "toLocalIterator", "iter", "items", "iter_rows"), "iter(bag)"),
    **dict.fromkeys(("contains", "isin", "include", "includes"), "bag.map(lambda record: record == value).any()"),
    **dict.fromkeys(("zip", "zip_with"), "bagkit.zip(bag, other)"),
}
"""By the name of an attribute that bags do not have: what does its work."""

_VALUE = "item.compute()"
OF_ITEMS: Mapping[str, str] = {
    **dict.fromkeys(("result", "value", "get", "collect", "run", "execute", "item", "tolist", "show"), _VALUE),
    **dict.fromkeys(("map", "pipe", "then", "transform"), "item.apply(function)"),
}
"""The same for items."""

OF_MODULE: Mapping[str, str] = {
    **dict.fromkeys(("read_jsonl", "read_ndjson", "read_jsonlines", "from_json"), "bagkit.read_json(paths)"),
    **dict.fromkeys(("scan_ndjson", "load", "loads"), "bagkit.read_json(paths)"),
    **dict.fromkeys(("read_lines", "read_txt", "textFile", "from_textfiles", "open_files"), "bagkit.read_text(paths)"),
    **dict.fromkeys(("open", "read", "scan_lines"), "bagkit.read_text(paths)"),
    **dict.fromkeys(("from_csv", "scan_csv"), "bagkit.read_csv(paths)"),
    **dict.fromkeys(("wholeTextFiles", "read_bytes", "read_binary", "binaryFiles"), "bagkit.read_files(paths)"),
    **dict.fromkeys(("parallelize", "from_list", "from_iter", "from_iterable", "from_items", "from_records"),
                    "bagkit.from_sequence(records)"),
    **dict.fromkeys(("from_dicts", "from_dict", "from_rows", "from_generator", "DataFrame", "createDataFrame"),
                    "bagkit.from_sequence(records)"),
    **dict.fromkeys(("pmap", "map_async", "parallel", "imap", "starmap", "foreach"),
                    "bagkit.from_sequence(records).map(function)"),
    **dict.fromkeys(("from_pandas", "from_dataframe"),
                    "bagkit.from_sequence(frame.astype(object).where(frame.notna(), None).to_dict('records'))"),
    "from_polars": "bagkit.from_sequence(frame.to_dicts())",
    "from_arrow": "bagkit.from_sequence(table.to_pylist())",
    **dict.fromkeys(("scan_parquet", "from_parquet"), "bagkit.read_parquet(paths)"),
    **dict.fromkeys(("read_feather", "read_ipc"), "bagkit.from_sequence(polars.read_ipc(path).to_dicts())"),
    **dict.fromkeys(("read_hdf", "read_hdf5"), "bagkit.from_sequence(pandas.read_hdf(path).to_dict('records'))"),
    **dict.fromkeys(("read_sql", "read_sql_query", "read_sql_table", "read_database"),
                    "bagkit.read_sqlite(path, query), or bagkit.from_sequence(connection.execute(query).fetchall())"),
    "read_duckdb": "bagkit.from_sequence(connection.execute(query).fetchall())",
    **dict.fromkeys(("union", "chain"), "bagkit.concat(bags)"),
    **dict.fromkeys(("set_scheduler", "config"), "bagkit.options(scheduler='threads')"),
    **dict.fromkeys(("set_num_threads", "set_num_workers", "set_workers"), "bagkit.options(workers=4)"),
    **dict.fromkeys(("LocalCluster", "Pool", "SparkContext", "init", "start", "session"), "bagkit.Client(workers=4)"),
}  # fmt: skip
"""The same for bagkit itself."""


_MOST = "bag.topk(1, key)"
OF_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "max": {"key": _MOST, "by": _MOST},
    "min": dict.fromkeys(("key", "by"), "bag.sort_by(key).take(1)"),
    "random_sample": {
        **dict.fromkeys(("frac", "fraction", "p", "probability"), "bag.random_sample(0.1)"),
        **dict.fromkeys(("n", "k", "size"), "bag.take_sample(2)"),
    },
    "repartition": dict.fromkeys(("numPartitions", "n", "n_partitions", "num"), "bag.repartition(npartitions=4)"),
    "window": dict.fromkeys(("size", "window", "length"), "bag.window(3)"),
    "batch": dict.fromkeys(("size", "batch_size", "count"), "bag.batch(100)"),
    "groupby": {
        **dict.fromkeys(("sort", "as_index", "dropna"), "bag.groupby(key)"),
        **dict.fromkeys(("by", "key", "on", "column", "columns"), "bag.groupby(key)"),
        **dict.fromkeys(("agg", "func", "reduce"), _FOLD_BY),
    },
    "sort_by": {
        **dict.fromkeys(("by", "on", "column", "columns"), "bag.sort_by(key)"),
        **dict.fromkeys(("ascending", "descending", "desc"), "bag.sort_by(key, reverse=True)"),
    },
    "join": {
        **dict.fromkeys(("on", "by", "key"), "bag.join(other, key)"),
        **dict.fromkeys(("left_on", "right_on"), "bag.join(other, key, key)"),
        "type": "bag.join(other, key, how='left')",
    },
    "distinct": dict.fromkeys(("subset", "by", "on"), "bag.distinct(key)"),
    "frequencies": dict.fromkeys(("key", "by", "on", "subset"), "bag.map(key).frequencies()"),
    "topk": {
        "reverse": "bag.sort_by(key).take(2)",
        **dict.fromkeys(("n", "count"), "bag.topk(5, key)"),
        "by": "bag.topk(5, key)",
    },
    "count": dict.fromkeys(("key", "by", "predicate"), "bag.filter(predicate).count()"),
    **{
        name: dict.fromkeys(("key", "by", "on", "column"), f"bag.map(key).{name}()")
        for name in ("sum", "mean", "std", "var", "stats")
    },
}
"""By the name of a method, and of an argument that it does not have: what does its work."""


OF_MORE: Mapping[str, str] = {
    "pluck": "bag.pluck(['name', 'age'])",
    "flatten": "bag.flatten().flatten()",
    "persist": "bag.persist()",
    "concat": "bagkit.concat([bag, other])",
}
"""By the name of a method or a function that was given more arguments than it has: what does its work."""


OF_CSV: Mapping[str, str] = {
    **dict.fromkeys(("sep", "separator", "delim"), "delimiter=','"),
    **dict.fromkeys(("usecols", "use_columns"), "bagkit.read_csv(paths).pluck(['name', 'age'])"),
    **dict.fromkeys(("names", "new_columns", "schema"), "header=['name', 'age']"),
    **dict.fromkeys(("dtype", "dtypes", "converters", "parse_dates"), "bagkit.read_csv(paths).map(function)"),
    **dict.fromkeys(("nrows", "n_rows", "limit"), "bagkit.read_csv(paths).take(5)"),
}
"""By the name of an argument that `read_csv` does not have: what does its work."""


def argument_hint(method: str, message: str) -> str:
    """Return the hint for a call of a method with an argument that it does not have, which Python's error tells of.

    >>> argument_hint("max", "Bag.max() got an unexpected keyword argument 'key'")
    'hint: bag.topk(1, key)'
    """
    if "positional argument" in message and message.endswith("given"):
        return f"hint: {OF_MORE[method]}" if method in OF_MORE else ""
    _, found, name = message.partition("unexpected keyword argument '")
    hint = OF_ARGUMENTS.get(method, {}).get(name.partition("'")[0]) if found else None
    return f"hint: {hint}" if hint else ""


def missing_attribute(kind: str, name: str, others: Mapping[str, str], known: list[str]) -> AttributeError:
    """Return the error for an attribute that does not exist, with a hint if another name is known for it.

    >>> missing_attribute("a bag", "head", OF_BAGS, [])
    AttributeError("a bag has no attribute 'head'; hint: bag.take(5)")
    >>> missing_attribute("a bag", "frequncies", OF_BAGS, ["frequencies", "map"])
    AttributeError("a bag has no attribute 'frequncies'; did you mean 'frequencies'?")
    """
    if name in others:
        return AttributeError(f"{kind} has no attribute {name!r}; hint: {others[name]}")
    from difflib import get_close_matches

    close = get_close_matches(name, [each for each in known if each[0] != "_"], n=1, cutoff=0.7)
    return AttributeError(f"{kind} has no attribute {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
