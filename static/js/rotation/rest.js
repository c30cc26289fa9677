// The pauses between tries: long ones while there is no session, short ones while an old port will soon be gone.

import { Backoff } from "./backoff.js";
import { Pause } from "./pause.js";

/** A port that should take us and does not is tried again before the old one closes. */
const LONGEST_MOVE_PAUSE_MS = 2000;

/** A server that is full says itself when to come again; nobody stays away longer for it. */
const LONGEST_LIMIT_SECONDS = 300;

export class Rest {
  #pause = new Pause();
  #toFind;
  #toMove;
  #isDue = false;
  #leastMs = 0;

  /** @param {() => number} random from 0 up to 1 */
  constructor(random) {
    this.#toFind = new Backoff(random, { isUrgent: true });
    this.#toMove = new Backoff(random, { longestMs: LONGEST_MOVE_PAUSE_MS });
  }

  /** Something failed: the next try comes after a pause. @param {number} [seconds] that the server wants it to take */
  add(seconds = 0) {
    this.#isDue = true;
    this.#leastMs = Math.min(seconds, LONGEST_LIMIT_SECONDS) * 1000;
  }

  /** The pause, if one is due. @param {boolean} hasSession @returns {Promise<void>} */
  async take(hasSession) {
    if (!this.#isDue) return;
    this.#isDue = false;
    await this.#pause.wait(this.#leastMs + (hasSession ? this.#toMove : this.#toFind).next());
  }

  /** No more waiting now. */
  end() {
    this.#pause.end();
  }

  /** There is a new session; how good it is will show. */
  sessionCame() {
    this.#isDue = false;
    this.#toMove.reset();
  }

  /** What is lost had been good: pauses begin anew. */
  beginAnew() {
    this.#toFind.reset();
  }
}
