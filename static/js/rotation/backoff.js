// How long to wait before the next try: doubling, with jitter, so that a restarted server is not met by everybody
// at once.

import { randomShare } from "../discovery/random_share.js";

const FIRST_MS = 250;
const LONGEST_MS = 30_000;

/** Who was away for a moment only is not kept away for long: a step is at most this share of the time lost already. */
const SHARE_OF_TIME_AWAY = 4;
const LEAST_BOUND_MS = 2000;

export class Backoff {
  #random;
  #firstMs;
  #longestMs;
  #isUrgent;
  #clock;
  #tries = 0;
  #since = null;

  /**
   * @param {() => number} [random] from 0 up to 1
   * @param {{firstMs?: number, longestMs?: number, isUrgent?: boolean, clock?: () => number}} [how] urgent: a step also
   *   grows no faster than a quarter of the time since the first one
   */
  constructor(random = randomShare, how = {}) {
    const { firstMs = FIRST_MS, longestMs = LONGEST_MS, isUrgent = false, clock = Date.now } = how;
    this.#random = random;
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#isUrgent = isUrgent;
    this.#clock = clock;
  }

  /** The next pause in milliseconds: between half and all of a step that doubles. */
  next() {
    const step = Math.min(this.#longestMs, this.#firstMs * 2 ** this.#tries, this.#patience());
    this.#tries += 1;
    return step * (0.5 + this.#random() / 2);
  }

  reset() {
    this.#tries = 0;
    this.#since = null;
  }

  #patience() {
    if (!this.#isUrgent) return Infinity;
    this.#since ??= this.#clock();
    return Math.max(LEAST_BOUND_MS, (this.#clock() - this.#since) / SHARE_OF_TIME_AWAY);
  }
}
