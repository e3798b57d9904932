/**
 * What is read of processes: texts of /proc as the kernel writes them, and real processes that use
 * known amounts.
 */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EnergyMeter, energyUj } from "../../scripts/measure/energy.ts";
import {
  chargeOf,
  endedCharge,
  machineBusyUs,
  ownCharge,
  parseIo,
  parseMachine,
  parseRollup,
  parseStat,
} from "../../scripts/measure/process-cost.ts";
import { tempDir } from "../support/data.ts";
import { type Stage, startProgram, until } from "../support/process.ts";

const dir = tempDir();
afterAll(() => dir[Symbol.dispose]());
const onLinux = process.platform === "linux";

test("stat: user and system time of the process and of its ended children; a name with spaces and parentheses", () => {
  const times = "0 -1 4194304 100 0 0 0 12 34 56 78 20 0 1 0 1491130 3133440 393";
  expect(parseStat(`77 (a) b) (c) S 41 77 77 ${times}`)).toEqual({
    parent: 41,
    cpu_us: 460_000,
    children_us: 1_340_000,
  });
  expect(parseStat("")).toBeNull();
  expect(parseStat("77 (bun) S 1")).toBeNull();
});

test("io: bytes of the storage and bytes of calls; null when it is another user's", () => {
  const text =
    "rchar: 6976\nwchar: 12\nsyscr: 10\nsyscw: 0\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n";
  const bytes = { read_bytes: 4096, written_bytes: 8192, read_call_bytes: 6976, write_call_bytes: 12 };
  expect(parseIo(text)).toEqual(bytes);
  expect(Object.values(parseIo(""))).toEqual([null, null, null, null]);
});

test("smaps_rollup: resident and proportional memory in bytes, not those of a part", () => {
  const text =
    "55-7f ---p 0 00:00 0 [rollup]\nRss:     1744 kB\nPss:      332 kB\nPss_Dirty:   116 kB\nSwapPss:  9 kB\n";
  expect(parseRollup(text)).toEqual({ rss_bytes: 1744 * 1024, pss_bytes: 332 * 1024 });
  expect(parseRollup("Rss: 4 kB\n")).toEqual({ rss_bytes: 4096, pss_bytes: null });
});

test("the machine's time: idle and iowait are not work, steal is apart", () => {
  const text = "cpu  10 20 30 4000 500 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
  expect(parseMachine(text)).toEqual({ busy_us: 730_000, stolen_us: 80_000 });
  expect(parseMachine("")).toBeNull();
});

/** A folder like /proc with these processes: pid, parent, and ticks of its own and of ended children. */
function fakeProc(name: string, processes: [pid: number, parent: number, own: number, ended: number][]): string {
  const proc = join(dir.path, name);
  for (const [pid, parent, own, ended] of processes) {
    mkdirSync(join(proc, String(pid)), { recursive: true });
    const put = (file: string, text: string) => writeFileSync(join(proc, String(pid), file), text);
    put("stat", `${pid} (x) S ${parent} 0 0 0 -1 0 0 0 0 0 ${own} 0 ${ended} 0 20 0 1 0 0 0 0`);
    put("io", `rchar: 1\nwchar: 2\nread_bytes: 3\nwrite_bytes: ${pid}\n`);
    put("smaps_rollup", "Rss: 10 kB\nPss: 5 kB\n");
  }
  return proc;
}

test("a process with its descendants: each once, whether or not the kernel lists children", () => {
  const tree: [number, number, number, number][] = [
    [10, 1, 100, 7],
    [20, 10, 30, 0],
    [30, 20, 4, 1],
    [40, 1, 999, 0],
  ];
  const proc = fakeProc("tree", tree);
  const whole = { cpu_us: 1_420_000, written_bytes: 60, read_bytes: 9, pss_bytes: 15 * 1024, processes: 3 };
  expect(chargeOf(10, proc)).toMatchObject(whole);
  for (const [pid, children] of [
    [10, "20 "],
    [20, "30 "],
    [30, ""],
    [40, ""],
  ] as const) {
    mkdirSync(join(proc, String(pid), "task", String(pid)), { recursive: true });
    writeFileSync(join(proc, String(pid), "task", String(pid), "children"), children);
  }
  expect(chargeOf(10, proc)).toMatchObject(whole);
  expect(chargeOf(50, proc)).toBeNull();
});

test("bytes of one process that may not be read make the sum unknown, not smaller", () => {
  const proc = fakeProc("foreign", [
    [10, 1, 1, 0],
    [20, 10, 1, 0],
  ]);
  writeFileSync(join(proc, "20", "io"), "");
  expect(chargeOf(10, proc)).toMatchObject({ written_bytes: null, read_bytes: null, cpu_us: 20_000 });
});

