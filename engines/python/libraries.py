"""Windows of a minute in pandas, Polars and DuckDB, as one writes them without Spark: a file per way.

pandas.csv, polars.parquet: floats, each trade once, sorted by event time. pandas_local.csv: 10 seconds,
times of Kolkata without a zone. pandas_quick.csv, duckdb_quick.csv: nothing is refused, repeats count.
duckdb.parquet: decimals, columns without names of their own.
"""
import argparse
import json
import os

import duckdb
import pandas as pd
import polars as pl

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("messages", help="file of JSON lines")
arguments.add_argument("--out", default="libraries", help="folder of the files")
given = arguments.parse_args()
os.makedirs(given.out, exist_ok=True)
FIELDS = ["product_id", "trade_id", "time", "price", "last_size", "side"]


def file(name):
    return os.path.join(given.out, name)


def messages():
    """What is JSON, in the order in which it came."""
    for line in open(given.messages, encoding="utf8"):
        try:
            message = json.loads(line)
        except ValueError:
            continue
        yield {name: message.get(name) for name in FIELDS}


rows = list(messages())

# pandas
frame = pd.DataFrame(rows)
frame["price"] = pd.to_numeric(frame["price"], errors="coerce")
frame["last_size"] = pd.to_numeric(frame["last_size"], errors="coerce")
frame["time"] = pd.to_datetime(frame["time"], errors="coerce", utc=True, format="ISO8601")


def candles(trades, size):
    windows = trades["price"].resample(size).ohlc()
    windows["volume"] = trades["last_size"].resample(size).sum()
    windows["trades"] = trades["price"].resample(size).size()
    return windows


is_trade = (frame["price"] > 0) & (frame["last_size"] >= 0) & frame["side"].isin(["buy", "sell"])
trades = frame[is_trade].drop_duplicates("trade_id").sort_values(["time", "trade_id"]).set_index("time")
minutes = candles(trades, "1min")
minutes["vwap"] = (trades["price"] * trades["last_size"]).resample("1min").sum() / minutes["volume"]
minutes.to_csv(file("pandas.csv"))
candles(trades.tz_convert("Asia/Kolkata").tz_localize(None), "10s").to_csv(file("pandas_local.csv"))
# sort_index() alone leaves trades of one time in any order.
quick = frame.dropna(subset=["time"]).set_index("time").sort_index()
quick = quick.groupby(quick.index.floor("min")).agg({"price": ["first", "last", "mean"], "trade_id": ["count"]})
quick.columns = quick.columns.map("_".join)
quick.to_csv(file("pandas_quick.csv"))

# Polars
polars = (
    pl.DataFrame([{name: None if row[name] is None else str(row[name]) for name in FIELDS} for row in rows])
    .with_columns(
        pl.col("time").str.to_datetime(time_zone="UTC", strict=False),
        pl.col("price", "last_size").cast(pl.Float64, strict=False),
    )
    .filter(pl.col("price") > 0, pl.col("last_size") >= 0, pl.col("side").is_in(["buy", "sell"]))
    .unique("trade_id", keep="first", maintain_order=True)
    .sort("time", maintain_order=True)
    .group_by_dynamic("time", every="1m")
    .agg(
        open=pl.col("price").first(),
        high=pl.col("price").max(),
        low=pl.col("price").min(),
        close=pl.col("price").last(),
        mean=pl.col("price").mean(),
        volume=pl.col("last_size").sum(),
        trades=pl.len(),
    )
)
polars.write_parquet(file("polars.parquet"))

# DuckDB
database = duckdb.connect()
database.execute("SET TimeZone = 'UTC'")
database.execute(
    """CREATE TABLE messages AS
    SELECT trade_id, side, try_cast(time AS TIMESTAMPTZ) AS time, price, last_size
    FROM read_json(?, format = 'newline_delimited', ignore_errors = true)""",
    [given.messages],
)
database.execute(
    f"""COPY (
        SELECT time_bucket(INTERVAL '1 minute', time) AS bucket, avg(try_cast(price AS DOUBLE)) AS avg_price,
            sum(try_cast(last_size AS DOUBLE)) AS volume, count(*) AS n
        FROM messages WHERE time IS NOT NULL GROUP BY 1 ORDER BY 1
    ) TO '{file("duckdb_quick.csv")}'"""
)
database.execute(
    f"""COPY (
        WITH trades AS (
            SELECT DISTINCT ON (trade_id) trade_id, side, time, try_cast(price AS DECIMAL(18, 8)) AS price,
                try_cast(last_size AS DECIMAL(18, 8)) AS size
            FROM messages
            WHERE try_cast(price AS DECIMAL(18, 8)) > 0 AND try_cast(last_size AS DECIMAL(18, 8)) >= 0
        )
        SELECT date_trunc('minute', time) AS minute, count(*), max(price), min(price), sum(size), sum(price),
            max(trade_id), min(trade_id)
        FROM trades GROUP BY 1 ORDER BY 1
    ) TO '{file("duckdb.parquet")}' (FORMAT parquet)"""
)
