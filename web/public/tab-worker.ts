/** The worker that all tabs of a browser share: it has their one connection. */
import { EventLine, type LineMessage, type Watch } from "./event-line.ts";
import { surroundings } from "./surroundings.ts";

/** What a tab sends; `here` every few seconds, and the answer is whether it is known. */
export type TabMessage = { do: "watch"; watch: Watch } | { do: "here" } | { do: "retry" } | { do: "bye" };
/** What a tab receives. */
export type WorkerMessage = LineMessage | { event: "here"; isKnown: boolean };

const line = new EventLine<MessagePort>((port, message) => port.postMessage(message), surroundings);
const scope = globalThis as unknown as { onconnect: (event: MessageEvent) => void };

scope.onconnect = ({ ports: [port] }) => {
  if (port === undefined) return;
  port.onmessage = ({ data }: MessageEvent<TabMessage>) => {
    if (data.do === "watch") line.watch(port, data.watch);
    if (data.do === "bye") line.drop(port);
    if (data.do === "retry") line.retry();
    if (data.do === "here") port.postMessage({ event: "here", isKnown: line.here(port) } satisfies WorkerMessage);
  };
};
