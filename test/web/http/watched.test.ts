/** How many different selections all clients of /events can watch. */
import { expect, test } from "bun:test";
import { refuseTooMany } from "../../../web/http/watched.ts";
import { NO_POSITION } from "../../../web/model/page-changes.ts";

const MINUTE = { us: 60_000_000, name: "1m" };
const of = (...products: string[]) => ({
  of: products.map((product) => ({
    key: `${product}/1m`,
    selection: { product, size: MINUTE },
    position: NO_POSITION,
  })),
  titles: [],
});

test("a hundred in all and sixteen without data; what is watched already is free", () => {
  const known = Array.from({ length: 110 }, (_, i) => `P-${i}`);
  const choice = { products: known, sizes: [MINUTE] };
  const unknown = Array.from({ length: 20 }, (_, i) => `X-${i}`);
  const open = [of(...known.slice(0, 60)), of(...unknown.slice(0, 16))];
  expect(() => refuseTooMany(of(unknown[16]!), open, choice)).toThrow("16 selections without data already");
  expect(() => refuseTooMany(of(unknown[3]!, known[5]!), open, choice)).not.toThrow();
  // Those without data leave room for the others.
  expect(() => refuseTooMany(of(...known.slice(60, 84)), open, choice)).not.toThrow();
  expect(() => refuseTooMany(of(...known.slice(60, 85)), open, choice)).toThrow("100 selections already");
});
