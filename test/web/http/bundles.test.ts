/** The browser's scripts: small, without names of Bun or Node, and a sentence for a damaged one. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { bundle, bundles } from "../../../web/http/bundles.ts";

/** What the page loads at first, with gzip as over plain HTTP; and all of it with brotli. */
const FIRST_MAX = 60_000;
const BYTES_MAX = 62_000;
const OTHER_PAGES = ["window-page.js", "plain-page.js"];

test("the page's scripts are small, and none needs Bun, Node or eval", async () => {
  const scripts = await bundles();
  const names = scripts.map(([name]) => name).filter((name) => !name.startsWith("chunk-"));
  expect(names.sort()).toEqual(["first-paint.js", "main.js", "plain-page.js", "tab-worker.js", "window-page.js"]);
  const texts = new Map(scripts);
  const reached = (name: string, imports: RegExp, known = new Set<string>()): Set<string> => {
    known.add(name);
    for (const [, next] of texts.get(name)!.matchAll(imports)) if (!known.has(next!)) reached(next!, imports, known);
    return known;
  };
  const besides = ["first-paint.js", "tab-worker.js"];
  const sum = (all: Iterable<string>, size: (text: string) => number) =>
    [...all].reduce((total, name) => total + size(texts.get(name)!), 0);
  const first = [...reached("main.js", /(?:from|import)"\.\/([^"]+)"/g), ...besides];
  const gzip = (text: string) => Bun.gzipSync(text, { level: 12, library: "libdeflate" }).length;
  expect(first.some((name) => OTHER_PAGES.includes(name))).toBe(false);
  expect(sum(first, gzip)).toBeLessThanOrEqual(FIRST_MAX);
  // A tab's own connection takes the worker's place.
  const own = [...texts].filter(([, text]) => /text\/event-stream/.test(text));
  const all = [...reached("main.js", /(?:from|import\(?)"\.\/([^"]+)"/g), ...besides].filter(
    (name) => name === "tab-worker.js" || !own.some(([one]) => one === name),
  );
  expect(sum(all, (text) => brotliCompressSync(text).length)).toBeLessThanOrEqual(BYTES_MAX);
  const foreign = /\bBun\.|\bprocess\.|\brequire\(|\bfrom ?"[a-z@]|\beval\(/;
  expect(scripts.map(([, text]) => foreign.exec(text)?.[0] ?? null)).toEqual(scripts.map(() => null));
});

test("a damaged script is one sentence that names the file and the line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-scripts-"));
  try {
    writeFileSync(join(folder, "broken.ts"), "const a = 1;\nconsole.log(a\n");
    const failure = bundle(["broken.ts"], "esm", folder);
    await expect(failure).rejects.toThrow(
      "The page's scripts can't be bundled: broken.ts, line 2: Expected \")\" but found end of file.",
    );
    await expect(bundle(["absent.ts"], "esm", folder)).rejects.toThrow("absent.ts");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
