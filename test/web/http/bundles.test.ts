/** The browser's scripts: small, without names of Bun or Node, and a sentence for a damaged one. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle, bundles } from "../../../web/http/bundles.ts";

/** What a page loads, gzip; brotli is smaller by a tenth. */
const BYTES_MAX = 60_000;

test("all scripts together are at most 60 kB compressed, and none needs Bun, Node or eval", async () => {
  const scripts = await bundles();
  expect(scripts.map(([name]) => name)).toContain("main.js");
  const sizes = scripts.map(([, text]) => Bun.gzipSync(text, { level: 9 }).length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(BYTES_MAX);
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
