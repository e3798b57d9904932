/* How rows and labels are laid out in a chart: pure functions of charts.js. */
(() => {
  const METRIC_LINES_MAX = 12;

  /** The labels of names that fit beside each other: each ends where the next begins, a long one keeps its begin and end, where names differ. */
  function roomFor(plot, splits, names) {
    const CHARACTER = 7;
    const CHARACTERS_MAX = 18;
    const short = (name) => (name.length > CHARACTERS_MAX ? `${name.slice(0, 8)}…${name.slice(-9)}` : name);
    const scale = plot.scales.x;
    const width = plot.over?.clientWidth || plot.width - 70;
    const place = (i) => ((i - scale.min) / (scale.max - scale.min)) * width;
    let end = Number.NEGATIVE_INFINITY;
    return splits.map((i) => {
      const label = Number.isInteger(i) ? short(names[i] ?? "") : "";
      const half = (label.length * CHARACTER) / 2;
      if (label === "" || place(i) - half < end) return "";
      end = place(i) + half + CHARACTER;
      return label;
    });
  }

  /** Numbers with as many digits as tell neighbours apart; very large and very small ones with an exponent. */
  function labelsOf(splits) {
    const step = Math.abs(splits[1] - splits[0]) || Math.abs(splits[0]) || 1;
    const largest = Math.max(...splits.map((value) => Math.abs(value ?? 0)));
    if (largest >= 1e15 || (largest > 0 && largest < 1e-6)) {
      const digits = Math.min(15, Math.max(0, Math.ceil(Math.log10(largest / step))));
      return splits.map((value) => (value == null ? "" : value === 0 ? "0" : value.toExponential(digits)));
    }
    const digits = Math.min(15, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + 1));
    return splits.map((value) => (value == null ? "" : value.toLocaleString("en", { maximumFractionDigits: digits })));
  }

  /** Pixels of the y axis: its longest label's. */
  function widthOf(_plot, labels) {
    const CHARACTER = 7.5;
    return Math.max(70, 22 + CHARACTER * Math.max(0, ...(labels ?? []).map((label) => label.length)));
  }

  /** Seconds since 1970 of a time as the server writes it; null of anything else, `infinity` among it. */
  function timeOf(value) {
    const ms = /^\d{4}-\d\d-\d\d(T|$)/.test(String(value)) ? Date.parse(value) : Number.NaN;
    return Number.isNaN(ms) ? null : ms / 1000;
  }

  const isNever = (value) => /^-?infinity$/.test(String(value));

  /** Whether the column is one of times; rows without one, or with `infinity`, don't count. */
  function isTimes(found, x) {
    const given = found.map((row) => row[x]).filter((value) => value != null && !isNever(value));
    return given.length > 0 && given.every((value) => timeOf(value) !== null);
  }

  /** What is drawn of a result: places, lines, and in words what is not. */
  function lay({ chart: spec, rows: all_rows, row_count }) {
    const isTime = isTimes(all_rows, spec.x);
    const found = all_rows.filter((row) => row[spec.x] != null && !(isTime && isNever(row[spec.x])));
    const names = isTime ? null : [...new Set(found.map((row) => String(row[spec.x])))];
    const places = names && new Map(names.map((name, i) => [name, i]));
    const x = (row) => (isTime ? timeOf(row[spec.x]) : places.get(String(row[spec.x])));
    const isSplit = spec.series && new Set(found.map((row) => row[spec.series])).size > 1;
    const all = new Map();
    const counts = { again: 0, not_finite: 0 };
    for (const row of found) {
      for (const y of spec.y) {
        const label = isSplit ? `${row[spec.series]} ${y}` : y;
        if (!all.has(label)) all.set(label, { label, values: new Map() });
        const { values } = all.get(label);
        const value = row[y] === null ? null : Number(row[y]);
        if (values.has(x(row))) counts.again++;
        // Half of what a number can hold is left to the scale.
        else if (value !== null && !(Math.abs(value) < Number.MAX_VALUE / 4)) counts.not_finite++;
        else if (value !== null) values.set(x(row), value);
      }
    }
    const xs = [...new Set(found.map(x))].sort((a, b) => a - b);
    const lines = [...all.values()].slice(0, METRIC_LINES_MAX);
    const left_out = [];
    if (all_rows.length < row_count)
      left_out.push(`${isTime ? "the newest" : "the first"} ${all_rows.length} of ${row_count} rows`);
    const without = all_rows.length - found.length;
    if (without > 0) left_out.push(`${without} ${without === 1 ? "row" : "rows"} without ${spec.x} left out`);
    if (counts.not_finite === 1) left_out.push("1 value is not finite: a gap");
    if (counts.not_finite > 1) left_out.push(`${counts.not_finite} values are not finite: gaps`);
    if (lines.length < all.size) left_out.push(`${lines.length} of ${all.size} lines`);
    if (counts.again > 0)
      left_out.push(`${counts.again} more values at the same ${spec.x}: series=COLUMN would split them`);
    return { xs, lines, ordinal: names, left_out };
  }

  window.tidemarkLayout = { roomFor, labelsOf, widthOf, timeOf, isTimes, lay };
})();
