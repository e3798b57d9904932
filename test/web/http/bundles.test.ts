/** The browser's scripts: small, without names of Bun or Node, and a sentence for a damaged one. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { bundle, bundles } from "../../../web/http/bundles.ts";

/** What the page loads, as a browser gets it (brotli). A window's page has its own script besides. */
const BYTES_MAX = 60_000;
const OWN = "window-page.js";

test("the page's scripts are at most 60 kB compressed, and none needs Bun, Node or eval", async () => {
  const scripts = await bundles();
  const names = scripts.map(([name]) => name).filter((name) => !name.startsWith("chunk-"));
  expect(names.sort()).toEqual(["first-paint.js", "main.js", "tab-worker.js", OWN]);
  const sizes = scripts.map(([name, text]) => (name === OWN ? 0 : brotliCompressSync(text).length));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(BYTES_MAX);
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
