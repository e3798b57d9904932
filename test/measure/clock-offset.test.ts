/** The interval of the exchange's clock has the true offset, however long each way takes. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { OffsetInterval, type TimeAnswer } from "../../scripts/measure/clock-offset.ts";
import { StampDrift } from "../../scripts/measure/stamp-drift.ts";

const START_US = 1_790_000_000_000_000;
const MINUTE_US = 60_000_000;

interface Trip {
  /** Microseconds on the way to the exchange, and back. */
  to_us: number;
  back_us: number;
}

const delay = fc.integer({ min: 50, max: 200_000 });
const trip: fc.Arbitrary<Trip> = fc.record({ to_us: delay, back_us: delay });
const trips = fc.array(trip, { minLength: 1, maxLength: 90 });
const resolution = fc.constantFrom(1, 1_000);

/** A request at our time `sent_us` to a clock that is `offset(ours)` ahead. */
function asked(sent_us: number, { to_us, back_us }: Trip, offset: (at_us: number) => number, resolution_us = 1) {
  const at_us = sent_us + to_us;
  const time_us = Math.floor((at_us + offset(at_us)) / resolution_us) * resolution_us;
  const answer: TimeAnswer = { sent_us, received_us: at_us + back_us, time_us, resolution_us };
  return answer;
}

test("an exchange that is two seconds ahead or behind: the interval has the offset and is at most a round trip wide", () => {
  fc.assert(
    fc.property(trips, fc.constantFrom(-2_000_000, 2_000_000), resolution, (all, truth_us, resolution_us) => {
      const interval = new OffsetInterval();
      for (const [i, one] of all.entries()) {
        expect(interval.take(asked(START_US + i * MINUTE_US, one, () => truth_us, resolution_us))).toBeTrue();
        const { low_us, high_us, requests } = interval.offset!;
        expect(low_us).toBeLessThanOrEqual(truth_us);
        expect(high_us).toBeGreaterThanOrEqual(truth_us);
        expect(high_us - low_us).toBeLessThanOrEqual(one.to_us + one.back_us + resolution_us);
        expect(requests).toBe(Math.min(i + 1, 64));
      }
    }),
  );
});

test("requests one second apart: the interval is about as wide as the shortest way there and the shortest way back", () => {
  fc.assert(
    fc.property(trips, (all) => {
      const interval = new OffsetInterval();
      for (const [i, one] of all.slice(0, 10).entries())
        interval.take(asked(START_US + i * 1_000_000, one, () => 7_000));
      const { low_us, high_us } = interval.offset!;
      const kept = all.slice(0, 10);
      const least = Math.min(...kept.map((one) => one.to_us)) + Math.min(...kept.map((one) => one.back_us));
      // The drift that is not known yet, over ten seconds to both sides.
      expect(high_us - low_us).toBeLessThanOrEqual(least + 2 * 10_000_000 * 501e-6 + 2);
    }),
  );
});

test("a delay on one way widens the interval to that side and does not move it", () => {
  const offset = (one: Trip) => {
    const interval = new OffsetInterval();
    interval.take(asked(START_US, one, () => 5_000));
    return interval.offset!;
  };
  expect(offset({ to_us: 1_000, back_us: 1_000 })).toMatchObject({ low_us: 4_000, high_us: 6_001 });
  expect(offset({ to_us: 801_000, back_us: 1_000 })).toMatchObject({ low_us: 4_000, high_us: 806_001 });
  expect(offset({ to_us: 1_000, back_us: 801_000 })).toMatchObject({ low_us: -796_000, high_us: 6_001 });
});

