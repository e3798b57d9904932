"""The same windows as an expert would write them on Spark: exact decimals, one row per trade id, Parquet.

What cannot be a trade is refused before the watermark sees it; shuffle partitions follow the cores.
"""
import argparse
import glob
import os

from pyspark.sql import SparkSession
from pyspark.sql.functions import col, count, count_if, expr, from_json, window
from pyspark.sql.functions import max as max_
from pyspark.sql.functions import min as min_
from pyspark.sql.functions import sum as sum_

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--brokers", default="localhost:9092")
arguments.add_argument("--topic", default="raw_prices")
arguments.add_argument("--out", default="windows", help="folder of the files")
arguments.add_argument("--format", default="parquet", choices=["parquet", "csv"])
arguments.add_argument("--checkpoint", default="checkpoint")
arguments.add_argument("--jars", required=True, help="folder of the Kafka connector's jars")
arguments.add_argument("--lateness", default="1 minute")
arguments.add_argument("--size", default="1 minute", help="size of the windows")
arguments.add_argument("--partitions", type=int, default=os.cpu_count(), help="shuffle partitions")
arguments.add_argument("--starting", default="earliest")
arguments.add_argument("--per-batch", type=int, help="maxOffsetsPerTrigger; then it ends when all is read")
given = arguments.parse_args()

spark = (
    SparkSession.builder.appName("windows")
    .master(os.environ.get("SPARK_MASTER", "local[*]"))
    .config("spark.jars", ",".join(sorted(glob.glob(os.path.join(given.jars, "*.jar")))))
    .config("spark.sql.shuffle.partitions", given.partitions)
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")

source = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", given.brokers)
    .option("subscribe", given.topic)
    .option("startingOffsets", given.starting)
)
if given.per_batch:
    source = source.option("maxOffsetsPerTrigger", given.per_batch)

MESSAGE = "product_id STRING, price STRING, last_size STRING, side STRING, time STRING, trade_id BIGINT"
trades = (
    source.load()
    .select(from_json(col("value").cast("string"), MESSAGE).alias("message"))
    .select(
        "message.product_id",
        "message.trade_id",
        "message.side",
        expr("try_cast(message.time AS TIMESTAMP)").alias("time"),
        expr("try_cast(message.price AS DECIMAL(20, 8))").alias("price"),
        expr("try_cast(message.last_size AS DECIMAL(20, 8))").alias("size"),
    )
    .where("product_id IS NOT NULL AND trade_id IS NOT NULL AND time IS NOT NULL")
    .where("price > 0 AND size >= 0 AND side IN ('buy', 'sell')")
)

windows = (
    trades.withWatermark("time", given.lateness)
    .dropDuplicatesWithinWatermark(["product_id", "trade_id"])
    .groupBy("product_id", window("time", given.size))
    .agg(
        count("*").alias("trade_count"),
        count_if(col("side") == "buy").alias("buy_count"),
        count_if(col("side") == "sell").alias("sell_count"),
        sum_("price").alias("price_sum"),
        min_("price").alias("min_price"),
        max_("price").alias("max_price"),
        sum_("size").alias("total_volume"),
        sum_(expr("CAST(price * size AS DECIMAL(28, 16))")).alias("notional"),
    )
    .select(
        "product_id",
        col("window.start").alias("window_start"),
        col("window.end").alias("window_end"),
        "trade_count",
        "buy_count",
        "sell_count",
        expr("CAST(price_sum / trade_count AS DECIMAL(20, 8))").alias("avg_price"),
        "min_price",
        "max_price",
        expr("max_price - min_price").alias("price_range"),
        "price_sum",
        "total_volume",
        "notional",
    )
)

files = (
    windows.writeStream.outputMode("append")
    .format(given.format)
    .option("path", given.out)
    .option("checkpointLocation", given.checkpoint)
)
if given.format == "csv":
    files = files.option("header", True)
if given.per_batch:
    files = files.trigger(availableNow=True)
files.start().awaitTermination()
