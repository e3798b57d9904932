"""The batch job as the replaced pipeline wrote it: a table of SQLite by JDBC, one row of CSV per run."""
import argparse
import glob
import os
import time

from pyspark.sql import SparkSession
from pyspark.sql.functions import avg, col, count, lit, sum as sum_, when
from pyspark.sql.functions import max as max_
from pyspark.sql.functions import min as min_

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--db", default="crypto_prices.db")
arguments.add_argument("--out", default="batch_output")
arguments.add_argument("--jars", required=True, help="folder of sqlite-jdbc")
arguments.add_argument("--log", default="batch_log.txt")
given = arguments.parse_args()

spark = (
    SparkSession.builder.appName("BTCBatchProcessor")
    .master(os.environ.get("SPARK_MASTER", "local[2]"))
    .config("spark.jars", ",".join(sorted(glob.glob(os.path.join(given.jars, "*.jar")))))
    .config("spark.sql.ansi.enabled", "false")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")

began = time.time()
trades = (
    spark.read.format("jdbc")
    .option("url", f"jdbc:sqlite:{given.db}")
    .option("dbtable", "btc_prices")
    .option("driver", "org.sqlite.JDBC")
    .load()
    .dropDuplicates(["trade_id"])
)
summary = (
    trades.agg(
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
    .withColumn(
        "market_sentiment",
        when(col("buy_count") > col("sell_count") * 1.2, "Bullish")
        .when(col("sell_count") > col("buy_count") * 1.2, "Bearish")
        .otherwise("Neutral"),
    )
    .withColumn("volume_spike", when(col("total_volume") > 100, "Spike").otherwise("Normal"))
    .withColumn("buy_sell_ratio", col("buy_count") / (col("sell_count") + lit(0.00001)))
)
summary.coalesce(1).write.mode("append").option("header", True).csv(given.out)
with open(given.log, "a") as log:
    log.write(f"{time.time() - began:.2f}\n")
spark.stop()
