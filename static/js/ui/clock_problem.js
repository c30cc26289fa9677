/** A word on a clock that is wrong. Pure. */

import { spanWords } from "./times.js";

/**
 * What stands beside the work; null when the clock is right, or nobody has told yet.
 * @param {{clockAhead: number}} connection `clockAhead` in ms, negative when it is behind
 * @returns {{code: string, about: string, quiet: true} | null}
 */
export function clockProblem({ clockAhead }) {
  if (!clockAhead) return null;
  const side = clockAhead > 0 ? "ahead of" : "behind";
  return { code: "clock_off", about: `it is ${spanWords(Math.abs(clockAhead))} ${side} the server's.`, quiet: true };
}
