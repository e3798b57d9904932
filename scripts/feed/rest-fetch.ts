/** A request to the exchange's REST address, by the proxy rule, and the JSON of its answer. */
import { sentence } from "../base/errors.ts";
import { REST_BYTES_MAX } from "../base/limits.ts";
import { fetchProxy } from "./proxy.ts";

/**
 * Resolves with the answer's head; redirects are not followed. Rejects with an Error for people when
 * the address can't be reached, and with the signal's reason.
 */
export async function restFetch(url: string, signal: AbortSignal, headers: Record<string, string> = {}) {
  const { shown, option } = fetchProxy(url);
  try {
    return await fetch(url, { signal, redirect: "manual", headers, ...option });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error(`REST can't be reached${shown === "" ? "" : ` through the proxy ${shown}`}: ${sentence(error)}`);
  }
}

/**
 * What `ask` makes of an answer, its body included. Rejects with an Error for people when that takes
 * longer than `answer_ms`, and with the signal's reason.
 */
export async function withinAnswerTime<T>(
  answer_ms: number,
  signal: AbortSignal,
  ask: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(answer_ms)]);
  try {
    return await ask(stop);
  } catch (error) {
    if (stop.aborted && !signal.aborted) throw new Error(`REST did not answer within ${answer_ms / 1_000} s`);
    throw error;
  }
}

/** Reads the body up to REST_BYTES_MAX, counted when unpacked; its headers are not trusted. */
export async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > REST_BYTES_MAX) throw new Error(`REST answers with more than ${REST_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The same as a JSON value. */
export async function jsonOf(response: Response): Promise<unknown> {
  const text = await textOf(response);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("REST answers with text that is not JSON");
  }
}
