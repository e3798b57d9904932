/** All benches, in the order in which they run and are shown. */
import { answers } from "./answers.ts";
import { batch } from "./batch-runs.ts";
import { firstPaint, mainThread, pageBytes } from "./browser-page.ts";
import { busyDisk } from "./busy-disk.ts";
import { bytes } from "./bytes.ts";
import { cost, memory } from "./cost.ts";
import { consume, embeddedDrain, kafkaDrain } from "./drain.ts";
import type { Bench } from "./figure.ts";
import { idle } from "./idle.ts";
import { openPage } from "./open-page.ts";
import { pages } from "./pages.ts";
import { latency } from "./path-latency.ts";
import { produce } from "./produce-rate.ts";
import { sustained } from "./sustained.ts";

export const BENCHES: Bench[] = [
  embeddedDrain,
  kafkaDrain,
  consume,
  produce,
  latency,
  busyDisk,
  bytes,
  idle,
  cost,
  batch,
  pages,
  answers,
  firstPaint,
  pageBytes,
  mainThread,
  memory,
  sustained,
  openPage,
];
