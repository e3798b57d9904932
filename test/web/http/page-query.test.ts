/** The page's query string: what is valid, and what is refused by name. */
import { expect, test } from "bun:test";
import { queryOfPage } from "../../../scripts/contract/page-address.ts";
import { pageAddress } from "../../../web/http/page-query.ts";

const selection = { product: "BTC-USD", size: { us: 60_000_000, name: "1m" } };
const none = { range: null, from: null, to: null, pause: null, zone: null, view: null };
const addressOf = (given: Partial<Record<keyof typeof none, string>>) => pageAddress({ ...none, ...given }, selection);

test("an address has what differs from a new page, readable, and is read back as it was", () => {
  expect(queryOfPage(addressOf({}))).toBe("?product=BTC-USD&window=1m");
  const given = { from: "2023-09-05T16:00:00Z", to: "2023-09-05T17:00:00Z", pause: "1", zone: "Europe/Berlin" };
  const query = queryOfPage(addressOf({ ...given, view: "wall" }));
  expect(query).toBe(
    "?product=BTC-USD&window=1m&from=2023-09-05T16:00:00Z&to=2023-09-05T17:00:00Z&pause=1&zone=Europe/Berlin&view=wall",
  );
  expect(queryOfPage(addressOf(Object.fromEntries(new URLSearchParams(query))))).toBe(query);
});

test.each([
  [{ range: "2h" }, "range"],
  [{ from: "2023-09-05T16:00:00Z" }, "from and to belong together"],
  [{ from: "2023-09-05T17:00:00Z", to: "2023-09-05T16:00:00Z" }, "not a time after from"],
  [{ from: "yesterday", to: "2023-09-05T16:00:00Z" }, "from"],
  [{ pause: "yes" }, "pause"],
  [{ zone: "Mars/Olympus" }, "zone"],
  [{ view: "ceiling" }, "view"],
])("%p is refused", (given, words) => {
  expect(() => addressOf(given)).toThrow(words);
});
