"""The stream job as the replaced pipeline wrote it: 32-bit floats, windows of a minute, append to CSV.

Rebuilt from its formats (docs/replaced-pipeline.md). Its mistakes are kept on purpose: casts to float
and int, malformed messages that become nulls, repeated trades that count twice, texts without a zone.
"""
import argparse
import glob
import os

from pyspark.sql import SparkSession
from pyspark.sql.functions import avg, col, count, date_format, from_json, lit, sum as sum_, to_timestamp, when, window
from pyspark.sql.functions import max as max_
from pyspark.sql.functions import min as min_
from pyspark.sql.types import StringType, StructField, StructType

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--brokers", default="localhost:9092")
arguments.add_argument("--topic", default="raw_prices")
arguments.add_argument("--out", default="stream_csv", help="folder of the CSV files")
arguments.add_argument("--checkpoint", default="checkpoint")
arguments.add_argument("--jars", required=True, help="folder of the Kafka connector's jars")
arguments.add_argument("--partitions", type=int, default=200, help="shuffle partitions")
arguments.add_argument("--starting", default="earliest", help="the replaced job's own: latest")
arguments.add_argument("--per-batch", type=int, help="maxOffsetsPerTrigger; then it ends when all is read")
arguments.add_argument("--console", action="store_true", help="its second query too: no checkpoint, update mode")
given = arguments.parse_args()

spark = (
    SparkSession.builder.appName("BTCStreamProcessor")
    .master(os.environ.get("SPARK_MASTER", "local[2]"))
    .config("spark.jars", ",".join(sorted(glob.glob(os.path.join(given.jars, "*.jar")))))
    .config("spark.sql.shuffle.partitions", given.partitions)
    # Spark 3.5, for which it was written, casts "abc" to null; Spark 4 would end the job.
    .config("spark.sql.ansi.enabled", "false")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")

FIELDS = ["price", "best_bid", "best_ask", "side", "time", "trade_id", "last_size"]
schema = StructType([StructField(name, StringType()) for name in FIELDS])

source = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", given.brokers)
    .option("subscribe", given.topic)
    .option("startingOffsets", given.starting)
)
if given.per_batch:
    source = source.option("maxOffsetsPerTrigger", given.per_batch)

trades = (
    source.load()
    .select(from_json(col("value").cast("string"), schema).alias("data"))
    .select("data.*")
    .withColumn("price", col("price").cast("float"))
    .withColumn("last_size", col("last_size").cast("float"))
    .withColumn("trade_id", col("trade_id").cast("int"))
    .withColumn("timestamp", to_timestamp(col("time")))
)

windows = (
    trades.withWatermark("timestamp", "1 minute")
    .groupBy(window(col("timestamp"), "1 minute"))
    .agg(
        avg("price").alias("avg_price"),
        max_("price").alias("max_price"),
        min_("price").alias("min_price"),
        sum_("last_size").alias("total_volume"),
        count("*").alias("trade_count"),
        sum_(when(col("side") == "buy", 1).otherwise(0)).alias("buy_count"),
        sum_(when(col("side") == "sell", 1).otherwise(0)).alias("sell_count"),
    )
    .withColumn("price_range", col("max_price") - col("min_price"))
    .withColumn("volatility_flag", when(col("price_range") > 50, "High").otherwise("Normal"))
    .withColumn("buy_sell_ratio", col("buy_count") / (col("sell_count") + lit(0.00001)))
    .withColumn(
        "market_sentiment",
        when(col("buy_count") > col("sell_count") * 1.2, "Bullish")
        .when(col("sell_count") > col("buy_count") * 1.2, "Bearish")
        .otherwise("Neutral"),
    )
    .withColumn("volume_spike", when(col("total_volume") > 100, "Spike").otherwise("Normal"))
    .select(
        date_format(col("window.start"), "yyyy-MM-dd HH:mm:ss").alias("window_start"),
        date_format(col("window.end"), "yyyy-MM-dd HH:mm:ss").alias("window_end"),
        "avg_price",
        "max_price",
        "min_price",
        "price_range",
        "volatility_flag",
        "total_volume",
        "trade_count",
        "buy_sell_ratio",
        "market_sentiment",
        "volume_spike",
    )
)

if given.console:
    windows.writeStream.outputMode("update").format("console").option("truncate", False).start()

files = (
    windows.writeStream.outputMode("append")
    .format("csv")
    .option("path", given.out)
    .option("checkpointLocation", given.checkpoint)
    .option("header", True)
)
if given.per_batch:
    files = files.trigger(availableNow=True)
files.start().awaitTermination()
