/** What `promtool check metrics` would report of a text in Prometheus' format; its rules, in short. */

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = `[a-zA-Z_]\\w*="(?:[^"\\\\]|\\\\["\\\\n])*"`;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (\\S+)$`);
const NUMBER = /^([+-]?Inf|NaN|-?\d+(\.\d+)?(e[+-]?\d+)?)$/;

interface Family {
  type?: string;
  hasHelp: boolean;
}

/** [] when the text is clean. */
export function promProblems(text: string): string[] {
  const found = text.endsWith("\n") ? [] : ["the last line does not end"];
  const families = new Map<string, Family>();
  const series = new Set<string>();
  const family = (name: string): Family => {
    const known = families.get(name) ?? { hasHelp: false };
    families.set(name, known);
    return known;
  };
  for (const line of text.split("\n").filter(Boolean)) {
    const [, kind, about, rest] = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line) ?? [];
    if (kind === "HELP") family(about!).hasHelp = true;
    if (kind === "TYPE") family(about!).type = rest;
    if (kind !== undefined) continue;
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
    if (name === undefined || !NUMBER.test(value!)) found.push(`not a sample: "${line}"`);
    else found.push(...sampleProblems(name, labels, families, series));
  }
  return [...found, ...[...families].flatMap(([name, one]) => familyProblems(name, one))];
}

function sampleProblems(
  name: string,
  labels: string,
  families: ReadonlyMap<string, Family>,
  series: Set<string>,
): string[] {
  const own = families.get(name) ?? families.get(name.replace(/_(sum|count|bucket)$/, ""));
  if (own === undefined) return [`${name}: it belongs to no family`];
  const key = `${name} ${labels
    .split(/,(?=[a-zA-Z_]\w*=")/)
    .sort()
    .join()}`;
  const isTwice = series.has(key);
  series.add(key);
  const isQuantile = /(^|,)quantile="/.test(labels);
  return [
    ...(isTwice ? [`${name}: twice the same series`] : []),
    ...(isQuantile && own.type !== "summary" ? [`${name}: only summaries have quantiles`] : []),
  ];
}

function familyProblems(name: string, { type, hasHelp }: Family): string[] {
  const rules: [isBroken: boolean, what: string][] = [
    [!hasHelp, "it has no help"],
    [type === undefined, "it has no type"],
    [type === "counter" && !name.endsWith("_total"), "a counter's name ends with _total"],
    [type !== "counter" && name.endsWith("_total"), "only counters end with _total"],
    [/[A-Z]|:/.test(name), "not in lower case with _"],
    [/_(s|ms|us|ns|sec|b|kb|mb|gb|tb|pb|m|h|d)(_|$)/.test(name), "an abbreviated unit"],
    [/(^|_)(gauge|counter|histogram|summary)(_|$)/.test(name), "its type is in its name"],
    [
      /(^|_)(milliseconds|microseconds|minutes|hours|days|weeks|kilobytes|megabytes|bits)(_|$)/.test(name),
      "not a base unit",
    ],
  ];
  return rules.filter(([isBroken]) => isBroken).map(([, what]) => `${name}: ${what}`);
}