test("a drift of some ppm over more than an hour stays in the interval", () => {
  fc.assert(
    fc.property(trips, fc.double({ min: -50e-6, max: 50e-6, noNaN: true }), resolution, (all, drift, resolution_us) => {
      const truth = (at_us: number) => -2_000_000 + (at_us - START_US) * drift;
      const interval = new OffsetInterval();
      for (const [i, one] of all.entries()) {
        const answer = asked(START_US + i * MINUTE_US, one, truth, resolution_us);
        expect(interval.take(answer)).toBeTrue();
        const { low_us, high_us } = interval.offset!;
        // What the clocks drift within the round trip is not part of the interval.
        const within_us = 1 + 50e-6 * (one.to_us + one.back_us);
        expect(low_us).toBeLessThanOrEqual(truth(answer.received_us) + within_us);
        expect(high_us).toBeGreaterThanOrEqual(truth(answer.received_us) - within_us);
      }
    }),
  );
});

test("stamps show the drift, and with it an hour's requests give a narrower interval", () => {
  const drift = 20e-6;
  const truth = (at_us: number) => 1_000 + (at_us - START_US) * drift;
  const stamps = new StampDrift();
  const [withStamps, without] = [new OffsetInterval(), new OffsetInterval()];
  const random = seeded(7);
  expect(stamps.drift()).toBeNull();
  for (let second = 0; second < 3_000; second++) {
    const received_us = START_US + second * 1_000_000;
    stamps.note(received_us, 4_000 + random() * 30_000 - truth(received_us));
    // The first requests are fast, the others slow: without the drift the first ones soon say little.
    const one = second < 5 ? { to_us: 500, back_us: 500 } : { to_us: 60_000, back_us: 60_000 };
    if (second >= 5 && second % 60 !== 0) continue;
    const answer = asked(received_us, one, truth);
    withStamps.take(answer, stamps.drift());
    without.take(answer);
    for (const { offset } of [withStamps, without]) {
      expect(offset!.low_us).toBeLessThanOrEqual(truth(answer.received_us) + 3);
      expect(offset!.high_us).toBeGreaterThanOrEqual(truth(answer.received_us) - 3);
    }
  }
  expect(stamps.drift()).toBeWithin(drift - 2e-6, drift + 2e-6);
  const width = ({ offset }: OffsetInterval) => offset!.high_us - offset!.low_us;
  expect(width(withStamps)).toBeLessThan(0.9 * width(without));
});

test("a clock that is set begins again with the newest answer", () => {
  fc.assert(
    fc.property(trips, fc.constantFrom(-2_000_000, 2_000_000), (all, step_us) => {
      const interval = new OffsetInterval();
      for (const [i, one] of all.entries()) interval.take(asked(START_US + i * MINUTE_US, one, () => 0));
      const after_us = START_US + all.length * MINUTE_US;
      expect(interval.take(asked(after_us, all[0]!, () => step_us))).toBeFalse();
      const { low_us, high_us, requests } = interval.offset!;
      expect(requests).toBe(1);
      expect(low_us).toBeLessThanOrEqual(step_us);
      expect(high_us).toBeGreaterThanOrEqual(step_us);
      interval.begin();
      expect(interval.offset).toBeNull();
    }),
  );
});

test("a drift that the stamps have wrong is given up when the requests contradict it", () => {
  const interval = new OffsetInterval();
  for (let i = 0; i < 30; i++) {
    const answer = asked(START_US + i * MINUTE_US, { to_us: 500, back_us: 500 }, () => 0);
    expect(interval.take(answer, 300e-6)).toBeTrue();
  }
  expect(interval.offset).toMatchObject({ requests: 30 });
  expect(interval.offset!.low_us).toBeWithin(-600, 1);
});

test("stamps: the drift is that of the lower hull, and begins again when our clock is set back", () => {
  const stamps = new StampDrift();
  for (let second = 0; second <= 1_200; second += 5)
    stamps.note(START_US + second * 1_000_000, 9_000 - second * 10 + (second % 3) * 8_000);
  expect(stamps.drift()).toBeCloseTo(10e-6, 7);
  stamps.note(START_US - 3_600_000_000, 0);
  expect(stamps.drift()).toBeNull();
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
