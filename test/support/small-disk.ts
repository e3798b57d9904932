/**
 * Whether, and how, a test may mount a small disk of its own: a mount namespace needs to be root, or
 * to be let.
 */
import { runProgram } from "../../scripts/base/process.ts";

/**
 * The command in front of another that runs it in a mount namespace of its own; undefined where that
 * is not allowed.
 */
export const namespace = [
  ["unshare", "-m"],
  ["sudo", "-n", "unshare", "-m"],
  ["unshare", "-rm"],
].find(
  (command) =>
    process.platform === "linux" && runProgram([...command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).code === 0,
);
