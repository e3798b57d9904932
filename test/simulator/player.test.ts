/** Which trades a recording plays: once, in a loop, again after what was played. */
import { expect, test } from "bun:test";
import type { Recorded } from "../../scripts/simulator/index.ts";
import { Player } from "../../scripts/simulator/player.ts";

const recorded: Recorded[] = [1, 2, 3].map((id) => ({
  line: JSON.stringify({ type: "ticker", trade_id: id, sequence: id, time: "2023-09-05T16:00:00.000000Z" }),
  product_id: "BTC-USD",
  trade_id: id,
  time_us: 1_693_929_600e6 + id * 1e6,
}));
/** The ids of a play that begins after `after`; of a loop the first five. */
function ids(after: number, options: { loop?: boolean; again?: boolean }): number[] {
  const player = new Player({ recorded, speed: 1, loop: false, after, ...options });
  const count = Math.min(5, player.end - player.position);
  return Array.from({ length: count }, (_, i) => player.trade(player.position + i).trade_id);
}

test.each([
  [0, {}, [1, 2, 3]],
  [1, {}, [2, 3]],
  // All was played: nothing, a whole round, rounds without an end.
  [3, {}, []],
  [3, { again: true }, [4, 5, 6]],
  [3, { loop: true }, [4, 5, 6, 7, 8]],
  // In the middle of a round: its rest, so that a replay that is started again resumes.
  [0, { again: true }, [1, 2, 3]],
  [2, { again: true }, [3]],
  [5, { again: true }, [6]],
  [6, { again: true }, [7, 8, 9]],
  [5, { loop: true }, [6, 7, 8, 9, 10]],
  // Without a flag a round beyond the first has ended.
  [5, {}, []],
])("after %i with %p", (after, options, expected) => {
  expect(ids(after, options)).toEqual(expected);
});
