/** The client side of the wire: from the exchange's socket to records for the log. */
export { FeedBuffer } from "./buffer.ts";
export { minuteCandles } from "./candles.ts";
export { FeedClock } from "./clock-check.ts";
export { CoinbaseFeed, type FeedOptions } from "./coinbase.ts";
export { exchangeTime } from "./exchange-time.ts";
export { FeedProblems } from "./feed-problems.ts";
export { feedSocket } from "./proxy.ts";
export { newestTrades, olderTraces, olderTrades, recentTraces, recentTrades, type Trace, tradesOf } from "./resume.ts";
export { MatchTape } from "./tape/matches.ts";
export { proofsOf, RestQueue, RestRefusal, RestTrades, restUrlOf } from "./tape/rest.ts";
export { type HistoryPage, type HistoryTrade, HistoryWalk } from "./tape/walk.ts";
