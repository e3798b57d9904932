/** Which clients get gzip, which answers, and messages that share one history. */
import { expect, test } from "bun:test";
import { createGunzip, gunzipSync } from "node:zlib";
import { Hono } from "hono";
import { acceptsGzip, compressed, gzipMessage, gzipOpening, NOTHING, SharedJson } from "../../../web/http/compress.ts";
import { JsonList, jsonPieces, listPiece } from "../../../web/model/json-pieces.ts";

test("gzip is sent to who accepts it, by name or by *, and not with q=0", () => {
  const yes = ["gzip", "x-gzip", "br, gzip;q=0.5", "deflate,GZIP", "*", "gzip;q=0.001", "*;q=0, gzip"];
  const no = [undefined, "", "br", "identity", "gzip;q=0", "gzip; q=0.000", "gzip;q=0, *", "gzipped", "gzip;q=x"];
  for (const header of yes) expect([header, acceptsGzip(header)]).toEqual([header, true]);
  for (const header of no) expect([header, acceptsGzip(header)]).toEqual([header, false]);
});

test("HTML, JSON and text are compressed, short answers and other types are not, refusals are", async () => {
  const app = new Hono();
  app.use(compressed);
  const long = "tick ".repeat(1_000);
  app.get("/html", (c) => c.html(long));
  app.get("/json", (c) => c.json({ long }));
  app.get("/short", (c) => c.text("tick"));
  app.get("/csv", (c) => c.body(long, 200, { "Content-Type": "text/csv" }));
  app.get("/zipped", (c) => c.body("zipped", 200, { "Content-Type": "text/html", "Content-Encoding": "gzip" }));
  app.onError((_, c) => c.json({ long }, 400));
  app.get("/wrong", () => {
    throw new Error("wrong");
  });
  const ask = async (path: string, encoding = "gzip") => {
    const answer = await app.request(path, { headers: { "Accept-Encoding": encoding } });
    return { answer, bytes: new Uint8Array(await answer.arrayBuffer()) };
  };
  for (const [path, text] of [
    ["/html", long],
    ["/json", JSON.stringify({ long })],
    ["/wrong", JSON.stringify({ long })],
  ] as const) {
    // biome-ignore format: one line
    const { answer, bytes } = await ask(path);
    expect([path, answer.headers.get("content-encoding"), answer.headers.get("vary")]).toEqual([
      path,
      "gzip",
      "Accept-Encoding",
    ]);
    expect(gunzipSync(bytes).toString()).toBe(text);
    expect(bytes.length).toBeLessThan(200);
    const plain = await ask(path, "identity");
    expect([plain.answer.headers.get("content-encoding"), plain.bytes.length]).toEqual([null, text.length]);
  }
  for (const path of ["/short", "/csv"]) expect((await ask(path)).answer.headers.get("content-encoding")).toBeNull();
  expect(new TextDecoder().decode((await ask("/zipped")).bytes)).toBe("zipped");
});

test("shared JSON is compressed once, and each client gets it as it accepts it, with or without kept pieces", async () => {
  const values = Array.from({ length: 1_000 }, (_, i) => i);
  for (const isKept of [false, true]) {
    const list = new JsonList([values.slice(0, 600), [], values.slice(600)].map((some) => listPiece(some, isKept)));
    let read = 0;
    const counted = jsonPieces({ list }).map(({ bytes, ...rest }) => ({
      ...rest,
      get bytes() {
        read++;
        return bytes;
      },
    }));
    const shared = new SharedJson(counted);
    await eachCoding(shared, { list: values });
    const before = read;
    await eachCoding(shared, { list: values }, ["gzip"]);
    expect([before > 0, read]).toEqual([true, before]);
  }
});

test("each message can be read when it has arrived, and repeats of what came before cost little", async () => {
  const gunzip = createGunzip().setEncoding("utf8");
  let text = "";
  gunzip.on("data", (chunk) => {
    text += chunk;
  });
  const arrive = (bytes: Uint8Array) => new Promise((resolve) => gunzip.write(bytes, resolve));
  await arrive(gzipOpening("opening\n"));
  expect(text).toBe("opening\n");
  let received = NOTHING;
  const sizes: number[] = [];
  for (let i = 0; i < 40; i++) {
    const values = Array.from({ length: 100 }, (_, k) => Math.imul(k + 1, 2_654_435_761) >>> 0);
    const message = gzipMessage(`event ${i}: ${values.join(" ")}\n\n`, received);
    received = message.received;
    sizes.push(message.bytes.length);
    const before = text;
    await arrive(message.bytes);
    expect(text).toBe(`${before}event ${i}: ${values.join(" ")}\n\n`);
  }
  expect(sizes[0]).toBeGreaterThan(400);
  expect(Math.max(...sizes.slice(1))).toBeLessThan(40);
  expect(received.length).toBe(32_768);
});

async function eachCoding(shared: SharedJson, values: unknown, accepted = ["gzip", "", "gzip"]): Promise<void> {
  const app = new Hono();
  app.use(compressed);
  app.get("/", (c) => shared.answer(c));
  for (const accept of accepted) {
    const coding = accept === "" ? null : accept;
    const answer = await app.request("/", { headers: { "Accept-Encoding": accept } });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const text = new TextDecoder().decode(coding === null ? bytes : gunzipSync(bytes));
    expect([answer.headers.get("content-encoding"), answer.headers.get("vary")]).toEqual([coding, "Accept-Encoding"]);
    expect([answer.headers.get("content-type"), JSON.parse(text)]).toEqual(["application/json", values]);
  }
}
