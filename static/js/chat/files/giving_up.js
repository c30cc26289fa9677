// Waiting for what somebody may not want any more.

import { Problem } from "../problem.js";

/** What the promise gives, unless somebody gives up before. Raises: the reason of the signal. */
export function orAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

/** A while, unless somebody gives up before. Raises: the reason of the signal. */
export function pause(milliseconds, signal) {
  let timer;
  const over = new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)));
  return orAborted(over, signal).finally(() => clearTimeout(timer));
}

/** The reason when a person gives up, or the page goes. */
export function givenUp() {
  return new Problem("given_up");
}
