/** The other side of the wire: a server that speaks the exchange's protocol and plays a recording. */
export { startExchange } from "./exchange-server.ts";
export { parseFaults } from "./faults.ts";
export { asProducts, type Recorded, RecordingWriter, readRecording } from "./recording.ts";
