/** Long downloads: Bun's limit of 10 s for a silent answer does not end them. */
import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";
import { startServe } from "../../support/served.ts";

setDefaultTimeout(300_000);

/** Over 13 s without a byte on any machine: the answer begins when the file is complete. */
const SLOW_MS = 13_000;

test("an export that DuckDB works on for longer than 10 s, and a download that pauses for 15 s, arrive whole", async () => {
  using dir = tempDir();
  await runPath(dir.path, recordedLines());
  const db = new Database(join(dir.path, "results.db"));
  const update = db.query("UPDATE results SET sql = ? WHERE metric = 'market_summary'");
  const { child, url } = await startServe(dir.path);
  try {
    const whole = (await (await fetch(`${url}/export/ticks.csv`)).bytes()).length;
    const paused = pausedDownload(url, "/export/ticks.csv", 15_000);
    const exported = async (rows: number): Promise<number> => {
      update.run(`SELECT count(*) AS n FROM range(${Math.ceil(rows)})`);
      const started = performance.now();
      const answer = await fetch(`${url}/export/metrics/market_summary.parquet`);
      if (answer.status === 503) throw new Error(`${rows} rows are too many at once: ${await answer.text()}`);
      expect([answer.status, (await answer.bytes()).subarray(0, 4).toString()]).toEqual([200, "80,65,82,49"]);
      return performance.now() - started;
    };
    // How many rows take long enough follows from this machine's pace.
    let rows = 500_000_000;
    let ms = await exported(rows);
    while (ms < SLOW_MS) {
      rows *= Math.min(40, (1.3 * SLOW_MS) / ms);
      ms = await exported(rows);
    }
    expect(await paused).toBe(whole);
  } finally {
    db.close();
    await child.stop();
  }
});

/** Bytes of the body of a GET whose reader takes nothing for `ms` after the first bytes. */
function pausedDownload(url: string, path: string, ms: number): Promise<number> {
  const { hostname, port, host } = new URL(url);
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port), highWaterMark: 1_024 } as never, () =>
      socket.write(`GET ${path} HTTP/1.0\r\nHost: ${host}\r\n\r\n`),
    );
    socket.once("data", () => {
      socket.pause();
      setTimeout(() => socket.resume(), ms);
    });
    socket.on("data", (piece) => pieces.push(Buffer.from(piece)));
    socket.on("error", reject);
    socket.on("end", () => {
      const all = Buffer.concat(pieces).toString("latin1");
      resolve(body(all).length);
    });
  });
}

/** Without the head, and without the marks of chunks where the server sends them. */
function body(answer: string): string {
  const at = answer.indexOf("\r\n\r\n");
  const rest = answer.slice(at + 4);
  if (!/transfer-encoding: chunked/i.test(answer.slice(0, at))) return rest;
  let text = "";
  for (let from = 0; ; ) {
    const end = rest.indexOf("\r\n", from);
    const size = Number.parseInt(rest.slice(from, end), 16);
    if (!(size > 0)) return text;
    text += rest.slice(end + 2, end + 2 + size);
    from = end + 2 + size + 2;
  }
}