test("ended children of this process alone: their CPU time, not its own and not that of living ones", () => {
  const proc = fakeProc("ended children", [
    [process.pid, 1, 500, 21],
    [20, process.pid, 30, 3],
  ]);
  expect(endedCharge(proc)).toMatchObject({ cpu_us: 210_000, read_bytes: 3, written_bytes: process.pid });
  expect(endedCharge(join(dir.path, "none"))).toBeNull();
});

test("without /proc: getrusage of this process and what is known of ended children; the rest is null", () => {
  const before_us = process.cpuUsage().user;
  const charge = ownCharge(5_000_000, join(dir.path, "none"));
  expect(charge.cpu_us).toBeGreaterThanOrEqual(before_us + 5_000_000);
  expect(charge).toMatchObject({ read_bytes: null, written_bytes: null, pss_bytes: null });
  expect(charge.rss_bytes).toBeGreaterThan(1_000_000);
  expect(machineBusyUs(join(dir.path, "none"))).toBeNull();
});

/**
 * Burns CPU time until getrusage shows half a second, writes 3 MB, then reports what it used and waits
 * for a line.
 */
const WORK = `
  const { openSync, writeSync, fsyncSync } = require("node:fs");
  const fd = openSync(process.argv[1], "w");
  for (let i = 0; i < 3; i++) writeSync(fd, Buffer.alloc(1_000_000, 1));
  fsyncSync(fd);
  const used = () => { const { user, system } = process.cpuUsage(); return user + system; };
  while (used() < 500_000) for (let i = 0, x = 0; i < 1e6; i++) x += i;
  process.stdout.write(used() + "\\n");
  if (process.argv[2] === "wait") for await (const _ of Bun.stdin.stream()) break;
`;
const spawned = (name: string, then: "wait" | "end") =>
  startProgram([process.execPath, "-e", WORK, join(dir.path, name), then], { stdin: "pipe" });
const firstLine = async (child: Stage) =>
  Number(await until("its CPU time", () => child.printed().includes("\n") && child.printed(), { said: child.said }));

test.if(onLinux)(
  "a living child is charged at least what its own getrusage reports, and each byte that it wrote",
  async () => {
    const before = ownCharge();
    const child = spawned("alive", "wait");
    const used_us = await firstLine(child);
    const charge = chargeOf(child.pid)!;
    // The kernel's ticks are ten milliseconds, for user and for system time.
    expect(charge.cpu_us).toBeGreaterThanOrEqual(used_us - 20_000);
    expect(charge.write_call_bytes).toBeGreaterThanOrEqual(3_000_000);
    expect(charge.pss_bytes!).toBeLessThanOrEqual(charge.rss_bytes);
    const with_child = ownCharge();
    expect(with_child.processes).toBe(before.processes + 1);
    expect(with_child.cpu_us - before.cpu_us).toBeGreaterThanOrEqual(used_us - 20_000);
    child.stdin.write("\n");
    child.stdin.end();
    await child.ended;
  },
);

test.if(onLinux)("an ended child stays in its parent's figure, and wait4's CPU time is not above it", async () => {
  const before = ownCharge();
  const child = spawned("ended", "end");
  await child.ended;
  const after = ownCharge();
  const waited_us = child.cpuSeconds() * 1e6;
  expect(waited_us).toBeGreaterThanOrEqual(500_000);
  expect(after.cpu_us - before.cpu_us).toBeGreaterThanOrEqual(waited_us - 20_000);
  expect(after.write_call_bytes! - before.write_call_bytes!).toBeGreaterThanOrEqual(3_000_000);
  expect(chargeOf(child.pid)).toBeNull();
});

test("energy: packages are summed, their parts are not; without RAPL a sentence states why", () => {
  const folder = join(dir.path, "powercap");
  for (const [name, uj] of [
    ["intel-rapl:0", 100],
    ["intel-rapl:1", 20],
    ["intel-rapl:0:0", 7],
  ] as const) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, "energy_uj"), `${uj}\n`);
  }
  expect(energyUj(folder)).toBe(120);
  const meter = new EnergyMeter(folder);
  writeFileSync(join(folder, "intel-rapl:1", "energy_uj"), "5000020\n");
  expect(meter.watts()).toBeGreaterThan(0);
  writeFileSync(join(folder, "intel-rapl:1", "energy_uj"), "0\n");
  expect(meter.watts()).toBe("not available: a counter began again");
  mkdirSync(join(folder, "intel-rapl:2"));
  expect(energyUj(folder)).toMatch(/can't be read by this user/);
  expect(energyUj(join(dir.path, "none"))).toMatch(/^not available: this system has no/);
});
