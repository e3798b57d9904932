/** The door of store/: ticks.db and windows.db, rows and checkpoint in one transaction. */
export { answerHash } from "./answer-hash.ts";
export type { CheckpointStore, Counters } from "./checkpoint.ts";
export { reportLost } from "./lost.ts";
export type { MeasureRows } from "./measure-rows.ts";
export { TICKS_SCHEMA, type TickCounts, TickStore } from "./tick-store.ts";
export { WalRelief } from "./wal-relief.ts";
export { MovedError, WindowStore } from "./window-store.ts";
