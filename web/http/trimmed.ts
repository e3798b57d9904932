/** Packages of the browser as the bundles have them: without the parts that no page of ours uses. */
import { basename } from "node:path";
import type { BunPlugin } from "bun";

/** A method of htmx's class, as its source has it; private names begin with #. */
const METHOD = /^ {8}(?:async )?(#?\w+)\([^\n]*\) \{\n(?:(?: {9}.*| *)\n)*? {8}\}\n/gm;

/** What we call; everything else of the class stays only if one of these leads to it. */
const ENTRIES = ["constructor", "swap"];

/**
 * Methods that swapping calls for what our HTML never has: attributes that send requests, elements of
 * other targets, indicators, transitions, extensions, listeners of its events. They do nothing.
 */
const UNUSED = new Map(
  Object.entries({
    initialize: "",
    process: "",
    "#initRequestIndicatorCss": "",
    "#cleanup": "",
    "#trigger": "return true;",
    "#triggerExtensions": "return true;",
    "#processOOB": "return [];",
    "#processPartials": "return [];",
    "#isBoosted": "return false;",
    "#resolveTarget": "return selector;",
    "#handlePreservedElements": "",
    "#restorePreservedElements": "",
    "#handleHistoryUpdate": "",
    "#handleScroll": "",
    "#handleAnchorScroll": "",
    "#startCSSTransitions": "return [];",
    "#submitTransitionTask": "",
  }),
);

/** What the constructor prepares for these, and the queue of requests. */
const HTMX_CUTS: [RegExp, string][] = [
  [/^ {4}class RequestQueue \{\n(?:.*\n)*? {4}\}\n/m, ""],
  [
    /^ {12}this\.#actionSelector = .*\n.*#hxOnQuery = .*\n.*#internalAPI = \{\n(?:.*\n)*? {12}\};\n/m,
    "            this.#internalAPI = { isSoftMatch: this.#isSoftMatch };\n",
  ],
];

/** Line shapes other than those that the charts draw: without them the bundler drops their code. */
const UPLOT_CUTS: [RegExp, string][] = [
  [/^\t\(paths\.stepped = stepped\);\n/m, ""],
  [/^\t\(paths\.bars {4}= bars\);\n/m, ""],
  [/^\t\(paths\.spline {2}= monotoneCubic\);\n/m, ""],
  [/^\tuPlot\.join = join;\n/m, ""],
];

/** For Bun.build. A version of a package whose text is another one fails the build with its name. */
export const trimmed: BunPlugin = {
  name: "trimmed",
  setup(build) {
    build.onLoad({ filter: /[/\\](?:htmx\.esm|uPlot\.esm)\.js$/ }, async ({ path }) => {
      const text = await Bun.file(path).text();
      return { contents: basename(path) === "uPlot.esm.js" ? cut(text, UPLOT_CUTS) : swapOf(text), loader: "js" };
    });
  },
};

/** htmx's source with its swap alone (docs/decisions/0102-htmx-without-requests.md). */
export function swapOf(source: string): string {
  const bodies = new Map<string, string>();
  const text = cut(source, HTMX_CUTS).replace(METHOD, (whole, name: string) => {
    const body = UNUSED.get(name);
    const kept = body === undefined ? whole : `${whole.slice(0, whole.indexOf("\n"))}\n${body}\n        }\n`;
    bodies.set(name, kept);
    return kept;
  });
  const absent = [...ENTRIES, ...UNUSED.keys()].filter((name) => !bodies.has(name));
  if (absent.length > 0) throw new Error(`this version of htmx has no ${absent.join(", ")}`);
  const reached = new Set(ENTRIES);
  for (const name of reached)
    for (const [, next] of bodies.get(name)!.matchAll(/\bthis\.(#?\w+)/g)) if (bodies.has(next!)) reached.add(next!);
  return text.replace(METHOD, (whole, name: string) => (reached.has(name) ? whole : ""));
}

function cut(source: string, cuts: readonly [RegExp, string][]): string {
  return cuts.reduce((text, [part, instead]) => {
    if (!part.test(text)) throw new Error(`this version of a package has no ${part.source}`);
    return text.replace(part, () => instead);
  }, source);
}
