/** All benches, in the order in which they run and are shown. */
import { consume, embeddedDrain, kafkaDrain } from "./drain.ts";
import type { Bench } from "./figure.ts";

export const BENCHES: Bench[] = [embeddedDrain, kafkaDrain, consume];
