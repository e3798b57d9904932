/** Frames that some reader of the topic can't decode are in envelopes, which our stages unwrap. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { openLog } from "../../scripts/log/open.ts";
import { unreadable } from "../../scripts/message/own-records.ts";
import { parseRecord } from "../../scripts/message/parse.ts";
import { quiet, rowsOf, tempDir } from "../support/data.ts";
import { ACK, produce, scripted, tick } from "../support/feed.ts";
import { run } from "../support/process.ts";

/** Decodes like the strictest reader, the replaced pipeline: its consumer ends at any other value. */
function decode(value: Uint8Array): unknown {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  const object = JSON.parse(text);
  if (typeof object !== "object" || object === null || Array.isArray(object)) throw new Error(`no object: ${text}`);
  if (/\d{4300}/.test(text) || /(?:[[{][^"{}[\]]*){900}/.test(text)) throw new Error("Python can't");
  return object;
}

const deep = (levels: number) =>
  JSON.stringify(tick(1)).replace("}", `,"deep":${"[".repeat(levels)}${"]".repeat(levels)}}`);
const GARBLED: (string | Uint8Array)[] = [
  '{"type":"ticker","trade_',
  "not json",
  "[1,2]",
  "null",
  "42",
  '"text"',
  `{"type":"ticker","deep":${"[".repeat(5_000)}`,
  '{"type":"ticker","product_id":"BTC-USD","trade_id":5,"price":tru}',
  '{"type":"ticker","product_id":"BTC-USD","trade_id":5,"note":"\u0001"}',
  `{"type":"ticker","product_id":"BTC-USD","trade_id":5,"big":${"9".repeat(5_000)}}`,
  "\uFEFF{}",
  new Uint8Array([0xff, 0xfe, 0x00]),
  Buffer.concat([
    Buffer.from('{"type":"ticker","product_id":"BTC-USD","trade_id":6,"x":"'),
    new Uint8Array([0xff]),
    Buffer.from('"}'),
  ]),
];

test("garbled frames go into the log in envelopes, every record can be decoded, and the connection stays", async () => {
  await using server = scripted((session) => {
    session.send(ACK);
    for (const frame of GARBLED) session.socket.send(frame);
    session.send(tick(1));
    session.socket.close(1000);
  });
  const { records, counts } = await produce(server.url);
  expect(counts).toMatchObject({ garbled: GARBLED.length, reconnects: 0 });
  expect(records.length).toBe(GARBLED.length + 1);
  records.forEach(({ value }, i) => {
    decode(value);
    const frame = GARBLED[i];
    if (frame === undefined) return;
    const parsed = parseRecord(value);
    if (parsed.kind !== "dead") throw new Error(parsed.kind);
    expect(Buffer.from(parsed.frame!)).toEqual(Buffer.from(frame as string));
  });
  expect(parseRecord(records[0]!.value)).toMatchObject({ kind: "dead", reason: "not JSON" });
});

test("a trade that only some readers can decode counts for us as it did: deep nesting, bytes that are not UTF-8", async () => {
  const odd = Buffer.from(JSON.stringify(tick(2, { note: "~" })));
  odd[odd.indexOf("~")] = 0xff;
  await using server = scripted((session) => {
    session.send(ACK, deep(90), deep(2_000));
    session.socket.send(odd);
    session.socket.close(1000);
  });
  const { records, counts } = await produce(server.url);
  expect(counts.garbled).toBe(2);
  for (const { key, value } of records) {
    decode(value);
    expect(key).toBe("BTC-USD");
    expect(parseRecord(value).kind).toBe("tick");
  }
});

test("property: for any bytes the record can be decoded, and contains the frame or is the frame", async () => {
  const frames: Uint8Array[] = [];
  const mutated = fc
    .tuple(fc.nat(150), fc.uint8Array({ minLength: 1, maxLength: 3 }))
    .map(([at, bytes]) => Buffer.from(JSON.stringify(tick(1))).fill(bytes, at, at + bytes.length));
  const any = fc.oneof(
    fc.json().map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 60 }),
    mutated,
  );
  fc.assert(
    fc.property(any, (frame) => void frames.push(Buffer.from(frame))),
    { numRuns: 300, seed: 20261127 },
  );
  await using server = scripted((session) => {
    session.send(ACK);
    for (const frame of frames) session.socket.send(frame);
    session.socket.close(1000);
  });
  const { records, counts } = await produce(server.url);
  expect(counts.reconnects).toBe(0);
  for (const { value } of records) {
    decode(value);
    const parsed = parseRecord(value);
    const frame = parsed.kind === "dead" ? (parsed.frame ?? value) : value;
    if (parsed.kind === "dead") expect(frames.some((sent) => Buffer.compare(sent, frame) === 0)).toBe(true);
  }
});

test("dead letters have the frame's own bytes and reason, from envelopes and from old logs with raw frames alike", async () => {
  using dir = tempDir();
  const log = await openLog("embedded:", openDataDir(dir.path), { role: "writer", logger: quiet });
  await using server = scripted((session) => {
    session.send(ACK, "not json", tick(1));
    session.socket.close(1000);
  });
  await log.append([{ key: "", value: Buffer.from("not json") }]);
  await log.append((await produce(server.url)).records);
  await log.close();
  for (const [stage, file] of [
    ["consume", "ticks.db"],
    ["stream", "windows.db"],
  ] as const) {
    const ran = await run(stage, ["--data", dir.path, "--until-end", "--json"]);
    expect(ran.code).toBe(0);
    const rows = rowsOf<{ reason: string; text: string }>(
      dir.path,
      file,
      "SELECT reason, CAST(value AS TEXT) AS text FROM dead_letters ORDER BY log_offset",
    );
    expect(rows).toEqual([
      { reason: "not JSON", text: "not json" },
      { reason: "not JSON", text: "not json" },
    ]);
  }
}, 120_000);

test("what is readable needs no envelope", () => {
  expect(unreadable(Buffer.from(JSON.stringify(tick(1, { deep: [[{}]], text: "[[[[" }))))).toBeNull();
  expect(unreadable(Buffer.from('{"a":"\\"[{"}'))).toBeNull();
});
