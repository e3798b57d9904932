/** The browser's scripts: small, without names of Bun or Node, and a sentence for a damaged one. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CODINGS } from "../../../web/http/assets.ts";
import { bundle, bundles } from "../../../web/http/bundles.ts";
import { swapOf } from "../../../web/http/trimmed.ts";

/** All that the page may load, with gzip as over plain HTTP, where it is longer than with brotli. */
const BYTES_MAX = 60_000;
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
  const all = [...reached("main.js", /(?:from|import\(?)"\.\/([^"]+)"/g), "first-paint.js", "tab-worker.js"];
  expect(all.some((name) => OTHER_PAGES.includes(name))).toBe(false);
  const sum = async (coding: "br" | "gzip") => {
    const sizes = all.map(async (name) => (await CODINGS[coding](new TextEncoder().encode(texts.get(name)!))).length);
    return (await Promise.all(sizes)).reduce((total, size) => total + size, 0);
  };
  const gzip = await sum("gzip");
  expect(gzip).toBeGreaterThan(await sum("br"));
  expect(gzip).toBeLessThanOrEqual(BYTES_MAX);
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

test("htmx has its swap alone; another version of it is not cut, but fails the start with what is absent", async () => {
  const source = await Bun.file(Bun.resolveSync("htmx.org/dist/htmx.esm.js", import.meta.dir)).text();
  const kept = swapOf(source);
  const methods = ["#morphChildren", "#isSoftMatch", "#moveBefore", "#setFocus", "swap", "timeout"];
  const left = [
    "#issueRequest",
    "#executeJavaScript",
    "#initializeTriggers",
    "#restoreHistory",
    "ajax",
    "RequestQueue",
  ];
  expect(methods.filter((name) => !kept.includes(`        ${name}(`) && !kept.includes(`async ${name}(`))).toEqual([]);
  expect(left.filter((name) => kept.includes(name))).toEqual([]);
  expect(() => swapOf(source.replaceAll("#processOOB", "#processOthers"))).toThrow("htmx has no #processOOB");
  expect(() => swapOf(source.replace("class RequestQueue", "class Requests"))).toThrow("RequestQueue");
});

test("no page asks htmx for what it has no longer", async () => {
  const folder = join(import.meta.dir, "../../../web/pages");
  const texts = await Promise.all(
    [...new Bun.Glob("*").scanSync(folder)].map((name) => Bun.file(join(folder, name)).text()),
  );
  expect(
    texts.flatMap(
      (text) => text.match(/\b(?:data-)?hx-[\w:-]+|htmx:\w+|<script(?! type="module" src=\{)(?!>\{raw\(assets)/g) ?? [],
    ),
  ).toEqual([]);
});
