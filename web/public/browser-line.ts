/** This tab's end of the browser's connection: the shared worker, or a connection of its own. */
import type { EventLine, LineMessage, Watch } from "./event-line.ts";
import { surroundings } from "./surroundings.ts";
import type { TabMessage, WorkerMessage } from "./tab-worker.ts";

/** Between two signs of life; browsers slow it to a minute in hidden tabs. */
const HERE_MS = 10_000;

interface Line {
  watch(watch: Watch): void;
  retry(): void;
  /** The page is left; `watch` brings it back. */
  bye(): void;
}

/** `take` gets every event that the tab watches. */
export function browserLine(take: (message: LineMessage) => void): Line {
  const address = document.body.dataset.worker;
  if (typeof SharedWorker === "undefined" || !address) return ownLine(take);
  try {
    return sharedLine(address, take);
  } catch {
    return ownLine(take);
  }
}

/** Its program is loaded here only; if that fails, again with the next sign of life. */
function ownLine(take: (message: LineMessage) => void): Line {
  let loading: Promise<EventLine<"tab">> | null = null;
  let last: Watch | null = null;
  const act = (what: (line: EventLine<"tab">) => void) => {
    loading ??= import("./event-line.ts").then(
      ({ EventLine }) => new EventLine<"tab">((_, message) => take(message), surroundings),
    );
    loading.then(what, () => {
      loading = null;
    });
  };
  setInterval(
    () =>
      act((line) => {
        if (!line.here("tab") && last !== null) line.watch("tab", last);
      }),
    HERE_MS,
  );
  return {
    watch(watch) {
      last = { ...watch, opened: undefined };
      act((line) => line.watch("tab", watch));
    },
    retry: () => act((line) => line.retry()),
    bye() {
      last = null;
      act((line) => line.drop("tab"));
    },
  };
}

/** A worker that fails to start, or has died, is replaced by a connection of this tab. */
function sharedLine(address: string, take: (message: LineMessage) => void): Line {
  const worker = new SharedWorker(address, { name: "tidemark" });
  let own: Line | null = null;
  let last: Watch | null = null;
  let unanswered = 0;
  const send = (message: TabMessage) => worker.port.postMessage(message);
  const replace = () => {
    if (own !== null) return;
    own = ownLine(take);
    if (last !== null) own.watch(last);
  };
  worker.onerror = replace;
  worker.port.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
    unanswered = 0;
    if (own !== null) return;
    if (!("isKnown" in data)) take(data);
    else if (!data.isKnown && last !== null) send({ do: "watch", watch: last });
  };
  setInterval(() => {
    if (own !== null) return;
    if (unanswered++ > 1 && document.visibilityState === "visible") return replace();
    send({ do: "here" });
  }, HERE_MS);
  return {
    watch(watch) {
      last = { ...watch, opened: undefined };
      if (own) own.watch(watch);
      else send({ do: "watch", watch });
    },
    retry: () => (own ? own.retry() : send({ do: "retry" })),
    bye: () => (own ? own.bye() : send({ do: "bye" })),
  };
}
