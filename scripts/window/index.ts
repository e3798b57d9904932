/** The door of window/: exact windows from ticks, without input, output or local clock. */
export { WindowJob } from "./job.ts";
export { type Recomputed, recomputedText, recomputeSides } from "./recompute.ts";
export { SeenIds } from "./seen.ts";
export type { JobSettings, StepResult } from "./state.ts";
