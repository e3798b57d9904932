/** The environment of a command: variables, working directory, umask, npm. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { keptByNpm, readEnvironment, SWITCH_VALUES, typed } from "../../scripts/command/environment.ts";
import { hostFlag } from "../../scripts/command/flags.ts";
import { specs } from "../support/commands-doc.ts";
import { fillLog, ROOT, recordedLines, tempDir } from "../support/data.ts";
import { commandOf, run, shell, startProgram } from "../support/process.ts";
import { addressOf, startServe } from "../support/served.ts";

const COMMANDS = await specs();
const VARIABLES = [...new Set(COMMANDS.flatMap(({ flags }) => flags.flatMap(({ env }) => env ?? [])))];

test("every variable of every flag, empty or blank, counts as unset", () => {
  for (const value of ["", " ", "\t"]) {
    const env = Object.fromEntries(VARIABLES.map((name) => [name, value]));
    readEnvironment([], env);
    expect(env).toEqual({});
  }
});

test("no two meanings share a variable: commands that read the same one describe the same flag", () => {
  const flags = COMMANDS.flatMap(({ name, flags }) => flags.map((flag) => ({ command: name, ...flag })));
  // --every of start and schedule is how often the batch runs.
  const spellings = new Map<string, Set<string>>();
  for (const { env, flags: spelling } of flags) {
    if (env === undefined) continue;
    spellings.set(env, (spellings.get(env) ?? new Set()).add(spelling.split(" ")[0]!));
  }
  expect([...spellings].filter(([, names]) => names.size > 1)).toEqual([]);
  const hop = flags.find(({ command, flags }) => command === "stream" && flags.startsWith("--every"));
  // The audit's describes another's windows: a variable for our own must not reach it.
  const theirs = flags.find(({ command, flags }) => command === "audit" && flags.startsWith("--every"));
  expect([theirs?.flags, theirs?.env]).toEqual(["--every <duration>", undefined]);
  const batch = flags.filter(({ command, flags }) => !/stream|audit/.test(command) && flags.startsWith("--every"));
  expect([hop?.env, ...batch.map(({ env }) => env)]).toEqual([
    "TIDEMARK_WINDOW_EVERY",
    "TIDEMARK_BATCH_EVERY",
    "TIDEMARK_BATCH_EVERY",
  ]);
});

test("a variable of an earlier release is refused with its new name", async () => {
  using dir = tempDir();
  for (const name of ["TIDEMARK_EVERY", "TIDEMARK_EVERY_BATCH"]) {
    for (const command of ["start", "stream", "schedule"]) {
      const answer = await run(command, ["--data", dir.path], { [name]: "20s" });
      expect([command, answer.code]).toEqual([command, 2]);
      expect(answer.stderr).toContain(`The variable ${name} is no longer read.`);
      expect(answer.stderr).toContain("TIDEMARK_BATCH_EVERY");
    }
  }
});

test("an unknown log level or format is exit 2 with the choices", async () => {
  for (const [name, choices] of [
    ["TIDEMARK_LOG_LEVEL", "debug, info, warn, error"],
    ["TIDEMARK_LOG_FORMAT", "text, json"],
  ] as const) {
    const answer = await run("doctor", [], { [name]: "loud" });
    expect([answer.code, answer.stderr]).toEqual([2, expect.stringContaining(`${name}=loud is not valid.`)]);
    expect(answer.stderr).toContain(choices);
  }
});

test("a switch's variable is yes or no; anything else is refused", () => {
  for (const [value, isSet] of [
    ["1", true],
    ["true", true],
    ["YES", true],
    ["0", false],
    ["off", false],
    ["False", false],
  ] as const) {
    const env = { TIDEMARK_VERBOSE: value };
    readEnvironment(["TIDEMARK_VERBOSE"], env);
    expect([value, "TIDEMARK_VERBOSE" in env]).toEqual([value, isSet]);
  }
  expect(() => readEnvironment(["TIDEMARK_VERBOSE"], { TIDEMARK_VERBOSE: "maybe" })).toThrow("is neither yes nor no");
  expect(SWITCH_VALUES).toBe("1 or 0 (true, yes, on, false, no, off work too)");
});

test("an empty value of any flag is exit 2 and names the flag", async () => {
  for (const { name, flags } of COMMANDS) {
    const valued = flags.filter((flag) => flag.flags.includes("<")).map((flag) => flag.flags.split(" ")[0]!);
    const first = valued.includes("--host") ? "--host" : valued[0];
    if (first === undefined) continue;
    const answer = await run(name, [first, ""]);
    expect([name, answer.code, answer.stdout]).toEqual([name, 2, ""]);
    expect(answer.stderr).toContain(first);
    expect(answer.stderr).toContain("It is empty");
  }
}, 120_000);

test("from another working directory, without HOME, every command that makes something works", async () => {
  using dir = tempDir();
  using elsewhere = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 500));
  const at = (name: string, ...args: string[]) =>
    startProgram(commandOf(name, ["--data", dir.path, ...args]), {
      cwd: elsewhere.path,
      isBare: true,
      env: {
        PATH: process.env.PATH,
        TIDEMARK_SQLITE_EXTENSION: process.env.TIDEMARK_SQLITE_EXTENSION,
        TIDEMARK_HOST: "",
      },
    });
  for (const [name, ...args] of [
    ["stream", "--until-end"],
    ["consume", "--until-end"],
    ["batch"],
    ["query", "SELECT count(*) FROM ticks"],
    ["doctor"],
  ] as const) {
    const child = at(name, ...args);
    expect([name, await child.ended, child.said().match(/error.*/)?.[0] ?? ""]).toEqual([name, 0, ""]);
  }
  const server = at("serve", "--port", "0");
  const url = await addressOf(server);
  // An empty TIDEMARK_HOST is the default address, not every interface.
  expect(new URL(url).hostname).toBe("127.0.0.1");
  expect(await (await fetch(url)).text()).toContain("<title>");
  expect(await server.stop()).toBe(0);
}, 120_000);

