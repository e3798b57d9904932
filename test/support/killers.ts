/**
 * SQL that takes memory or nests without end; those that take seconds to reach the limit of memory,
 * and those that reach only that of time, run in sandbox.long.test.ts.
 */
const many = (count: number, text: (i: number) => string, between = ",") =>
  Array.from({ length: count }, (_, i) => text(i)).join(between);
const nested = (count: number, open: string, inner: string, close = "") =>
  `SELECT ${open.repeat(count)}${inner}${close.repeat(count)}`;

export const KILLERS: Record<string, string> = {
  "a list of 3 billion": "SELECT range(0, 3000000000)",
  "a sort of 200 million": "SELECT list_sort(range(200000000))",
  "a series": "SELECT generate_series(1, 3000000000)",
  "a resized list": "SELECT list_resize([1], 3000000000)",
  "a repeated text": "SELECT repeat('x', 2000000000)",
  "a formatted text": "SELECT format('{:2000000000d}', 1)",
  "a printed text": "SELECT printf('%2000000000d', 1)",
  "JSON 300,000 deep": `SELECT json_structure('${"[".repeat(300_000)}${"]".repeat(300_000)}')`,
  parentheses: nested(200_000, "(", "1", ")"),
  negations: nested(200_000, "NOT ", "true"),
  "nested lists": nested(100_000, "[", "1", "]"),
  "nested calls": nested(50_000, "abs(", "1", ")"),
  "nested cases": nested(30_000, "CASE WHEN true THEN ", "1", " END"),
  "nested subqueries": `SELECT * FROM ${"(SELECT * FROM ".repeat(5_000)}(SELECT 1)${")".repeat(5_000)}`,
  "a long sum": `SELECT 1${"+1".repeat(400_000)}`,
  "casts of casts": `SELECT 1${"::INT".repeat(150_000)}`,
  "a name of 900 kB": `SELECT 1 AS ${"x".repeat(900_000)}`,
  "a cell of 100 MB": "SELECT repeat('x', 100000000)",
  "80 MB of rows": "SELECT repeat('x', 8000) AS x FROM range(10000)",
  "an error of 20 MB": "SELECT error(repeat('x', 20000000))",
};

export const SLOW_KILLERS: Record<string, string> = {
  "100,000 columns": `SELECT ${many(100_000, (i) => `1 AS c${i}`)}`,
  "a doubled text": "WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) SELECT max(length(s)) FROM t",
  "lists of structs": "SELECT list({'a': r, 'b': repeat('x', 100)}) FROM range(30000000) t(r)",
  "a window's frames":
    "SELECT sum(list_sum(l)) FROM (SELECT list(r) OVER (ORDER BY r ROWS 1000000 PRECEDING) l FROM range(3000000) t(r))",
  "an aggregate outside the engine's account": "SELECT quantile_cont(r, 0.5), mode(r) FROM range(200000000) t(r)",
  "a cross join's list": "SELECT list(a.r * b.r) FROM range(100000) a(r), range(100000) b(r)",
  "a pivot of 50,000 columns":
    "FROM (PIVOT (SELECT r, r AS c, r AS v FROM range(50000) t(r)) ON c IN (1, 2) USING sum(v))",
  "200 joins": `SELECT count(*) FROM ${many(200, (i) => `range(2) a${i}`)}`,
  "a joined text": "SELECT string_agg(repeat('x', 1000000), '') FROM range(5000)",
  "a sort of rows": "SELECT * FROM range(300000000) t(r) ORDER BY hash(r)",
};

export const ENDLESS_KILLERS: Record<string, string> = {
  "an expression's replacement": "SELECT regexp_replace(repeat('a', 100000000), 'a', 'bbbbbbbbbbbbbbbbbbbb', 'g')",
  "60,000 alternatives": `SELECT 1 FROM range(10) t(r) WHERE ${many(60_000, (i) => `r = ${i}`, " OR ")}`,
  "50,000 unions": `SELECT 1 ${"UNION ALL SELECT 1 ".repeat(50_000)}`,
  "150,000 members": `SELECT 1 IN (${many(150_000, String)})`,
  "a padded text": "SELECT lpad('x', 2000000000, 'y')",
  "a bit string": "SELECT bitstring('1', 2000000000)",
  "a histogram": "SELECT histogram(r) FROM range(100000000) t(r)",
  "a split text": "SELECT string_split(repeat('a,', 200000000), ',')",
  "a flattened list": "SELECT flatten(list_transform(range(100000), lambda x: range(100000)))",
  "distinct texts": "SELECT count(DISTINCT r || 'abcdefghijklmnop') FROM range(100000000) t(r)",
};
