"""The consumer as the replaced pipeline wrote it: messages on standard input → btc_prices in SQLite.

A message that lacks one of the seven fields is skipped, one that cannot be read is printed; the first
row of a trade_id stays.
"""
import argparse
import json
import sqlite3
import sys

FIELDS = ["trade_id", "price", "best_bid", "best_ask", "side", "time", "last_size"]

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--db", default="crypto_prices.db")
given = arguments.parse_args()

database = sqlite3.connect(given.db)
database.execute(
    """CREATE TABLE IF NOT EXISTS btc_prices (
        trade_id INTEGER PRIMARY KEY, price REAL, best_bid REAL, best_ask REAL, side TEXT, time TEXT, last_size REAL
    )"""
)
for line in sys.stdin:
    try:
        message = json.loads(line)
        if not all(field in message for field in FIELDS):
            continue
        row = (
            message["trade_id"],
            float(message["price"]),
            float(message["best_bid"]),
            float(message["best_ask"]),
            message["side"],
            message["time"],
            float(message["last_size"]),
        )
        database.execute("INSERT OR IGNORE INTO btc_prices VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    except (ValueError, TypeError) as error:
        print(f"Error: {error}", file=sys.stderr)
database.commit()
database.close()
