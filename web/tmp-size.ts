import { brotliCompressSync } from "node:zlib";
import { bundles } from "./http/bundles.ts";

for (const [n, t] of await bundles())
  console.log(
    n,
    t.length,
    Bun.gzipSync(new TextEncoder().encode(t), { level: 12, library: "libdeflate" }).length,
    brotliCompressSync(t).length,
  );
