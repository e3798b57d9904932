"""Windows in plain Python, standard library only: ticker messages (JSON lines) → one CSV.

It shares no code with the project: a second implementation of the same rules. Decimals are exact;
--float is what a script without Decimal computes.
"""
import argparse
import csv
import json
import sys
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("messages", nargs="?", help="file of JSON lines; standard input when left out")
arguments.add_argument("--out", help="the CSV; standard output when left out")
arguments.add_argument("--size", type=int, default=60, help="seconds per window")
arguments.add_argument("--lateness", type=int, help="seconds; without it nothing is late and all windows are written")
arguments.add_argument("--repeats", default="first", choices=["first", "all"], help="which count of one trade id")
arguments.add_argument("--float", action="store_true", help="64-bit floats instead of decimals")
given = arguments.parse_args()

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
SIZE = given.size * 1_000_000
SCALE = Decimal("0.00000001")
number = float if given.float else Decimal


def trade_of(line):
    """A message as a trade; None if it is not one."""
    try:
        message = json.loads(line)
        trade = {
            "product": message["product_id"],
            "id": message["trade_id"],
            "side": message["side"],
            "price": number(message["price"]),
            "size": number(message["last_size"]),
            "time": (datetime.fromisoformat(message["time"]) - EPOCH) // MICROSECOND,
        }
        is_trade = trade["price"] > 0 and trade["size"] >= 0 and trade["side"] in ("buy", "sell")
    except (ValueError, KeyError, TypeError, InvalidOperation):
        return None
    return trade if is_trade else None


def row_of(product, start, trades):
    prices = [trade["price"] for trade in trades]
    price_sum = sum(prices, number(0))
    volume = sum((trade["size"] for trade in trades), number(0))
    notional = sum((trade["price"] * trade["size"] for trade in trades), number(0))
    buys = sum(trade["side"] == "buy" for trade in trades)
    return {
        "product_id": product,
        "window_start": text_of(start),
        "window_end": text_of(start + SIZE),
        "trade_count": len(trades),
        "buy_count": buys,
        "sell_count": len(trades) - buys,
        "avg_price": quotient(price_sum, len(trades)),
        "min_price": min(prices),
        "max_price": max(prices),
        "price_range": max(prices) - min(prices),
        "price_sum": price_sum,
        "total_volume": volume,
        "notional": notional,
        "vwap": quotient(notional, volume),
        # The first and last to arrive, not the earliest and latest.
        "open_price": prices[0],
        "close_price": prices[-1],
    }


def quotient(dividend, divisor):
    if divisor == 0:
        return None
    if given.float:
        return dividend / divisor
    with localcontext() as context:
        context.prec = 60
        return (dividend / divisor).quantize(SCALE, rounding=ROUND_HALF_EVEN)


def text_of(microseconds):
    return (EPOCH + microseconds * MICROSECOND).strftime("%Y-%m-%dT%H:%M:%SZ")


def main():
    windows, closed, latest, seen = {}, {}, {}, set()
    for line in open(given.messages, encoding="utf8") if given.messages else sys.stdin:
        trade = trade_of(line)
        if trade is None:
            continue
        product, start = trade["product"], trade["time"] // SIZE * SIZE
        if given.repeats == "first":
            if (product, trade["id"]) in seen:
                continue
            seen.add((product, trade["id"]))
        latest[product] = max(latest.get(product, trade["time"]), trade["time"])
        if given.lateness is not None:
            watermark = latest[product] - given.lateness * 1_000_000
            for key in [key for key in windows if key[0] == product and key[1] + SIZE <= watermark]:
                closed[key] = windows.pop(key)
            if start + SIZE <= watermark:
                continue
        windows.setdefault((product, start), []).append(trade)
    if given.lateness is None:
        closed = windows
    rows = [row_of(product, start, trades) for (product, start), trades in sorted(closed.items())]
    with open(given.out, "w", newline="", encoding="utf8") if given.out else sys.stdout as out:
        writer = csv.DictWriter(out, rows[0].keys() if rows else ["window_start"])
        writer.writeheader()
        writer.writerows(rows)


main()
