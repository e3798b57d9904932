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

test("what was kept is never taken after what came later, also if nobody has opened it", () => {
  let isShut = true;
  const passed: number[] = [];
  const gate = new EventGate(
    () => isShut,
    () => passed.push(-1),
  );
  gate.pass(() => passed.push(1));
  isShut = false;
  gate.pass(() => passed.push(2));
  gate.open();
  expect(passed).toEqual([1, 2]);
  // The first of what was kept begins to load everything again.
  isShut = true;
  gate.pass(() => {
    passed.push(3);
    isShut = true;
  });
  isShut = false;
  gate.pass(() => passed.push(4));
  expect(passed).toEqual([1, 2, 3]);
  isShut = false;
  gate.open();
  expect(passed).toEqual([1, 2, 3, 4]);
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
