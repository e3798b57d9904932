/** A stage's problems: in its store for the page and doctor, and once on stderr. */
import { monotonicMs, nowUs } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { type Problems, parseProblems, problemsText } from "../contract/problems.ts";
import type { CheckpointStore } from "../store/index.ts";
import { ProgressWatch, type Taken } from "./progress.ts";

const LOG_AWAY = "log-away";

export class StageHealth {
  readonly #watch: ProgressWatch;
  #saved = "";
  #progress_us = 0;
  #ended = false;

  /**
   * `problems`: all of this process. `limit_ms`: how long records may come without progress before
   * that is a problem (noProgressMs).
   */
  constructor(
    private readonly store: CheckpointStore,
    private readonly problems: Problems,
    limit_ms: number,
    private readonly logger: Logger,
  ) {
    this.#watch = new ProgressWatch(limit_ms, this.problems, parseProblems(store.setting("problems")));
  }

  /** Notes what a commit achieved. */
  took(taken: Taken): void {
    this.#progress_us = nowUs();
    this.#watch.took(taken, monotonicMs());
  }

  /** `why` the log does not answer; null: it answers. */
  logAway(why: string | null): void {
    if (why === null) {
      if (this.problems.solve(LOG_AWAY)) this.logger.info("the log answers");
      return;
    }
    const isNew = !this.problems.list().some(({ code }) => code === LOG_AWAY);
    const sentence = `${why.replace(/\.$/, "")}. This stage waits and continues when it answers; nothing is lost. Check the broker and the network.`;
    this.problems.report({ code: LOG_AWAY, sentence, stops: true, since_us: nowUs() });
    if (isNew) this.logger.warn(sentence);
  }

  /** The stage ends as it should. Call `save` once more afterwards. */
  end(): void {
    this.#ended = true;
    this.problems.solve(LOG_AWAY);
  }

  /** `run_progress_us`: the last commit, microseconds since 1970. `run_ended`: 1 once it has ended. */
  counters(): Record<string, number> {
    return { run_progress_us: this.#progress_us, run_ended: this.#ended ? 1 : 0 };
  }

  /** Once a second: judges the progress and stores the problems, an empty list only once. */
  save(): void {
    for (const sentence of this.#watch.judge(nowUs())) this.logger.warn(sentence);
    const text = problemsText(this.problems.list());
    if (text === this.#saved && text === "[]") return;
    this.store.saveProblems(this.problems.list());
    this.#saved = text;
  }
}
