/** What a class can do with the path, folded: the command, and what is seen on the page then. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";

export function TryThis() {
  return (
    <details class="panel fold" id="try-this">
      <summary>
        <h2>Try this</h2> <small>commands for a class, and what the page shows then</small>
      </summary>
      <ol class="trials">
        <Trial title="Play it again" command="bun run start --replay --again">
          When the recording has ended: Ctrl-C, then this. The hour comes once more, with later times and ids; nothing
          that is stored is removed. <code>--loop</code> repeats it without an end. With npm:{" "}
          <code>npm start -- --replay --again</code>.
        </Trial>
        <Trial
          title="Late ticks"
          command="bun run start --replay data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz --data late"
        >
          The same hour, with ticks that come up to three minutes late. ▲ marks them in the chart; their windows turn
          from equal to explained, and “How complete?” shows what the stream's final rows lack.
        </Trial>
        <Trial title="Wait longer" command="bun run lateness --want 99.99%">
          The lateness that would have left out one tick in ten thousand; the columns under “How long to wait?” are the
          same figures.
        </Trial>
        <Trial title="Duplicates" command="bun run replay --port 8400 --speed 30">
          Plays the recording again as an exchange. Point a second{" "}
          <code>bun run produce --feed ws://localhost:8400</code> at the same data directory: the count of duplicates
          rises, no window changes.
        </Trial>
        <Trial
          title="Kill the stream"
          command="bun run start --replay --speed 30"
          then="kill -STOP $(pgrep -f scripts/stream.ts)"
        >
          Its lane stops and names the reason; the batch overtakes it in the chart. After <code>kill -CONT</code> it
          catches up, and every window is equal again.
        </Trial>
        <Trial title="A drill" command="bun run drill --rounds 20 --seed 7">
          Stages are killed at random over a copy of your data; at the end it is compared with a run that nothing
          disturbed.
        </Trial>
      </ol>
      <p class="note">The page only shows: none of this can be started from it.</p>
    </details>
  );
}

function Trial({ title, command, then, children }: TrialOf) {
  return (
    <li>
      <h3>{title}</h3>
      <pre>{then === undefined ? command : `${command}\n${then}`}</pre>
      <p>{children}</p>
    </li>
  );
}

interface TrialOf {
  title: string;
  command: string;
  /** Typed in another terminal. */
  then?: string;
  children?: Child;
}
