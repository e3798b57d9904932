/** The browser's one stream: who gets what, from where it continues, and when it connects again. */
import { beforeEach, describe, expect, test } from "bun:test";
import { EventLine, type LineMessage, type Watch } from "../../../web/public/event-line.ts";
import { EventParser } from "../../../web/public/event-parser.ts";

/** A network and a clock that stand still until a test moves them. */
class World {
  now_ms = 0;
  /** Addresses that were asked for. */
  asked: string[] = [];
  asked_ms: number[] = [];
  streams: { send(text: string): void; end(): void; isOpen(): boolean }[] = [];
  answers: (number | "refused")[] = [];
  #timers: { due_ms: number; run: () => void }[] = [];

  now = () => this.now_ms;
  after = (ms: number, run: () => void) => {
    const timer = { due_ms: this.now_ms + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  };
  fetch = async (url: string, { signal }: { signal: AbortSignal }) => {
    this.asked.push(decodeURIComponent(url));
    this.asked_ms.push(this.now_ms);
    const answer = this.answers.shift() ?? 200;
    if (answer === "refused") throw new TypeError("Failed to fetch");
    let controller: ReadableStreamDefaultController<Uint8Array>;
    let isOpen = true;
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given;
      },
    });
    signal.onabort = () => {
      if (isOpen) controller.error(new Error("aborted"));
      isOpen = false;
    };
    this.streams.push({
      send: (text) => controller.enqueue(new TextEncoder().encode(text)),
      end: () => {
        isOpen = false;
        controller.close();
      },
      isOpen: () => isOpen,
    });
    return new Response(body, { status: answer });
  };

  /** Moves the clock and runs what is due, in its order. */
  async pass(ms: number): Promise<void> {
    const until_ms = this.now_ms + ms;
    for (;;) {
      await settled();
      const next = this.#timers.toSorted((a, b) => a.due_ms - b.due_ms)[0];
      if (next === undefined || next.due_ms > until_ms) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.now_ms = Math.max(this.now_ms, next.due_ms);
      next.run();
    }
    this.now_ms = until_ms;
    await settled();
  }

  /** The clock moves, but no timer runs: a lid was closed. */
  sleep(ms: number): void {
    this.now_ms += ms;
  }
}

/** Streams pass chunks on in microtasks. */
const settled = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

let world: World;
let got: [tab: string, event: string][];
let line: EventLine<string>;
const watch = (key: string, how: Watch["how"] = "all"): Watch => ({ events: "/events", key, how });
const event = (name: string, of: string) => `event: ${name}\ndata: ${JSON.stringify({ of })}\n\n`;

beforeEach(() => {
  world = new World();
  got = [];
  line = new EventLine<string>((tab, message: LineMessage) => got.push([tab, message.event]), world);
});

