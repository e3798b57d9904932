/** Problems that a stage reports of itself: no progress, or something that a person must know. */

/** One problem of one stage. Its file has the current ones; a solved problem is removed. */
export interface Problem {
  /** Names the problem for programs, e.g. "clock-jump"; docs/health.md has a row per code. */
  code: string;
  /** What happened and what to do: shown on stderr, on the page, in /healthz and by `doctor`. */
  sentence: string;
  /** True: the stage makes no progress, healthz returns 503. False: its data needs a check. */
  stops: boolean;
  /** When it began, microseconds since 1970 UTC. */
  since_us: number;
}

/** Problems as text, for one setting of a store. */
export function problemsText(problems: readonly Problem[]): string {
  return JSON.stringify(problems);
}

/** Reads the text of `problemsText`; [] for anything else. */
export function parseProblems(text: string | null): Problem[] {
  try {
    return problemsIn(JSON.parse(text ?? "[]"));
  } catch {
    return [];
  }
}

/** The valid problems of a parsed JSON value; [] when it is not a list. */
export function problemsIn(value: unknown): Problem[] {
  return Array.isArray(value) ? value.filter(isProblem) : [];
}

function isProblem(value: unknown): value is Problem {
  const one = value as Partial<Problem> | null;
  return typeof one?.code === "string" && typeof one.sentence === "string" && typeof one.since_us === "number";
}

/** The problems of one process: each code at most once, in the order in which they began. */
export class Problems {
  readonly #byCode = new Map<string, Problem>();

  /** Returns true when this code was not reported before, or not with this sentence: log it then. */
  report(problem: Problem): boolean {
    const before = this.#byCode.get(problem.code);
    this.#byCode.set(problem.code, before ? { ...problem, since_us: before.since_us } : problem);
    return before?.sentence !== problem.sentence;
  }

  /** Returns true when the problem was reported before. */
  solve(code: string): boolean {
    return this.#byCode.delete(code);
  }

  list(): Problem[] {
    return [...this.#byCode.values()];
  }
}
