/** Events that wait while the page is paused. */
import { expect, test } from "bun:test";
import { EventGate } from "../../../web/public/event-gate.ts";

test("they pass in their order; what is kept passes when it opens", () => {
  let isShut = false;
  const passed: number[] = [];
  const gate = new EventGate(
    () => isShut,
    () => passed.push(-1),
  );
  gate.pass(() => passed.push(1));
  isShut = true;
  gate.pass(() => passed.push(2));
  gate.pass(() => passed.push(3));
  gate.open();
  expect(passed).toEqual([1]);
  isShut = false;
  gate.open();
  expect(passed).toEqual([1, 2, 3]);
});

test("after an hour of pause everything is loaded again instead", () => {
  let isShut = true;
  const passed: number[] = [];
  const gate = new EventGate(
    () => isShut,
    () => passed.push(-1),
  );
  for (let i = 0; i < 501; i++) gate.pass(() => passed.push(i));
  isShut = false;
  gate.open();
  expect(passed).toEqual([-1]);
});
