// What the server refuses for the moment: it passes by itself, and the same is sent again.
//
// Spec: 3.13

import { retrySeconds } from "../protocol/retry.js";

/** Codes of such refusals. */
export const PASSING = new Set(["too_fast", "limit", "unavailable", "internal"]);

/** The server's own word on how long to wait counts up to here. */
const LONGEST_WAIT_SECONDS = 300;

/** A wait this long is shown. */
export const SHOWN_WAIT_SECONDS = 5;

/** The seconds that the server wants to pass, 0 when it does not say. @param {Error & {text?: string}} cause */
export function waitSeconds(cause) {
  return Math.min(retrySeconds(cause.text ?? ""), LONGEST_WAIT_SECONDS);
}
