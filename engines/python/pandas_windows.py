"""Minutes in pandas, as many notebooks compute them: ticker messages (JSON lines) → one CSV.

It needs pandas, which no test installs: test/fixtures/pandas has what pandas 3.1.1 wrote of the
disordered hour. Sums depend on the way: groups of a frame in log order are added by Kahan, resample
sorts by time and adds in pairs, each in the column's own width.
"""
import argparse
import json

import pandas

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("messages", help="file of JSON lines")
arguments.add_argument("--out", required=True, help="the CSV")
arguments.add_argument("--by", default="resample", choices=["resample", "groupby"])
arguments.add_argument("--closed", default="left", choices=["left", "right"], help="edge of resample's windows")
arguments.add_argument("--type", default="float64", choices=["float32", "float64"])
arguments.add_argument("--same", default="trade_id", help="columns by which repeats are dropped")
given = arguments.parse_args()


def trades():
    for line in open(given.messages, encoding="utf8"):
        try:
            message = json.loads(line)
            price, size = float(message["price"]), float(message["last_size"])
            time = pandas.Timestamp(message["time"])
            if price > 0 and size >= 0 and message["side"] in ("buy", "sell"):
                yield int(message["trade_id"]), time, price, size
        except (ValueError, KeyError, TypeError):
            continue


frame = pandas.DataFrame(trades(), columns=["trade_id", "time", "price", "size"])
frame = frame.drop_duplicates(given.same.split(","))
frame = frame.astype({"price": given.type, "size": given.type})
if given.by == "groupby":
    minutes = frame.groupby(frame["time"].dt.floor("1min"))
else:
    minutes = frame.set_index("time").resample("1min", closed=given.closed, label="left")
price = minutes["price"]
windows = pandas.DataFrame(
    {
        "trade_count": price.count(),
        "open": price.first(),
        "high": price.max(),
        "low": price.min(),
        "close": price.last(),
        "avg_price": price.mean(),
        "price_sum": price.sum(),
        "volume": minutes["size"].sum(),
    }
)
windows = windows[windows["trade_count"] > 0]
windows.index.name = "window_start"
windows.to_csv(given.out)
