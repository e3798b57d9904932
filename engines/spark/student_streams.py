"""Three queries in one application, as students write them: ANSI mode, a zone of their own, several partitions.

`ten_seconds`: decimals to CSV, a folder per product, times in the session's zone. `updates`: doubles,
candles of five minutes in update mode to a topic of JSON. `narrow_ids`: 32-bit trade ids to JSON files.
"""
import argparse
import glob
import os

from pyspark.sql import SparkSession
from pyspark.sql.functions import col, count, expr, first, from_json, last, struct, to_json, window
from pyspark.sql.functions import max as max_
from pyspark.sql.functions import min as min_
from pyspark.sql.functions import sum as sum_

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--brokers", default="localhost:9092")
arguments.add_argument("--topic", default="raw_prices")
arguments.add_argument("--out", default="students", help="folder of the files, and of a checkpoint per query")
arguments.add_argument("--out-topic", default="candles", help="the topic of `updates`; it must exist")
arguments.add_argument("--jars", required=True, help="folder of the Kafka connector's jars")
arguments.add_argument("--partitions", type=int, default=200, help="shuffle partitions")
arguments.add_argument("--starting", default="latest", help="of `narrow_ids`; the others read from the start")
arguments.add_argument("--per-batch", type=int, default=5_000, help="maxOffsetsPerTrigger; it ends when all is read")
given = arguments.parse_args()

spark = (
    SparkSession.builder.appName("students")
    .master(os.environ.get("SPARK_MASTER", "local[2]"))
    .config("spark.jars", ",".join(sorted(glob.glob(os.path.join(given.jars, "*.jar")))))
    .config("spark.sql.shuffle.partitions", given.partitions)
    .config("spark.sql.session.timeZone", "Asia/Kolkata")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")

MESSAGE = "product_id STRING, price STRING, last_size STRING, side STRING, time STRING, trade_id STRING"


def trades(number, starting="earliest"):
    """What can be cast; in ANSI mode try_cast makes nulls of the rest."""
    return (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", given.brokers)
        .option("subscribe", given.topic)
        .option("startingOffsets", starting)
        .option("maxOffsetsPerTrigger", given.per_batch)
        .load()
        .select(from_json(col("value").cast("string"), MESSAGE).alias("message"))
        .select(
            "message.product_id",
            expr("try_cast(message.trade_id AS BIGINT)").alias("trade_id"),
            expr("try_cast(message.time AS TIMESTAMP)").alias("time"),
            expr(f"try_cast(message.price AS {number})").alias("price"),
            expr(f"try_cast(message.last_size AS {number})").alias("size"),
        )
        .withWatermark("time", "1 minute")
    )


def start(name, windows, mode, sink, **options):
    query = windows.writeStream.queryName(name).outputMode(mode).format(sink).trigger(availableNow=True)
    query = query.option("checkpointLocation", os.path.join(given.out, name, "checkpoint"))
    if sink != "kafka":
        query = query.option("path", os.path.join(given.out, name, "windows"))
    if "folders" in options:
        query = query.partitionBy(options.pop("folders"))
    return query.options(**options).start()


exact = trades("DECIMAL(20, 8)").where("price > 0 AND size >= 0")
queries = [
    start(
        "ten_seconds",
        exact.groupBy("product_id", window("time", "10 seconds"))
        .agg(count("*").alias("trade_count"), sum_("size").alias("total_volume"), max_("price"), min_("price"))
        .select("product_id", "window.*", "trade_count", "total_volume", "max(price)", "min(price)"),
        "append",
        "csv",
        header=True,
        folders="product_id",
    ),
    start(
        "updates",
        trades("DOUBLE")
        .groupBy("product_id", window("time", "5 minutes"))
        .agg(
            first("price").alias("open"),
            max_("price").alias("high"),
            min_("price").alias("low"),
            last("price").alias("close"),
            sum_("size").alias("volume"),
            count("*").alias("trades"),
        )
        .select(col("product_id").alias("key"), to_json(struct("*")).alias("value")),
        "update",
        "kafka",
        **{"kafka.bootstrap.servers": given.brokers, "topic": given.out_topic},
    ),
]
# Outside ANSI mode a cast that does not fit wraps.
spark.conf.set("spark.sql.ansi.enabled", "false")
queries.append(
    start(
        "narrow_ids",
        trades("DECIMAL(20, 8)", given.starting)
        .where("price > 0 AND size >= 0")
        .withColumn("trade_id", col("trade_id").cast("int"))
        .groupBy("product_id", window("time", "1 minute"))
        .agg(count("*").alias("n"), sum_("size").alias("volume"), min_("trade_id"), max_("trade_id")),
        "append",
        "json",
    )
)
for query in queries:
    query.awaitTermination()
spark.stop()
