/** Any audit's result as the view that terminal and page show. */
import type { BatchRowReport, TradesReport } from "../answers/other-kinds.ts";
import type { AuditRecord, AuditReport } from "../audit-types.ts";
import { batchRowView, tradesView } from "./other-views.ts";
import type { ReportView } from "./report-view.ts";
import { windowView } from "./window-view.ts";

type Input = AuditReport["input"];

/** An audit's result by the kind of the answers; `url`: where these are. */
export type Audited =
  | { kind: "windows"; report: AuditReport }
  | { kind: "batch_row"; report: BatchRowReport; input: Input; url: string }
  | { kind: "trades"; report: TradesReport; input: Input; url: string };

/** `trusted`: rules that pass although they are only consistent. */
export function reportView(audited: Audited, trusted: readonly string[]): ReportView {
  if (audited.kind === "windows") return windowView(audited.report, trusted);
  const { input, url } = audited;
  if (audited.kind === "batch_row") return batchRowView(audited.report, { input, url, trusted });
  return tradesView(audited.report, { input, url, trusted });
}

/** What the records hold, for people. */
export function inputOf(url: string, records: readonly AuditRecord[]): Input {
  const ids = new Map<string, Set<number>>();
  let ticks = 0;
  for (const { tick } of records) {
    if (tick === null) continue;
    ticks++;
    const seen = ids.get(tick.product_id) ?? new Set();
    ids.set(tick.product_id, seen.add(tick.trade_id));
  }
  const distinct = [...ids.values()].reduce((sum, { size }) => sum + size, 0);
  const counts = { records: records.length, ticks, repeated: ticks - distinct, refused: records.length - ticks };
  return { url, ...counts, products: [...ids.keys()].sort() };
}
