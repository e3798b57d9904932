/** The browser's scripts, bundled from web/public by Bun when the server starts. */
import { relative, resolve } from "node:path";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { trimmed } from "./trimmed.ts";

const PUBLIC = resolve(import.meta.dir, "../public");

/** Scripts of pages, modules: what one of them loads later is a file of its own. */
const MODULES = ["main.ts", "window-page.ts", "plain-page.ts"];
/** Scripts that run before the first paint, or as a worker: each is one file without imports. */
const PLAIN = ["first-paint.ts", "tab-worker.ts"];

/** Name (`main.js`) and minified text of each script. */
type Bundles = [name: string, text: string][];

let bundled: Promise<Bundles> | null = null;

/** Bundled once per process. Fails with a sentence that names the file and the line. */
export function bundles(): Promise<Bundles> {
  bundled ??= Promise.all([
    ...MODULES.map((name) => bundle([name], "esm")),
    ...PLAIN.map((name) => bundle([name], "iife")),
  ]).then((all) => all.flat());
  return bundled;
}

/** Scripts in `folder` as files of their own; those that they share only in format esm. */
export async function bundle(names: string[], format: "esm" | "iife", folder = PUBLIC): Promise<Bundles> {
  const { success, outputs, logs } = await Bun.build({
    entrypoints: names.map((name) => resolve(folder, name)),
    root: folder,
    target: "browser",
    format,
    splitting: format === "esm",
    minify: true,
    plugins: [trimmed],
    throw: false,
  });
  if (!success)
    throw new TidemarkError(
      "INTERNAL",
      `The page's scripts can't be bundled: ${logs[0] ? reasonOf(logs[0], folder) : "Bun gives no reason"}.`,
      "Restore the files of web/public and node_modules.",
    );
  return Promise.all(outputs.map(async (file) => [file.path.replace(/^\.?\//, ""), await file.text()]));
}

function reasonOf({ message, position }: BuildMessage | ResolveMessage, folder: string): string {
  return position ? `${relative(folder, position.file)}, line ${position.line}: ${message}` : message;
}
