/** Server-sent events from chunks of text (https://html.spec.whatwg.org/multipage/server-sent-events.html). */

export interface Message {
  /** "" of one that has only an id. */
  event: string;
  data: string;
  /** Null: it has none. */
  id: string | null;
}

/** More text than this without an end of an event is not a stream of ours. */
const PENDING_MAX = 8_000_000;

export class EventParser {
  #rest = "";

  /** The events that are complete with this text. Throws when one is endless. */
  push(text: string): Message[] {
    const blocks = (this.#rest + text).split(/\r?\n\r?\n/);
    this.#rest = blocks.pop()!;
    if (this.#rest.length > PENDING_MAX) throw new Error("an event does not end");
    return blocks.map(parsed).filter((message) => message !== null);
  }
}

/** Null for comments and settings. */
function parsed(block: string): Message | null {
  const message: Message = { event: "", data: "", id: null };
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, name, value = ""] = /^([a-z]+)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "event") message.event = value;
    if (name === "data") data.push(value);
    if (name === "id") message.id = value;
  }
  message.data = data.join("\n");
  return message.id === null && data.length === 0 ? null : message;
}