test("--host takes every spelling of an address, and refuses anything else", () => {
  for (const [text, host] of [
    ["[::1]", "::1"],
    ["::", "::"],
    [" 127.0.0.1 ", "127.0.0.1"],
    ["my-host.example", "my-host.example"],
  ] as const)
    expect([text, hostFlag(text)]).toEqual([text, host]);
  for (const text of ["localhost:8321", "[::1]:8321", "http://localhost", "[::1", "[]", "a b", "fe80::1%eth0", "1:2"])
    expect(() => hostFlag(text), text).toThrow("without a port");
});

test("a folder for temporary files that is missing, is a file, or has no rights: serve runs, exports report what to set", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 50));
  expect((await run("consume", ["--data", dir.path, "--until-end"])).code).toBe(0);
  expect((await run("batch", ["--data", dir.path])).code).toBe(0);
  for (const TMPDIR of ["/nonexistent", join(dir.path, "log.db"), "/proc"]) {
    const server = await startServe(dir.path, 0, { TMPDIR });
    expect((await fetch(server.url)).status).toBe(200);
    const answer = await fetch(`${server.url}/export/ticks.parquet`);
    expect([TMPDIR, answer.status]).toEqual([TMPDIR, 503]);
    expect(await answer.text()).toContain("Set TMPDIR");
    expect(await server.child.stop()).toBe(0);
    const query = await run("query", ["--data", dir.path, "SELECT 1"], { TMPDIR });
    expect([TMPDIR, query.code === 0 || query.stderr.includes("Set TMPDIR")]).toEqual([TMPDIR, true]);
    expect(query.stderr).not.toContain("not an expected error");
  }
}, 120_000);

