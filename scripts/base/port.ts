/** Whether a server can listen at an address. */
import { sentence, systemCode, TidemarkError } from "./errors.ts";

/** PORT_IN_USE or USAGE, from the error of listening. */
export function listenError(error: unknown, host: string, port: number): TidemarkError {
  if (systemCode(error) === "EADDRINUSE") {
    return new TidemarkError(
      "PORT_IN_USE",
      `Port ${port} of ${host} is in use by another process.`,
      "Stop it, or choose another port with --port N (0 takes any free one).",
    );
  }
  return new TidemarkError(
    "USAGE",
    `Port ${port} of ${host} can't be listened on: ${sentence(error)}.`,
    "Choose another --port or --host.",
  );
}

/** Fails with PORT_IN_USE or USAGE when the address can't be listened on now. */
export function requireFreePort(host: string, port: number): void {
  try {
    Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true);
  } catch (error) {
    throw listenError(error, host, port);
  }
}
