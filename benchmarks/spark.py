"""The same questions put to PySpark, with the operations of its RDD: two threads of one Java process, no network."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from operator import add
from typing import Any

from benchmarks.contenders import Contender, Job, Setting

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


def spark_context(setting: Setting, keep: ExitStack) -> Any:
    """Return a SparkContext that stays for all repetitions; when measuring is over its process and its files go."""
    folder = tempfile.mkdtemp(prefix="bagkit-benchmark-")
    keep.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_PYTHON"] = sys.executable  # its workers are Python processes of their own
    import pyspark

    configuration: Any = pyspark.SparkConf()
    configuration.setMaster(f"local[{setting.workers}]").setAppName("benchmark")
    configuration.set("spark.local.dir", folder).setAll(SETTINGS.items())
    context: Any = pyspark.SparkContext(conf=configuration)
    keep.callback(context.stop)
    context.setLogLevel("OFF")
    return context


def contender(program: Callable[[Any], Any]) -> Contender:
    """Return the contender that applies `program` to the RDD of all records."""

    def pyspark(setting: Setting, keep: ExitStack) -> Job:
        context = spark_context(setting, keep)
        return lambda: program(context.textFile(",".join(setting.paths)).map(json.loads))

    return pyspark


def group(records: Any) -> Any:
    """Group all records by name; return how many there are of each."""
    return records.map(lambda record: (record["name"], record)).groupByKey().mapValues(len).collect()


def fold(records: Any) -> Any:
    """Sum the ages for each name, without groups."""
    return records.map(lambda record: (record["name"], record["age"])).reduceByKey(add).collect()


def distinct(records: Any) -> Any:
    """Count the distinct ids."""
    return records.map(lambda record: record["id"]).distinct().count()
