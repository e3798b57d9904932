/** Server-sent events as text (https://html.spec.whatwg.org/multipage/server-sent-events.html). */

/** One event; without a name the browser calls it `message`. */
export interface ServerEvent {
  event?: string;
  /** What the browser sends back as Last-Event-ID. */
  id?: string;
  /** Text of any number of lines. */
  data: string;
}

/** The whole event. Throws for a line break or NUL in `event` or `id`: it would forge a field. */
export function eventText({ event, id, data }: ServerEvent): string {
  return `${field("event", event)}${field("id", id)}${dataLines(data)}\n`;
}

function field(name: "event" | "id", value: string | undefined): string {
  if (value === undefined) return "";
  if (/[\r\n\0]/.test(value)) throw new Error(`An event's ${name} has no line breaks: ${JSON.stringify(value)}.`);
  return `${name}: ${value}\n`;
}

/** The browser joins the lines again, with "\n". */
function dataLines(data: string): string {
  const lines = data.split(/\r\n|\r|\n/);
  return lines.map((line) => `data: ${line}\n`).join("");
}
