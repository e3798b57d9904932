/** Parts of the page are rendered when they may have changed, and sent when they have. */
import { expect, test } from "bun:test";
import { PartChanges } from "../../../web/answers/part-changes.ts";
import type { View } from "../../../web/model/view.ts";

/** Parts whose HTML the test sets, and how often each was rendered. */
function parts() {
  const html: Record<string, string> = { table: "t", verdict: "v", tile: "b" };
  const rendered: string[] = [];
  const part = (id: string, on: "windows" | "batch" | "beat") => ({
    on,
    html: () => {
      rendered.push(id);
      return html[id]!;
    },
  });
  const changes = new PartChanges({
    table: part("table", "windows"),
    verdict: part("verdict", "batch"),
    tile: part("tile", "beat"),
  });
  let moment = 0;
  const render = (beat: number, windows: string, runs: string) => {
    rendered.length = 0;
    changes.render({ moment: ++moment, beat, windows, runs }, () => ({}) as View);
    return rendered.join(" ");
  };
  return { html, changes, render };
}

test("windows are rendered after a commit, at most every second beat; a run renders all lists; a beat everything", () => {
  const { render } = parts();
  expect(render(1, "w1", "r1")).toBe("table verdict tile");
  expect(render(1, "w1", "r1")).toBe("");
  expect(render(2, "w2", "r1")).toBe("");
  expect(render(3, "w2", "r1")).toBe("table");
  expect(render(4, "w2", "r2")).toBe("table verdict");
  expect(render(6, "w2", "r2")).toBe("table verdict tile");
});

test("a page gets what changed after its moment, and a new one everything", () => {
  const { html, changes, render } = parts();
  render(1, "w1", "r1");
  expect(changes.since(0)).toEqual(html);
  expect(changes.since(1)).toBeNull();
  render(6, "w1", "r1");
  expect(changes.since(1)).toBeNull();
  html.tile = "another";
  render(11, "w1", "r1");
  expect(changes.since(1)).toEqual({ tile: "another" });
  expect(changes.since(3)).toBeNull();
});

test("of many panels only those that changed are sent, while their frame is the same", () => {
  const { html, changes, render } = parts();
  const panel = (id: string, rows: string) => `<article class="panel" id="${id}"><p>${rows}</p>\n</article>`;
  html.verdict = `<section id="verdict">${panel("a", "1")}<h3>x</h3>${panel("b", "1")}</section>`;
  render(1, "w1", "r1");
  html.verdict = html.verdict.replace(panel("b", "1"), panel("b", "2"));
  render(2, "w1", "r2");
  expect(changes.since(1)).toEqual({ b: panel("b", "2") });
  expect(changes.since(0)).toEqual(html);
  html.verdict = html.verdict.replace(panel("a", "1"), "");
  render(3, "w1", "r3");
  expect(changes.since(2)).toEqual({ verdict: html.verdict });
});

test("panels that change with each run wait in proportion to their size; one that seldom does is sent at once", () => {
  const { html, changes, render } = parts();
  const panel = (id: string, rows: string) => `<article id="${id}">${rows}</article>`;
  const panels = (large: string, small: string) => panel("large", large.repeat(40_000)) + panel("small", small);
  html.verdict = panels("1", "1");
  render(1, "w1", "r1");
  html.verdict = panels("2", "1");
  render(20, "w1", "r2");
  expect(changes.since(1)).toEqual({ large: panel("large", "2".repeat(40_000)) });
  html.verdict = panels("3", "2");
  html.table = "list".repeat(40_000);
  render(21, "w1", "r3");
  expect(changes.since(2)).toEqual({ small: panel("small", "2"), table: html.table });
  // A new page gets the newest, and what waited is found without another change.
  expect(changes.since(0)).toEqual(html);
  render(31, "w1", "r3");
  expect(changes.since(3)).toEqual({ large: panel("large", "3".repeat(40_000)) });
});
