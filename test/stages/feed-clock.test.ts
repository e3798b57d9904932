/** What `stream` reads of feed.json: the exchange's clock, and when the feed ended. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FeedClock } from "../../scripts/stages/feed-clock.ts";
import { tempDir } from "../support/data.ts";

test("the clock and the feed's end are those of the file; without it, or where it is damaged, not known", () => {
  using dir = tempDir();
  const path = join(dir.path, "feed.json");
  const read = () => {
    const clock = new FeedClock(path);
    return [clock.at(7), clock.ended()];
  };
  expect(read()).toEqual([null, null]);
  for (const damaged of ["", "{", "null", "7"]) {
    writeFileSync(path, damaged);
    expect(read()).toEqual([null, null]);
  }
  writeFileSync(path, '{"kind":"live","ended_us":null}');
  expect(read()).toEqual([7, null]);
  writeFileSync(path, '{"kind":"replay","ended_us":5,"replay":{"clock_us":100,"as_of_us":1,"speed":30}}');
  expect(read()).toEqual([280, 5]);
});
