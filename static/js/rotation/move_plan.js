// When a session that goes on should be moved to another port, and when to look whether it should.
//
// Spec: 3.15

import { lookAt, movePause } from "../protocol/endpoint_choice.js";
import { Backoff } from "./backoff.js";

/** Who should have been told something and was not asks the mirrors, again and again. */
const LOOKS = { firstMs: 5000, longestMs: 300_000 };
/** Who is on a fixed port tries to leave it, again and again. */
const RETURNS = { firstMs: 30_000, longestMs: 3_600_000 };
/** A browser's timer cannot be set for longer than 24 days. */
const LONGEST_TIMER_MS = 3_600_000;

export class MovePlan {
  #finder;
  #random;
  #move;
  #look;
  #clock;
  #endpoint = null;
  #draw = 0;
  #pauses = null;
  #notBefore = 0;
  #isMoving = false;
  #timer;

  /**
   * @param {object} parts
   * @param {import("../discovery/finder.js").Finder} parts.finder @param {() => number} parts.random
   * @param {(how: {once: boolean}) => void} parts.move
   * @param {() => Promise<void>} parts.look asks the mirrors; never rejects
   * @param {() => number} [parts.clock] ms
   */
  constructor({ finder, random, move, look, clock = Date.now }) {
    this.#finder = finder;
    this.#random = random;
    this.#move = move;
    this.#look = look;
    this.#clock = clock;
  }

  /** Do in time what is to be done for a session on this endpoint, by what is known now. A move that is due stays due. */
  make(endpoint) {
    if (endpoint?.url !== this.#endpoint?.url) this.#begin(endpoint);
    if (endpoint === null) return;
    const isCalm = this.#isCalm();
    if (!isCalm && this.#finder.better(endpoint).length > 0) return this.#planMove();
    this.#cancel();
    const due = isCalm ? this.#notBefore : Math.max(this.#notBefore, this.#lookAt());
    this.#wake(due - this.#clock(), () => (this.#clock() < due ? this.make(endpoint) : this.#fall(endpoint)));
  }

  /** There is no session any more, or the move was made in another way. */
  drop() {
    this.#begin(null);
  }

  #begin(endpoint) {
    this.#cancel();
    this.#endpoint = endpoint;
    this.#draw = this.#random();
    this.#pauses = new Backoff(this.#random, this.#isCalm() ? RETURNS : LOOKS);
    this.#putOff();
  }

  /** Whether the port serves on for good: it never moves, and is listed. */
  #isCalm() {
    const listed = this.#endpoint && this.#finder.listed(this.#endpoint);
    return Boolean(listed?.fixed && !listed.retiring);
  }

  #planMove() {
    if (this.#isMoving) return;
    this.#cancel();
    this.#isMoving = true;
    const { validUntil } = this.#finder.listed(this.#endpoint) ?? this.#endpoint;
    const pause = movePause(validUntil - this.#finder.now / 1000, this.#random());
    this.#wake(pause * 1000, () => {
      this.#isMoving = false;
      if (this.#finder.better(this.#endpoint).length > 0) this.#move({ once: false });
      else this.make(this.#endpoint);
    });
  }

  /** When the mirrors should be asked, by our own clock. */
  #lookAt() {
    const endpoint = this.#finder.listed(this.#endpoint) ?? this.#endpoint;
    const at = lookAt(endpoint, this.#finder.info?.graceSeconds ?? 0, this.#draw) * 1000;
    return this.#clock() + at - this.#finder.now;
  }

  /** The time has come. */
  async #fall(endpoint) {
    this.#putOff();
    if (!this.#isCalm()) await this.#look();
    else if (this.#finder.better(endpoint).length > 0) return this.#move({ once: true });
    return this.#endpoint === endpoint ? this.make(endpoint) : undefined;
  }

  #putOff() {
    this.#notBefore = this.#clock() + this.#pauses.next();
  }

  #wake(milliseconds, act) {
    this.#timer = setTimeout(act, Math.min(Math.max(0, milliseconds), LONGEST_TIMER_MS));
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#isMoving = false;
  }
}