test("a working directory that was removed: absolute paths work, relative ones are refused with a sentence", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 50));
  const removed = async (...args: string[]) => {
    const gone = mkdtempSync(join(dir.path, "gone-"));
    const command = [process.execPath, ...args.map((arg) => `'${arg}'`)].join(" ");
    return shell(`cd '${gone}' && rmdir '${gone}' && exec ${command}`);
  };
  for (const [name, ...args] of [["stream", "--until-end"], ["consume", "--until-end"], ["batch"]] as const) {
    const script = join(ROOT, "scripts", `${name}.ts`);
    const absolute = await removed(script, "--data", dir.path, ...args);
    expect([name, absolute.code, absolute.stderr.match(/error.*/i)?.[0]]).toEqual([name, 0, undefined]);
    const relative = await removed(script, "--data", "data", ...args);
    expect([name, relative.code]).toEqual([name, 1]);
    expect(relative.stderr).toContain("The working directory was removed");
  }
}, 120_000);

test("a umask that takes the owner's rights is refused with a sentence before anything is created", async () => {
  using dir = tempDir();
  const data = join(dir.path, "data");
  for (const umask of ["777", "700", "277"]) {
    const command = `umask ${umask} && exec '${process.execPath}' '${join(ROOT, "scripts/consume.ts")}' --data '${data}'`;
    const { code, stderr } = await shell(command);
    expect([umask, code, existsSync(data)]).toEqual([umask, 1, false]);
    expect(stderr).toContain(`the umask ${umask} takes the owner's rights from new files. [TIDEMARK_DATA_DIR]`);
  }
});

test("flags that npm kept for itself are noticed, its own are not", () => {
  const env = {
    npm_lifecycle_event: "start",
    npm_config_port: "9000",
    npm_config_json: "true",
    npm_config_max_skew: "1m",
  };
  expect(keptByNpm(["port", "host", "json", "max-skew"], env)).toEqual(["--port 9000", "--max-skew 1m"]);
  expect(keptByNpm(["port"], { npm_lifecycle_event: "start", npm_config_port: "true" })).toEqual(["--port"]);
  expect(keptByNpm(["port"], { npm_config_port: "9000" })).toEqual([]);
});

test("npm start --port 9000: the hint is the command as it is to be typed", async () => {
  using dir = tempDir();
  const npm = { npm_lifecycle_event: "start", npm_config_user_agent: "npm/11.19.1 node/v22.0.0 linux x64" };
  for (const [name, args, kept, hint] of [
    // npm 10 and 11 keep a flag's name and pass its value on, as an argument.
    ["start", ["9000"], { npm_config_port: "true" }, "npm start -- --port 9000"],
    ["start", [], { npm_config_port: "9000" }, "npm start -- --port 9000"],
    ["start", [], { npm_config_replay: "true" }, "npm start -- --replay"],
    ["start", ["9000"], { npm_config_port: "true", npm_config_replay: "true" }, "npm start -- --replay --port 9000"],
    ["start", ["1", "2"], { npm_config_port: "true", npm_config_speed: "true" }, "npm start -- --speed … --port …"],
    ["stream", ["5s"], { npm_config_lateness: "true" }, "npm run stream -- --lateness 5s"],
  ] as const) {
    const ran = await run(name, [...args], { ...npm, TIDEMARK_DATA: dir.path, ...kept });
    expect([hint, ran.code]).toEqual([hint, 2]);
    expect(ran.stderr.split("\n").map((line) => line.trim())).toContain(`Write -- before it: ${hint}`);
  }
  expect(readdirSync(dir.path)).toEqual([]);
});

test("a command is written as it was started: by npm, by Bun, with what a shell needs quoted", () => {
  const npm = { npm_lifecycle_event: "start" };
  expect(typed("start", [], npm)).toBe("npm start");
  expect(typed("replay", ["--loop"], npm)).toBe("npm run replay -- --loop");
  const bun = { ...npm, npm_config_user_agent: "bun/1.4.5 npm/? node/v24 linux x64" };
  expect(typed("start", ["--data", "my data"], bun)).toBe("bun run start --data 'my data'");
  expect(typed("start", ["--port", "9000"], {})).toBe("bun run start --port 9000");
  expect(typed("start", ["--log", "kafka://me:secret@host/topic"], npm)).not.toContain("secret");
});
