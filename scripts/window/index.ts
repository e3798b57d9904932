/** The stream's core: exact windows from ticks, without input, output or clock. */
export { WindowJob } from "./job.ts";
export type { JobSettings } from "./state.ts";
