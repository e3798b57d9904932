/** Answers that are shared while many ask: never a second old, a bounded number made and kept. */
import { expect, test } from "bun:test";
import { SharedAnswers } from "../../../web/answers/shared-answers.ts";

function counted() {
  const shared = new SharedAnswers<{ n: number; at_ms: number }>();
  let made = 0;
  return { made: () => made, ask: (at_ms: number, of = "/") => shared.of(of, at_ms, () => ({ n: ++made, at_ms })) };
}

test("who asks seldom gets an answer of its own each time", () => {
  const { ask } = counted();
  expect(Array.from({ length: 30 }, (_, i) => ask(i * 125).n)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
});

test("of a thousand questions per second eight get a new answer, and no answer is a second old", () => {
  const { ask, made } = counted();
  const ages = Array.from({ length: 5_000 }, (_, ms) => ms - ask(ms).at_ms);
  expect(Math.max(...ages)).toBeLessThan(1_000);
  expect(made()).toBe(5 * 8);
});

test("questions do not share answers, and of many only the newest are kept", () => {
  const { ask } = counted();
  const first = Array.from({ length: 8 }, () => ask(0, "a")).at(-1)!;
  expect(ask(1, "b").n).toBe(9);
  expect(ask(2, "a")).toBe(first);
  for (let i = 0; i < 16; i++) ask(3, `other ${i}`);
  expect(ask(4, "a").n).toBe(26);
});

test("an error is not shared", () => {
  const shared = new SharedAnswers<number>();
  const fail = () => {
    throw new Error("no");
  };
  expect(() => shared.of("/", 0, fail)).toThrow("no");
  expect(shared.of("/", 0, () => 1)).toBe(1);
});
