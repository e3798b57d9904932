/** The other side of the wire: a server that speaks the exchange's protocol and plays a recording. */
export type { Recorded } from "./exchange-frames.ts";
export { startExchange } from "./exchange-server.ts";
export { parseFaults } from "./faults.ts";
export { asProducts, readRecording } from "./recording.ts";