describe("one stream", () => {
  test("seven tabs are one request; each gets its own selection, hidden ones only the title", async () => {
    for (const tab of ["1", "2", "3", "4", "5"]) line.watch(tab, watch("BTC-USD/1m"));
    line.watch("6", watch("ETH-USD/5m"));
    line.watch("7", watch("BTC-USD/1m", "title"));
    await world.pass(100);
    expect(world.asked).toEqual(["/events?of=BTC-USD/1m&of=ETH-USD/5m&title=BTC-USD/1m"]);
    world.streams[0]!.send(event("status", "ETH-USD/5m") + event("title", "BTC-USD/1m"));
    await world.pass(10);
    expect(got).toEqual([
      ["6", "status"],
      ["7", "title"],
    ]);
    world.streams[0]!.send(event("status", "BTC-USD/1m"));
    await world.pass(10);
    expect(got.slice(2).map(([tab]) => tab)).toEqual(["1", "2", "3", "4", "5"]);
  });

  test("a tab that is shown again continues from what it had; a new one gets everything", async () => {
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(100);
    world.streams[0]!.send(`${event("status", "BTC-USD/1m")}id: e1.5.2.s1.7\n\n`);
    await world.pass(10);
    line.watch("a", watch("BTC-USD/1m", "title"));
    await world.pass(100);
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(100);
    expect(world.asked.slice(1)).toEqual(["/events?title=BTC-USD/1m", "/events?of=BTC-USD/1m@e1.5.2.s1.7"]);
    line.watch("b", watch("BTC-USD/1m"));
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m");
    expect(world.streams.slice(0, -1).some((stream) => stream.isOpen())).toBe(false);
  });

  test("a page continues from its HTML, once: not after an event without its id; each of several from its own", async () => {
    line.watch("a", { ...watch("BTC-USD/1m"), opened: "e1.5.2.s1p1.0" });
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m@e1.5.2.s1p1.0");
    line.watch("b", { ...watch("BTC-USD/1m"), opened: "e1.5.2.s1p2.0" });
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m@e1.5.2.s1p1.0&of=BTC-USD/1m@e1.5.2.s1p2.0");
    line.drop("b");
    line.watch("a", watch("BTC-USD/1m", "nothing"));
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m@e1.5.2.s1p1.0");
    world.streams.at(-1)!.send(event("parts", "BTC-USD/1m"));
    await world.pass(10);
    world.streams.at(-1)!.end();
    await world.pass(1_000);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m");
    // The HTML of a page that was chosen again is newer than what its events brought.
    world.streams.at(-1)!.send("id: e1.5.2.s1.7\n\n");
    await world.pass(10);
    line.watch("a", { ...watch("BTC-USD/1m"), opened: "e1.6.2.s1p3.0" });
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m@e1.6.2.s1p3.0");
  });

  test("a second page leaves the first one where it is; of very many all is asked for once", async () => {
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(100);
    world.streams[0]!.send("id: e1.5.2.s1.7\n\n");
    await world.pass(10);
    line.watch("b", { ...watch("BTC-USD/1m"), opened: "e1.6.2.s1p1.0" });
    // The stream of the first one, until that of both is there.
    world.streams[0]!.send(event("parts", "BTC-USD/1m"));
    await world.pass(100);
    expect(got).toEqual([["a", "parts"]]);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m@e1.5.2.s1.7&of=BTC-USD/1m@e1.6.2.s1p1.0");
    world.streams[1]!.send("id: e1.6.2.s1.9\n\n");
    await world.pass(10);
    for (let i = 0; i < 40; i++) line.watch(`${i}`, { ...watch("BTC-USD/1m"), opened: `e1.6.2.s1p${i}.0` });
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m");
  });

  test("of two tabs with different ids the older one counts", async () => {
    line.watch("a", watch("BTC-USD/1m"));
    line.watch("b", watch("BTC-USD/1m"));
    await world.pass(100);
    world.streams[0]!.send("id: e1.5.2.s1.7\n\n");
    await world.pass(10);
    line.watch("b", watch("BTC-USD/1m", "nothing"));
    await world.pass(100);
    world.streams[1]!.send("id: e1.9.2.s1.12\n\n");
    await world.pass(10);
    line.watch("b", watch("BTC-USD/1m"));
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m@e1.5.2.s1.7");
  });

  test("what the old stream brings just after a tab is shown does not count as seen by it", async () => {
    line.watch("a", watch("BTC-USD/1m"));
    line.watch("b", watch("BTC-USD/1m"));
    await world.pass(100);
    world.streams[0]!.send("id: e1.1.s.1\n\n");
    await world.pass(10);
    line.watch("b", watch("BTC-USD/1m", "title"));
    await world.pass(100);
    line.watch("b", watch("BTC-USD/1m"));
    world.streams[1]!.send("id: e1.1.s.51\n\n");
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m@e1.1.s.1");
    // From here on it has what the stream brings.
    world.streams.at(-1)!.send("id: e1.1.s.52\n\n");
    await world.pass(10);
    line.watch("b", watch("BTC-USD/1m"));
    world.streams.at(-1)!.send("id: e1.1.s.53\n\n");
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?of=BTC-USD/1m@e1.1.s.53");
  });

  test("without a tab that watches there is no stream", async () => {
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(100);
    line.watch("a", watch("BTC-USD/1m", "nothing"));
    await world.pass(100);
    expect(world.streams[0]!.isOpen()).toBe(false);
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(100);
    line.drop("a");
    await world.pass(60_000);
    expect([world.asked.length, world.streams[1]!.isOpen()]).toEqual([2, false]);
  });

  test("a tab that is not heard of for three minutes is dropped", async () => {
    line.watch("a", watch("BTC-USD/1m", "title"));
    line.watch("b", watch("ETH-USD/1m", "title"));
    for (let minute = 0; minute < 4; minute++) {
      await world.pass(60_000);
      expect(line.here("a")).toBe(true);
    }
    expect(line.here("b")).toBe(false);
    await world.pass(100);
    expect(world.asked.at(-1)).toBe("/events?title=BTC-USD/1m");
  });
});

