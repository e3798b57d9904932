/** serve with read rights only, with hostile names from the feed, and on a public address. */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../../scripts/base/process.ts";
import { fillLog, ROOT, recordedLines, runPath, tempDir } from "../support/data.ts";
import { commandOf, killStages, run, startProgram, startStage, until } from "../support/process.ts";
import { addressOf, startServe } from "../support/served.ts";

afterEach(killStages);

/** Runs a command as a user with no rights of its own; only root may become one. */
const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const may = process.getuid?.() === 0 && runProgram([...nobody, "test", "-r", join(ROOT, "package.json")]).code === 0;

/** Everything may be read, nothing written. */
function readOnly(dir: string): void {
  chmodSync(dir, 0o755);
  for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
    const path = join(dir, name);
    chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
  }
}

function asNobody(name: string, args: string[]) {
  const [, ...script] = commandOf(name, args);
  return startProgram([...nobody, realpathSync(process.execPath), ...script], { cwd: "/" });
}

describe.skipIf(!may)(may ? "read rights only" : "read rights only, skipped: may not become another user here", () => {
  test("serve and doctor read what stages left, and what running stages write; they change nothing", async () => {
    using dir = tempDir();
    await runPath(dir.path, recordedLines().slice(0, 300));
    readOnly(dir.path);
    const names = () => readdirSync(dir.path, { recursive: true, encoding: "utf8" }).sort();
    const before = names();
    const child = asNobody("serve", ["--data", dir.path, "--port", "0"]);
    const url = await addressOf(child);
    try {
      const status = async () => (await fetch(`${url}/api/status`)).json();
      await until("the log is known", async () => (await status()).log.partitions?.[0].end === 300);
      expect((await status()).counts.ticks).toBe(300);
      expect((await fetch(`${url}/api/windows`)).status).toBe(200);
      expect((await (await fetch(url)).text()).includes("Newest closed windows")).toBe(true);
      const doctor = asNobody("doctor", ["--data", dir.path]);
      const code = await doctor.ended;
      const text = doctor.printed();
      expect(text).toContain("offsets 0 to 300");
      expect(text).toContain("read only: serve, query and doctor work");
      expect(text).not.toContain("Start the broker");
      expect(code).toBe(0);
      expect(names()).toEqual(before);
      // A file that is read without locks is opened again when a stage writes.
      startStage("stream", ["--data", dir.path]);
      await fillLog(dir.path, recordedLines().slice(300, 400));
      await until("the new ticks are shown", async () => (await status()).counts.ticks === 400);
    } finally {
      child.signal("SIGTERM");
    }
    expect(await child.ended).toBe(0);
  }, 120_000);

  test("a directory without read rights is a sentence, exit 1", async () => {
    using dir = tempDir();
    chmodSync(dir.path, 0o700);
    const child = asNobody("serve", ["--data", dir.path, "--port", "0"]);
    expect([await child.ended, child.said()]).toEqual([
      1,
      expect.stringMatching(/The data directory .* can't be read/),
    ]);
  }, 120_000);
});

/** Messages whose product ids are terminal escapes, bidi overrides or very long. */
function evilLines(): string[] {
  const ids = [
    "A\u001b]0;owned\u0007\u001b[2J-USD",
    "B\u009b31m",
    "C\u202eDSU",
    `D${"x".repeat(5_000)}`,
    "E\u2066\u200b\ufeff",
  ];
  const line = recordedLines()[0]!;
  return ids.flatMap((id, i) => [
    line.replace('"product_id":"BTC-USD"', `"product_id":${JSON.stringify(id)}`),
    line
      .replace('"product_id":"BTC-USD"', `"product_id":${JSON.stringify(id)}`)
      .replace(/"price":"[^"]*"/, `"price":"-${i}"`),
  ]);
}

test("a product id of control characters, C1, bidi overrides or 5,000 letters is text on page, stream, stderr, doctor and tables", async () => {
  using dir = tempDir();
  await runPath(dir.path, [...recordedLines().slice(0, 100), ...evilLines()]);
  const { url, child, said } = await startServe(dir.path);
  try {
    const events = await fetch(`${url}/events`);
    const first = await events.body!.pipeThrough(new TextDecoderStream()).getReader().read();
    const pages = await Promise.all(
      ["/", "/healthz", "/metrics"].map(async (path) => (await fetch(url + path)).text()),
    );
    const doctor = await run("doctor", ["--data", dir.path]);
    const query = await run("query", ["--data", dir.path, "SELECT product_id, count(*) FROM ticks GROUP BY 1"]);
    for (const text of [first.value!, ...pages, said(), doctor.stdout, doctor.stderr, query.stdout, query.stderr])
      expect(text.replace(/[\n\t]/g, "").match(/.{0,20}[\p{Cc}\p{Cf}].{0,20}/u)?.[0] ?? "").toBe("");
    expect(pages[0]!.length).toBeLessThan(200_000);
  } finally {
    await child.stop();
  }
}, 120_000);

test.each([
  ["0.0.0.0", /reachable from every network of this machine, without a login/],
  ["::", /reachable from every network of this machine, without a login/],
  ["127.0.0.1", null],
  ["localhost", null],
  ["127.0.0.2", null],
])(
  "serve --host %s",
  async (host, warning) => {
    using dir = tempDir();
    const { child, said } = await startServe(dir.path, 0, {}, ["--host", host]);
    if (warning) await until("the warning", () => warning.test(said()));
    await child.stop();
    if (!warning) expect(said()).toBe("");
  },
  120_000,
);
