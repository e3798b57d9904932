/** A page without a stream of events: while it is in sight it is read again each minute. */

const AGAIN_MS = 60_000;

/** `take` gets the page as the server has it now. If it does not come, the older one stays: STALE. */
export function readAgain(addressOf: () => string, take: (page: Document) => void): void {
  let read_ms = Date.now();
  const read = async () => {
    if (document.visibilityState === "hidden" || Date.now() - read_ms < AGAIN_MS) return;
    read_ms = Date.now();
    try {
      const page = await pageAt(addressOf());
      if (page === null) throw new Error("refused");
      take(page);
      show(page.getElementById("heard")?.textContent ?? "");
    } catch {
      const text = document.getElementById("heard")?.textContent ?? "";
      show(text.startsWith("STALE") ? text : `STALE · ${text}`);
    }
  };
  setInterval(() => void read(), 1_000);
  document.addEventListener("visibilitychange", () => void read());
}

/** Null: the server has refused it. Rejects if it does not answer. */
export async function pageAt(address: string, signal?: AbortSignal): Promise<Document | null> {
  const answer = await fetch(address, { signal, headers: { Accept: "text/html" } });
  return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

function show(text: string): void {
  const heard = document.getElementById("heard");
  if (heard) heard.textContent = text;
  document.documentElement.toggleAttribute("data-stale", text.startsWith("STALE"));
}
