/** Problems of the feed for feed.json, derived from its state once per second. */
import { isoSecondFromUs } from "../base/iso.ts";
import { FEED_PROBLEM_SHOWN_US, FEED_PROBLEM_US } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { plural } from "../base/printable.ts";
import { type Problem, Problems } from "../contract/problems.ts";
import type { CoinbaseFeed } from "./coinbase.ts";
import type { MatchTape } from "./tape/matches.ts";

type Found = Omit<Problem, "since_us"> & { since_us?: number };

/** Logged here once; the others are logged where they occur. */
const LOGGED = new Set(["feed-garbled", "feed-rest"]);

export class FeedProblems {
  readonly #problems = new Problems();

  constructor(private readonly logger: Logger) {}

  /** Returns the problems at `now_us`. `waiting`: why the log takes no records, "" when it does. */
  of(feed: CoinbaseFeed, tape: MatchTape | null, waiting: string, now_us: number): Problem[] {
    const found = [
      away(feed, now_us),
      refused(feed),
      garbled(feed, now_us),
      ...(tape === null ? [] : [openGaps(tape), restFailure(tape, now_us)]),
      waiting === "" ? null : { code: "feed-log", sentence: `produce waits for the log: ${waiting}`, stops: true },
    ].filter((one) => one !== null);
    const before = new Set(this.#problems.list().map(({ code }) => code));
    for (const one of found) {
      this.#problems.report({ since_us: now_us, ...one });
      if (!before.delete(one.code) && LOGGED.has(one.code)) this.logger.warn(one.sentence);
    }
    for (const code of before) this.#problems.solve(code);
    return this.#problems.list();
  }
}

function away({ away: lost }: CoinbaseFeed, now_us: number): Found | null {
  if (lost === null || now_us - lost.since_us < FEED_PROBLEM_US) return null;
  const sentence = `There is no connection to the feed since ${isoSecondFromUs(lost.since_us)}: ${lost.words}. It is tried again.`;
  return { code: "feed-away", sentence, stops: true, since_us: lost.since_us };
}

function refused(feed: CoinbaseFeed): Found | null {
  if (feed.refused.size === 0) return null;
  const words = [...feed.refused].slice(0, 5).map(([product, said]) => `${product} ("${said}")`);
  const more = feed.refused.size > words.length ? ` and ${feed.refused.size - words.length} others` : "";
  const sentence = `The feed refused ${words.join(", ")}${more}. Check --products; the others are read.`;
  return { code: "feed-refused", sentence, stops: false };
}

function garbled({ figures }: CoinbaseFeed, now_us: number): Found | null {
  const newest = figures.newest_garbled;
  if (newest === null || now_us - newest.last_us > FEED_PROBLEM_SHOWN_US) return null;
  const frames = plural(figures.garbled, "frame");
  const sentence = `${frames} of the feed can't be decoded (${newest.reason}); the newest begins: ${newest.example} See dead_letters.`;
  return { code: "feed-garbled", sentence, stops: false, since_us: newest.first_us };
}

/** Gaps that are noted as open: REST did not fill them at once. */
function openGaps(tape: MatchTape): Found | null {
  const noted = tape.open.filter((gap) => gap.isNoted);
  if (noted.length === 0) return null;
  const { product_id, left, from_us } = noted[0]!;
  const oldest = `${product_id} lacks trade ${left[0]!.lo} of ${isoSecondFromUs(from_us)}`;
  const sentence = `Gaps that are open: ${noted.length}. The oldest: ${oldest}. REST is asked for these trades.`;
  return { code: "feed-gaps", sentence, stops: false };
}

function restFailure({ rest_failure: failure }: MatchTape, now_us: number): Found | null {
  if (failure === null || now_us - failure.last_us > FEED_PROBLEM_SHOWN_US) return null;
  const sentence = `Gaps of the full tape can't be filled: ${failure.words}. Check --rest and the network.`;
  return { code: "feed-rest", sentence, stops: false, since_us: failure.since_us };
}
