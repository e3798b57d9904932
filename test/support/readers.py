"""Counts an archive's ticks as other programs do: argv[1] is archive/ticks. Prints one JSON object a round, {reader: count or error}; argv[2] rounds, 0 = until stdin ends."""
import glob, json, os, select, sys

import duckdb
import pandas
import polars
import pyarrow.dataset
import pyarrow.parquet

ticks, rounds = sys.argv[1], int(sys.argv[2])


def with_duckdb(pattern):
    return duckdb.connect().execute(f"SELECT count(*) FROM read_parquet('{ticks}/{pattern}')").fetchone()[0]


READERS = {
    "duckdb *": lambda: with_duckdb("*.parquet"),
    "duckdb **": lambda: with_duckdb("**/*.parquet"),
    "pandas": lambda: len(pandas.read_parquet(ticks)),
    "pyarrow dataset": lambda: pyarrow.dataset.dataset(ticks, format="parquet").count_rows(),
    "pyarrow table": lambda: pyarrow.parquet.read_table(ticks).num_rows,
    "polars folder": lambda: polars.scan_parquet(ticks).select(polars.len()).collect().item(),
    "polars glob": lambda: polars.scan_parquet(f"{ticks}/*.parquet").select(polars.len()).collect().item(),
    "glob and a loop": lambda: sum(pyarrow.parquet.read_metadata(f).num_rows for f in sorted(os.path.join(ticks, n) for n in os.listdir(ticks)) if f.endswith(".parquet")),
}


def count(reader):
    try:
        return reader()
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]}"


n = 0
while True:
    print(json.dumps({name: count(reader) for name, reader in READERS.items()}), flush=True)
    n += 1
    if n == rounds or (rounds == 0 and select.select([sys.stdin], [], [], 0)[0]):
        break
