/** Server-sent events as text: what the browser's parser gets back is what was sent. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { eventText, type ServerEvent } from "../../../web/http/sse.ts";

/** The parser of https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6. */
function parsed(text: string): ServerEvent[] {
  const events: ServerEvent[] = [];
  let [fields, data]: [Partial<ServerEvent>, string[]] = [{}, []];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === "") {
      if (data.length > 0) events.push({ ...fields, data: data.join("\n") });
      [fields, data] = [{}, []];
      continue;
    }
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (name === "data") data.push(value ?? "");
    if (name === "event" || name === "id") fields[name] = value ?? "";
  }
  return events;
}

describe("eventText", () => {
  test("an event with a name and an id", () => {
    const text = eventText({ event: "windows", id: "ab.7", data: '{"rows":[]}' });
    expect(text).toBe('event: windows\nid: ab.7\ndata: {"rows":[]}\n\n');
  });

  test("data alone; each of its lines is a field, for every kind of line break", () => {
    expect(eventText({ data: "a\nb\r\nc\rd\n" })).toBe("data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
    expect(eventText({ data: "" })).toBe("data: \n\n");
  });

  test.each(["\n", "\r", "\r\n", "\0"])("a line break or NUL in an event or an id is refused: %j", (sign) => {
    expect(() => eventText({ event: `windows${sign}data: forged`, data: "" })).toThrow("event has no line breaks");
    expect(() => eventText({ id: `1${sign}${sign}data: forged`, data: "" })).toThrow("id has no line breaks");
  });

  test("any data arrives as it was sent, with its line breaks as newlines, and forges no event", () => {
    const anything = fc.string({ unit: fc.constantFrom("a", " ", ":", "\n", "\r", "\u2028", "data: ", "\n\nid: 1") });
    fc.assert(
      fc.property(fc.array(anything, { minLength: 1, maxLength: 4 }), (all) => {
        const sent = all.map((data) => ({ event: "e", data }));
        const heard = sent.map(({ event, data }) => ({ event, data: data.replace(/\r\n|\r/g, "\n") }));
        expect(parsed(sent.map(eventText).join(""))).toEqual(heard);
      }),
    );
  });
});
