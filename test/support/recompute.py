"""Computes the measures of a data directory again, from its databases alone and with nothing but Python's own library.

argv: the directory, the product, the window size in microseconds. Prints one JSON object, durations in milliseconds.
It reads an embedded log; every rule is written here a second time, from docs/semantics.md and docs/measures.md.
"""
import json, math, os, sqlite3, struct, sys
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation

root, product, size_us = sys.argv[1], sys.argv[2], int(sys.argv[3])
SAMPLE_US = 1_000_000


def open_db(name):
    db = sqlite3.connect(f"file:{os.path.join(root, name)}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    return db


log, windows, results = open_db("log.db"), open_db("windows.db"), open_db("results.db")


def receipts(payload, at, count, appended_us):
    """One varint per record: 0 for none, 2d + 1 for d = appended - received >= 0, -2d for d < 0."""
    found = []
    for _ in range(count):
        code, shift = 0, 0
        while True:
            byte = payload[at]
            at += 1
            code |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append(None if code == 0 else appended_us - (code >> 1) if code & 1 else appended_us + (code >> 1))
    return found


def records():
    """Each record of the log: partition, offset, append time, receipt or None, value."""
    for position, count, appended_us, payload in log.execute("SELECT position, count, appended_us, payload FROM blocks ORDER BY position"):
        magic = payload[:4]
        assert magic in (b"TMB1", b"TMB2"), magic
        bounds = struct.unpack_from(f"<{count + 1}I", payload, 24)
        received = receipts(payload, bounds[count], count, appended_us) if magic == b"TMB2" else [None] * count
        for i in range(count):
            offset = position % 2**43 + i
            yield position // 2**43, offset, appended_us, received[i], payload[bounds[i] : bounds[i + 1]]


def microseconds(text):
    head, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.strptime(head, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp())
    return seconds * 1_000_000 + int((fraction + "000000")[:6])


def decimal_of(text):
    try:
        return Decimal(text)
    except (InvalidOperation, TypeError):
        return None


def parse(value):
    """("tick", fields), ("heartbeat", time) or None for what is not a valid trade of the product."""
    try:
        message = json.loads(value)
    except ValueError:
        return None
    if message.get("product_id") != product:
        return None
    if message.get("type") == "heartbeat":
        return "heartbeat", microseconds(message["time"])
    if message.get("type") != "ticker":
        return None
    price, size = decimal_of(message.get("price")), decimal_of(message.get("last_size"))
    if price is None or price <= 0 or size is None or size < 0:
        return None
    return "tick", (message["trade_id"], microseconds(message["time"]), price, size, message["side"])


def setting(db, name):
    row = db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


lateness_us = int(setting(windows, "lateness_us"))
max_skew_us = int(setting(windows, "max_skew_us"))


class Sums:
    """What a window adds up."""

    def __init__(self):
        self.count, self.price, self.volume, self.notional = 0, Decimal(0), Decimal(0), Decimal(0)

    def add(self, tick):
        _, _, price, size, _ = tick
        self.count, self.price, self.volume, self.notional = self.count + 1, self.price + price, self.volume + size, self.notional + price * size

    def equals(self, row):
        mine = (self.count, self.price, self.volume, self.notional)
        return mine == (row["trade_count"], Decimal(row["price_sum"]), Decimal(row["total_volume"]), Decimal(row["notional"]))


def place():
    """Reads the log once by the rules of the windows."""
    seen, final, whole, past_end, closers, ticks = set(), {}, {}, [], {}, []
    mark, closed_until, late, duplicates = -math.inf, -math.inf, 0, 0
    for partition, offset, appended_us, received_us, value in records():
        parsed = parse(value)
        if parsed is None:
            continue
        kind, content = parsed
        time_us = content if kind == "heartbeat" else content[1]
        if kind == "tick":
            if content[0] in seen:
                duplicates += 1
                continue
            seen.add(content[0])
        is_skewed = time_us - appended_us > max_skew_us
        if not is_skewed:
            mark = max(mark, time_us)
        horizon = mark - lateness_us
        if horizon > closed_until:
            for start in sorted(set(final) - set(closers)):
                if start + size_us <= horizon:
                    closers[start] = (partition, offset, time_us, received_us, appended_us)
            closed_until = horizon
        if kind == "heartbeat":
            continue
        ticks.append((partition, offset, received_us, time_us, is_skewed))
        start = time_us // size_us * size_us
        past_end.append((mark - start - size_us, start))
        whole.setdefault(start, Sums()).add(content)
        if start + size_us <= closed_until:
            late += 1
        else:
            final.setdefault(start, Sums()).add(content)
    return {"final": final, "whole": whole, "past_end": past_end, "closers": closers, "ticks": ticks, "late": late, "duplicates": duplicates, "mark": mark}


placed = place()


def clock():
    """The exchange's clock at a time of this machine: microseconds -> microseconds, or None where there is none."""
    with open(os.path.join(root, "feed.json")) as file:
        feed = json.load(file)
    replay = feed.get("replay")
    if feed["kind"] == "live":
        return (lambda t: t), feed
    if not replay or not replay["speed"]:
        return None, feed
    return (lambda t: replay["clock_us"] + (t - replay["as_of_us"]) * replay["speed"]), feed


exchange, feed = clock()
started_us = int(windows.execute("SELECT value FROM counters WHERE name = 'run_started_us'").fetchone()[0])
ended_us = feed.get("ended_us") or math.inf
runs = [
    {**json.loads(row["snapshot"]), "ended_us": row["ended_us"], "run_id": row["run_id"]}
    for row in results.execute("SELECT run_id, ended_us, snapshot FROM runs WHERE state = 'done' AND snapshot IS NOT NULL ORDER BY run_id")
]


def samples():
    """The samples since the start, at equal steps, up to the feed's end."""
    found = [
        dict(row)
        for row in windows.execute(
            "SELECT at_us, answer_us, received_us, waiting_us FROM answer_samples WHERE product_id = ? AND at_us >= ? AND at_us <= ? ORDER BY at_us",
            (product, started_us, ended_us if ended_us < math.inf else 2**53),
        )
    ]
    step = max((b["at_us"] - a["at_us"] for a, b in zip(found, found[1:])), default=SAMPLE_US)
    return [sample for sample in found if sample["at_us"] % step == 0]


def batch_at(sample):
    """What the newest ended run answers at a sample's time; None before the oldest run, unless a tick of it waits."""
    at_us = sample["at_us"]
    done = [run for run in runs if run["ended_us"] <= at_us]
    following = next((run for run in runs if run["ended_us"] > at_us), None)
    answer_us = done[-1]["newest_us"].get(product) if done else None
    waiting_us = following["waiting_us"].get(product) if following else None
    is_waiting = waiting_us is not None and waiting_us <= at_us
    if not done and not is_waiting:
        return None
    return {**sample, "answer_us": answer_us, "waiting_us": waiting_us if is_waiting else None}


def summary(values):
    if not values:
        return None
    ordered = sorted(values)
    quantile = lambda share: ordered[min(len(ordered), math.ceil(len(ordered) * share)) - 1] / 1000
    figures = {"samples": len(ordered), "mean_ms": sum(ordered) / len(ordered) / 1000, "max_ms": ordered[-1] / 1000}
    for name, share in (("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99)):
        if len(ordered) * (1 - share) > 10 - 1e-6:
            figures[name] = quantile(share)
    return figures


def ages(all_samples, field):
    if exchange is None:
        return None
    # A replay's clock runs since its first heartbeat; the page leaves out what was sampled before.
    began_us = feed["replay"].get("since_us", feed["run_started_us"]) if feed["kind"] == "replay" else 0
    return summary([exchange(s["at_us"]) - s[field] for s in all_samples if s[field] is not None and s["at_us"] >= began_us])


def lags(all_samples):
    return summary([0 if s["waiting_us"] is None else s["at_us"] - s["waiting_us"] for s in all_samples])


def first_run(partition, offset):
    """The first run that answers with a record; None if none does yet."""
    return next((run for run in runs if run["positions"].get(str(partition), 0) > offset), None)


def batch_latency():
    """Each tick's wait from its receipt to the end of the first run that answers with it."""
    waits = [(first_run(partition, offset), received_us) for partition, offset, received_us, _, _ in placed["ticks"]]
    return summary([run["ended_us"] - received_us for run, received_us in waits if run is not None and received_us is not None])


def batch_curve():
    """Shares of the ticks that a run had answered some seconds after their window's end, by the exchange's clock then."""
    late = []
    for partition, offset, _, time_us, _ in placed["ticks"]:
        run = first_run(partition, offset)
        if run is not None and run["exchange_us"] is not None:
            late.append(run["exchange_us"] - (time_us // size_us + 1) * size_us)
    share = lambda limit_us: sum(1 for us in late if us <= limit_us) / len(late)
    # A histogram counts what shares a bucket with the limit, of at most 1/32 of it, as later.
    return {f"at_{s}_s": [share(s * 1_000_000 * 32 / 33), share(s * 1_000_000)] for s in (0, 1, 2, 5, 10, 30, 60, 300)}


def median(values):
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) / 2) - 1]


def finality():
    """Event and machine parts of every window that the watermark has closed, for both pipelines."""
    found = {"mismatches": 0, "event": [], "stream": [], "batch": []}
    rows = windows.execute("SELECT * FROM closings WHERE product_id = ? AND size_us = ? AND committed_us >= ?", (product, size_us, started_us)).fetchall()
    for row in rows:
        partition, offset, time_us, received_us, appended_us = placed["closers"].get(row["window_start_us"], (None,) * 5)
        receipt = appended_us if received_us is None else received_us
        mine = (partition, offset, time_us, receipt)
        found["mismatches"] += mine != (row["log_partition"], row["log_offset"], row["closed_time_us"], row["received_us"])
        found["event"].append(time_us - row["window_start_us"] - size_us)
        found["stream"].append(row["committed_us"] - receipt)
        run = first_run(partition, offset)
        # What came before all ticks that the oldest run added was answered by a run that is forgotten.
        if run is not None and (run is not runs[0] or receipt >= min(run["waiting_us"].values(), default=math.inf)):
            found["batch"].append(run["ended_us"] - receipt)
    part = lambda values: {"windows": len(values), "p50_ms": median(values) / 1000, "max_ms": max(values) / 1000} if values else None
    return {"mismatches": found["mismatches"], **{name: part(found[name]) for name in ("event", "stream", "batch")}}


def completeness():
    """Of the windows that are closed: ticks in the final rows, and ticks of the same windows in the log."""
    rows = windows.execute("SELECT * FROM windows WHERE product_id = ? AND size_us = ? AND final = 1", (product, size_us)).fetchall()
    wrong = sum(1 for row in rows if not placed["final"][row["window_start_us"]].equals(row))
    in_answer = sum(row["trade_count"] for row in rows)
    in_log = sum(placed["whole"][row["window_start_us"]].count for row in rows)
    return {"windows": len(rows), "ticks": in_answer, "lacking": in_log - in_answer, "share": in_answer / in_log if in_log else None, "wrong_rows": wrong}


def agreement():
    """The batch's minutes against the stream's closed windows, each judged by the ticks of the log."""
    stored = results.execute("SELECT columns, rows FROM results WHERE metric = 'windows_by_minute'").fetchone()
    minutes = {microseconds(row["window_start"]): row for row in json.loads(stored["rows"]) if row["product_id"] == product}
    counts = {"compared": 0, "equal": 0, "explained": 0, "unexplained": 0}
    for row in windows.execute("SELECT * FROM windows WHERE product_id = ? AND size_us = ? AND final = 1", (product, size_us)):
        start = row["window_start_us"]
        if start not in minutes:
            continue
        counts["compared"] += 1
        final, whole, minute = placed["final"][start], placed["whole"][start], minutes[start]
        same = lambda sums: (sums.count, sums.volume) == (int(minute["trade_count"]), Decimal(str(minute["total_volume"])))
        right = final.equals(row) and same(whole)
        counts["unexplained" if not right else "equal" if final.count == whole.count else "explained"] += 1
    return counts


def lateness_curve():
    closable = set(placed["whole"])
    return [
        {
            "lateness_us": lateness * 1_000_000,
            "late_ticks": sum(1 for d, _ in placed["past_end"] if d >= lateness * 1_000_000),
            "ticks": len(placed["past_end"]),
            "windows_revised": len({start for d, start in placed["past_end"] if d >= lateness * 1_000_000}),
            "windows_closed": sum(1 for start in closable if start + size_us <= placed["mark"] - lateness * 1_000_000),
        }
        for lateness in (0, 1, 2, 5, 10, 30, 60, 120, 300)
    ]


def wrong_samples(all_samples):
    """Samples whose `received_us` is not the newest event time among the ticks received by then."""
    ticks = sorted((received_us, time_us) for _, _, received_us, time_us, skewed in placed["ticks"] if received_us is not None and not skewed)
    wrong, newest, at = 0, None, 0
    for sample in all_samples:
        while at < len(ticks) and ticks[at][0] <= sample["at_us"]:
            newest = ticks[at][1] if newest is None else max(newest, ticks[at][1])
            at += 1
        wrong += newest != sample["received_us"]
    return wrong


found = samples()
batch = [answer for answer in map(batch_at, found) if answer is not None]
print(
    json.dumps(
        {
            "counts": {name: placed[name] for name in ("late", "duplicates")} | {"ticks": len(placed["ticks"])},
            "wrong_samples": wrong_samples(found),
            "age": {"stream": ages(found, "answer_us"), "batch": ages(batch, "answer_us"), "perfect": ages([sample for sample in found if sample["answer_us"] is not None], "received_us")},
            "lag": {"stream": lags(found), "batch": lags(batch)},
            "batch_latency": batch_latency(),
            "batch_curve": batch_curve(),
            "finality": finality(),
            "completeness": completeness(),
            "agreement": agreement(),
            "lateness": lateness_curve(),
        }
    )
)
