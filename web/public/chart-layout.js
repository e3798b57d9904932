/* How rows and labels are laid out in a chart: pure functions for charts.js. */
(() => {
  const METRIC_LINES_MAX = 12;

  /** Labels of names that fit side by side; a long one keeps its beginning and its end. */
  function roomFor(plot, splits, names) {
    const CHARACTER = 7;
    const CHARACTERS_MAX = 18;
    const WIDE = 13;
    const short = (name) => {
      const signs = [...name];
      return signs.length > CHARACTERS_MAX ? `${signs.slice(0, 8).join("")}…${signs.slice(-9).join("")}` : name;
    };
    // Signs of East Asia and pictures are about twice as wide.
    const pixels = (label) => [...label].reduce((sum, sign) => sum + (sign >= "\u2e80" ? WIDE : CHARACTER), 0);
    const scale = plot.scales.x;
    const width = plot.over?.clientWidth || plot.width - 70;
    const place = (i) => ((i - scale.min) / (scale.max - scale.min)) * width;
    let end = Number.NEGATIVE_INFINITY;
    return splits.map((i) => {
      const label = Number.isInteger(i) ? short(names[i] ?? "") : "";
      const half = pixels(label) / 2;
      if (label === "" || place(i) - half < end) return "";
      end = place(i) + half + CHARACTER;
      return label;
    });
  }

  /** The power of ten by which values are divided: uPlot has no ticks above 10^17 or below 10^-16. */
  function unitOf(largest) {
    if (largest === 0 || (largest >= 1e-6 && largest < 1e15)) return 1;
    return Math.max(10 ** Math.floor(Math.log10(largest)), Number.MIN_VALUE);
  }

  /** Numbers with enough digits to differ; very large and very small ones (`unit`) with an exponent. */
  function labelsOf(splits, unit = 1) {
    const step = Math.abs(splits[1] - splits[0]) || Math.abs(splits[0]) || 1;
    const largest = Math.max(...splits.map((value) => Math.abs(value ?? 0)));
    if (unit !== 1 || largest >= 1e15 || (largest > 0 && largest < 1e-6)) {
      const digits = Math.min(15, Math.max(0, Math.ceil(Math.log10(largest / step))));
      return splits.map((value) => (value == null ? "" : value === 0 ? "0" : (value * unit).toExponential(digits)));
    }
    const digits = Math.min(15, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + 1));
    return splits.map((value) => (value == null ? "" : value.toLocaleString("en", { maximumFractionDigits: digits })));
  }

  /** Pixels of the y axis: its longest label's. */
  function widthOf(_plot, labels) {
    const CHARACTER = 7.5;
    return Math.max(70, 22 + CHARACTER * Math.max(0, ...(labels ?? []).map((label) => label.length)));
  }

  /** Seconds since 1970 of a time as the server writes it; null for anything else, also `infinity`. */
  function timeOf(value) {
    const [, whole, fraction = ""] = /^(\d{4}-\d\d-\d\d(?:T[\d:]{8})?)(\.\d+)?Z?$/.exec(String(value)) ?? [];
    const ms = whole === undefined ? Number.NaN : Date.parse(whole.length > 10 ? `${whole}Z` : whole);
    return Number.isNaN(ms) ? null : ms / 1000 + Number(`0${fraction}`);
  }

  /** Seconds since midnight in UTC of a time of day, as DuckDB writes it; null for anything else. */
  function secondsOf(value) {
    const found = /^(\d\d):(\d\d):(\d\d(?:\.\d+)?)(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?$/.exec(String(value));
    if (found === null) return null;
    const [hours, minutes, seconds, sign, ...zone] = found.slice(1);
    const span = ([h = 0, m = 0, s = 0]) => Number(h) * 3600 + Number(m) * 60 + Number(s);
    return span([hours, minutes, seconds]) - (sign === "-" ? -1 : 1) * span(zone);
  }

  /** `08:05`, or `08:05:01.5`, of seconds since midnight. */
  function clockOf(seconds) {
    const two = (part) => String(Math.floor(part)).padStart(2, "0");
    const size = Math.abs(seconds);
    const rest = Math.round((size % 60) * 1e6) / 1e6;
    const tail = rest === 0 ? "" : `:${rest < 10 ? "0" : ""}${rest}`;
    return `${seconds < 0 ? "-" : ""}${two(size / 3600)}:${two((size / 60) % 60)}${tail}`;
  }

  const isNever = (value) => /^-?infinity$/.test(String(value));

  /** Whether the column holds times, by its type or its values; null and `infinity` don't count. */
  function isTimes({ rows: found, columns }, x) {
    if (/^(DATE|TIMESTAMP)/.test(columns.find(({ name }) => name === x)?.type ?? "")) return true;
    const given = found.map((row) => row[x]).filter((value) => value != null && !isNever(value));
    return given.length > 0 && given.every((value) => timeOf(value) !== null);
  }

  /** What is drawn of a result: x values and lines, and sentences about what is not. */
  function lay(answer) {
    const { chart: spec, rows: all_rows, row_count, columns } = answer;
    const isTime = isTimes(answer, spec.x);
    const isClock = /^TIME( |_NS|$)/.test(columns.find(({ name }) => name === spec.x)?.type ?? "");
    const numberOf = isTime ? timeOf : isClock ? secondsOf : null;
    const given = all_rows.filter((row) => row[spec.x] != null && !(isTime && isNever(row[spec.x])));
    const found = numberOf === null ? given : given.filter((row) => numberOf(row[spec.x]) !== null);
    const names = numberOf !== null ? null : [...new Set(found.map((row) => String(row[spec.x])))];
    const places = names && new Map(names.map((name, i) => [name, i]));
    const x = (row) => (numberOf !== null ? numberOf(row[spec.x]) : places.get(String(row[spec.x])));
    const isSplit = spec.series && new Set(found.map((row) => row[spec.series])).size > 1;
    const all = new Map();
    const counts = { again: 0, not_finite: 0 };
    for (const row of found) {
      for (const y of spec.y) {
        const label = isSplit ? `${row[spec.series]} ${y}` : y;
        if (!all.has(label)) all.set(label, { label, values: new Map() });
        const { values } = all.get(label);
        const value = row[y] === null ? null : Number(row[y]);
        // The scale needs room above the largest value.
        const isDrawn = value !== null && Math.abs(value) < Number.MAX_VALUE / 4;
        if ((values.get(x(row)) ?? null) !== null) counts.again++;
        else {
          // Null is a gap; a line without a row at x continues to its next one.
          values.set(x(row), isDrawn ? value : null);
          if (value !== null && !isDrawn) counts.not_finite++;
        }
      }
    }
    const xs = [...new Set(found.map(x))].sort((a, b) => a - b);
    const lines = [...all.values()].slice(0, METRIC_LINES_MAX);
    const left_out = [];
    if (all_rows.length < row_count)
      left_out.push(`${isTime ? "the newest" : "the first"} ${all_rows.length} of ${row_count} rows`);
    const rows = (count) => `${count} ${count === 1 ? "row" : "rows"}`;
    if (given.length < all_rows.length)
      left_out.push(`${rows(all_rows.length - given.length)} without ${spec.x} left out`);
    if (found.length < given.length)
      left_out.push(`${rows(given.length - found.length)} with ${spec.x} outside of the years 1 to 9999 left out`);
    if (counts.not_finite === 1) left_out.push("1 value is not finite: a gap");
    if (counts.not_finite > 1) left_out.push(`${counts.not_finite} values are not finite: gaps`);
    if (lines.length < all.size) left_out.push(`${lines.length} of ${all.size} lines`);
    if (counts.again > 0)
      left_out.push(`${counts.again} more values at the same ${spec.x}: series=COLUMN would split them`);
    return { xs, lines, ordinal: names, isClock, left_out };
  }

  /** Places of a line's values that have no neighbour: uPlot draws lines between values only. */
  function alone(values) {
    const found = [];
    let before = null;
    let last = -1;
    for (const [i, value] of values.entries()) {
      if (value === undefined) continue;
      // `last` waits for what comes after it.
      if (value === null && last >= 0 && before === null) found.push(last);
      if (value !== null) before = last >= 0 ? values[last] : null;
      last = value === null ? -1 : i;
    }
    if (last >= 0 && before === null) found.push(last);
    return found;
  }

  /** The y range: bars begin at zero, lines use the whole height. */
  function spread(min, max, fromZero) {
    if (min == null || max == null) return [0, 1];
    if (fromZero) return [Math.min(0, min * 1.05), Math.max(0, max * 1.05) || (min < 0 ? 0 : 1)];
    const size = Math.max(Math.abs(min), Math.abs(max)) || 1;
    // Below a thousand millionth of the value there are no ticks that differ.
    const room = Math.max((max - min || size) * 0.08, size * 5e-10);
    return [Math.max(min - room, -Number.MAX_VALUE / 4), Math.min(max + room, Number.MAX_VALUE / 4)];
  }

  window.tidemarkLayout = { roomFor, unitOf, labelsOf, widthOf, timeOf, clockOf, isTimes, lay, alone, spread };
})();
