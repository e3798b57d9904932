/** Which column of a foreign file of trades is which field, by its usual names or by --tick-map. */
import { TidemarkError } from "../../base/errors.ts";

/** Fields of a trade; the last three give the log's order where a file has them. */
const TRADE_FIELDS = [
  "product_id",
  "trade_id",
  "time",
  "price",
  "last_size",
  "side",
  "best_bid",
  "best_ask",
  "source",
  "partition",
  "offset",
  "appended",
] as const;
export type TradeField = (typeof TRADE_FIELDS)[number];

/** Where a field comes from: a column, or the same text in every row (`@text`); `@row` numbers rows. */
type TradeSource = { column: string } | { constant: string } | { row: true };
export type TradeSources = Partial<Record<TradeField, TradeSource>>;

/** Usual names, in lower case without separators; the first that a file has counts. */
const TRADE_NAMES: Record<TradeField, readonly string[]> = {
  product_id: ["productid", "product", "symbol", "pair", "market", "instrument", "ticker"],
  trade_id: ["tradeid", "id", "tid", "aggtradeid"],
  time: ["time", "timestamp", "ts", "timeus", "eventtime", "exchangetime", "tradetime", "datetime", "date"],
  price: ["price", "px", "p", "tradeprice"],
  last_size: ["lastsize", "size", "amount", "quantity", "qty", "volume", "q"],
  side: ["side", "takerside", "aggressor", "isbuyermaker"],
  best_bid: ["bestbid", "bid"],
  best_ask: ["bestask", "ask"],
  source: ["source"],
  partition: ["logpartition", "kafkapartition", "partition"],
  offset: ["logoffset", "kafkaoffset", "offset"],
  appended: ["appendedus", "appendedat"],
};

const NEEDED: TradeField[] = ["trade_id", "time", "price", "last_size", "side"];

/** Values of --tick-map, each `theirs=field`; fails with USAGE for an unknown field. */
export function parseTickMap(pairs: readonly string[]): TradeSources {
  const found: TradeSources = {};
  for (const pair of pairs) {
    const [, theirs = "", field = ""] = /^(.+)=([^=]*)$/.exec(pair) ?? [];
    if (!TRADE_FIELDS.includes(field as TradeField))
      throw new TidemarkError(
        "USAGE",
        `--tick-map ${pair} does not end with a field of a trade.`,
        `Write COLUMN=FIELD with one of ${TRADE_FIELDS.join(", ")}, for example --tick-map px=price.`,
      );
    found[field as TradeField] = sourceOf(theirs);
  }
  return found;
}

function sourceOf(theirs: string): TradeSource {
  if (theirs === "@row") return { row: true };
  return theirs.startsWith("@") ? { constant: theirs.slice(1) } : { column: theirs };
}

/**
 * The source of each field. `product`: of --product, for files without such a column. Fails with USAGE
 * for a mapped column that does not exist, and for a needed field that has none.
 */
export function tradeSources(
  file: string,
  columns: readonly string[],
  { mapped, product }: { mapped: TradeSources; product: string | null },
): TradeSources {
  for (const source of Object.values(mapped)) {
    if ("column" in source && !columns.includes(source.column))
      throw new TidemarkError("USAGE", `${file} has no column "${source.column}".`, `It has ${columns.join(", ")}.`);
  }
  const twice = columns.find((column, i) => columns.indexOf(column) !== i);
  if (twice !== undefined) {
    const hint = "Rename one of them, so that each has a meaning.";
    throw new TidemarkError("USAGE", `${file} has two columns named "${twice}".`, hint);
  }
  const found: TradeSources = { ...mapped };
  const taken = new Set(Object.values(mapped).flatMap((one) => ("column" in one ? [one.column] : [])));
  for (const field of TRADE_FIELDS) {
    if (found[field] !== undefined) continue;
    const column = TRADE_NAMES[field].map((name) => columns.find((one) => !taken.has(one) && plain(one) === name));
    const first = column.find((one) => one !== undefined);
    if (first !== undefined) found[field] = { column: first };
  }
  if (found.product_id === undefined && product !== null) found.product_id = { constant: product };
  const lacking = [...NEEDED, "product_id" as const].find((field) => found[field] === undefined);
  if (lacking !== undefined) throw lackingField(file, columns, lacking);
  return found;
}

/** `Trade_ID` and `tradeId` are one name. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

const WHAT: Partial<Record<TradeField, [what: string, hint: string]>> = {
  trade_id: [
    "trade ids",
    "Only a trade id distinguishes a repeated trade from an equal fill. Name its column with --tick-map COLUMN=trade_id, or count every row as a trade of its own with --tick-map @row=trade_id.",
  ],
  side: [
    "the taker's side",
    "Name it with --tick-map COLUMN=side (buy and sell), or with --tick-map @buy=side if the answers have no column of buys and sells.",
  ],
  product_id: ["products", "Name the product of all rows with --product, for example --product BTC-USD."],
};

function lackingField(file: string, columns: readonly string[], field: TradeField): TidemarkError {
  const [what, hint] = WHAT[field] ?? [
    field === "last_size" ? "sizes" : `${field}s`,
    `Name it with --tick-map COLUMN=${field}; a CSV without a header line needs --tick-columns.`,
  ];
  return new TidemarkError("USAGE", `${file} has no column of ${what}; it has ${columns.join(", ")}.`, hint);
}
