/** The page's metrics, most of its HTML, are rendered once per run and product. */
import { expect, test } from "bun:test";
import type { Panel } from "../../../web/model/metric-results.ts";
import type { View } from "../../../web/model/view.ts";
import { PARTS } from "../../../web/pages/parts.tsx";

test("views of one run share the metrics' HTML; another run's are rendered", () => {
  let rendered = 0;
  const panels = (): Panel[] =>
    new Proxy<Panel[]>([], {
      get: (target, name) => {
        if (name === Symbol.iterator) rendered++;
        return Reflect.get(target, name);
      },
    });
  const viewOf = (of: Panel[]) => ({ batch: { panels: of }, selection: { product: "BTC-USD" } }) as unknown as View;
  const run = panels();
  const first = PARTS.metrics.html(viewOf(run));
  const once = rendered;
  expect(once).toBeGreaterThan(0);
  expect(PARTS.metrics.html(viewOf(run))).toBe(first);
  expect(String(PARTS.metrics.element(viewOf(run)))).toBe(first);
  expect(rendered).toBe(once);
  PARTS.metrics.html(viewOf(panels()));
  expect(rendered).toBe(2 * once);
});
