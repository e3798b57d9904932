/** What a class can do with the path, folded: the command, and what is seen on the page then. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { type PageAddress, queryOfPage } from "../../scripts/contract/page-address.ts";
import type { View } from "../model/view.ts";

const DISORDERED = "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz";

export function TryThis({ view: { place }, address }: { view: Pick<View, "place">; address: PageAddress }) {
  const data = place.data_flag;
  return (
    <details class="panel wide fold" id="try-this">
      <summary>
        <h2>Try this</h2> <small>commands for a class, and what the page shows then</small>
      </summary>
      <ol class="trials">
        <Trial title="Late ticks and duplicates" command={`bun run start --replay ${DISORDERED} --data late --port 0`}>
          The same hour, out of order: some ticks come up to three minutes late, others twice. ▲ marks the late ones in
          the chart, their windows differ by exactly those, and “How complete?” shows what the stream's final rows lack.
          “Counts” has the duplicates.
        </Trial>
        <Trial title="Wait longer" command={`bun run lateness${data} --want 99.99%`}>
          The lateness that would have left out one tick in ten thousand. The columns of “How long to wait?” are the
          same figures.
        </Trial>
        <Trial title="One window, to the last digit" command={`bun run explain${data} BTC-USD@2023-09-05T16:30/1m`}>
          Every column on both sides, and the ticks from which they are computed. A cell under the chart opens the same
          as a page.
        </Trial>
        <Trial title="Stop the stream" command={`kill -STOP "$(cat ${place.dir}/locks/stream.pid)"`}>
          Its lane stops and names the reason, the verdict is “as of” a time, and the batch overtakes the stream in the
          chart. After <code>kill -CONT</code> the stream catches up, and every window is equal again.
        </Trial>
        <Trial title="Kill everything, at random" command={`bun run drill${data} --rounds 20 --seed 7`}>
          Works on a copy of the log: stages are killed, clocks are set, and what was stored is compared with a run that
          nothing disturbed.
        </Trial>
        <Trial title="A question of your own" command="$EDITOR sql/metrics/my_question.sql">
          The next batch answers it, and its panel appears below, without a restart.
        </Trial>
      </ol>
      <p>
        On a wall or a projector: <a href={`/${queryOfPage({ ...address, view: "wall" })}`}>the first screen alone</a>,
        in larger type. The name at its upper left leads back.
      </p>
      <p class="note">The page only shows: nothing can be started or stopped from it.</p>
    </details>
  );
}

function Trial({ title, command, children }: { title: string; command: string; children?: Child }) {
  return (
    <li>
      <h3>{title}</h3>
      <pre>{command}</pre>
      <p>{children}</p>
    </li>
  );
}
