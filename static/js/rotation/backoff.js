// How long to wait before the next try: doubling, with jitter, so that a restarted server is not met by everybody
// at once.

import { randomBelow } from "../protocol/primitives.js";

const FIRST_MS = 250;
const LONGEST_MS = 30_000;

const RESOLUTION = 2 ** 20;

/** An even share of a whole, from 0 up to 1. */
export function randomShare() {
  return randomBelow(RESOLUTION) / RESOLUTION;
}

export class Backoff {
  #random;
  #tries = 0;

  /** @param {() => number} [random] from 0 up to 1 */
  constructor(random = randomShare) {
    this.#random = random;
  }

  /** The next pause in milliseconds: between half and all of a step that doubles. */
  next() {
    const step = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries);
    this.#tries += 1;
    return step * (0.5 + this.#random() / 2);
  }

  reset() {
    this.#tries = 0;
  }
}