describe("connecting again", () => {
  test("a refused first connection is tried until it works, at most 5 s apart", async () => {
    world.answers = ["refused", 503, ...Array.from({ length: 8 }, () => "refused" as const)];
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(45_000);
    const waits_ms = world.asked_ms.slice(1, 11).map((ms, i) => ms - world.asked_ms[i]!);
    expect(waits_ms.length).toBe(10);
    expect(Math.max(...waits_ms)).toBeLessThanOrEqual(5_000);
    world.streams.at(-1)!.send(event("status", "BTC-USD/1m"));
    await world.pass(10);
    expect(got).toEqual([["a", "status"]]);
  });

  test("a server that ends is asked again at once, and the stream continues", async () => {
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(100);
    world.streams[0]!.send("id: e1.5.2.s1.7\n\n");
    await world.pass(10);
    world.streams[0]!.end();
    await world.pass(300);
    expect(world.asked[1]).toBe("/events?of=BTC-USD/1m@e1.5.2.s1.7");
  });

  test("a stream that is silent for 10 s is given up", async () => {
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(100);
    world.streams[0]!.send(event("status", "BTC-USD/1m"));
    await world.pass(9_000);
    expect(world.asked.length).toBe(1);
    await world.pass(2_500);
    expect([world.asked.length, world.streams[0]!.isOpen()]).toEqual([2, false]);
  });

  test("after sleep it connects again at once", async () => {
    line.watch("a", watch("BTC-USD/1m", "title"));
    await world.pass(2_000);
    world.sleep(3_600_000);
    // The tab's own timers wake up first.
    line.here("a");
    await world.pass(1_500);
    expect(world.asked.length).toBe(2);
  });

  test("a sleep longer than a tab may be silent drops nobody, though no tab has reported yet", async () => {
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(2_000);
    world.sleep(600_000);
    await world.pass(1_500);
    expect(world.asked.length).toBe(2);
    expect(line.here("a")).toBe(true);
  });

  test("where a proxy holds everything back, tabs learn it; one event, and they don't", async () => {
    line.watch("a", watch("BTC-USD/1m"));
    await world.pass(25_000);
    expect(got).toEqual([["a", "held"]]);
    world.streams.at(-1)!.send(event("status", "BTC-USD/1m"));
    await world.pass(12_000);
    expect(got.filter(([, name]) => name === "held").length).toBe(1);
  });
});

test("events are cut anywhere, comments and settings are left out, an endless one is refused", () => {
  const parser = new EventParser();
  const text = ":  \nretry: 1000\n\nevent: a\ndata: {\ndata: }\n\nevent: b\r\ndata: 2\r\n\r\nid: x.1\n\n";
  const found = [...text].flatMap((letter) => parser.push(letter));
  expect(found).toEqual([
    { event: "a", data: "{\n}", id: null },
    { event: "b", data: "2", id: null },
    { event: "", data: "", id: "x.1" },
  ]);
  expect(() => parser.push(`data: ${"x".repeat(8_000_000)}`)).toThrow("does not end");
});
