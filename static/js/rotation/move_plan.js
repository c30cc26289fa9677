// When to move to a port that was announced.

/** Nobody moves later than this after the announcement, however long the old port lives. */
const LATEST_MOVE_MS = 60_000;

export class MovePlan {
  #finder;
  #random;
  #move;
  #timer;

  /** @param {import("../discovery/finder.js").Finder} finder @param {() => number} random @param {() => void} move */
  constructor(finder, random, move) {
    this.#finder = finder;
    this.#random = random;
    this.#move = move;
  }

  /** Move in a while, if there is a better port by then. @param {object | null} endpoint the one in use */
  make(endpoint) {
    clearTimeout(this.#timer);
    if (!this.#knowsBetter(endpoint)) return;
    this.#timer = setTimeout(() => this.#knowsBetter(endpoint) && this.#move(), this.#delay(endpoint));
  }

  /** Also for when the move was made in another way. */
  drop() {
    clearTimeout(this.#timer);
  }

  #knowsBetter(endpoint) {
    const [best] = this.#finder.endpoints();
    return best !== undefined && best.url !== endpoint?.url;
  }

  /** Clients of one server must not all move in one moment, nor wait until the old port is about to close. */
  #delay(endpoint) {
    const left = Math.max(0, (endpoint?.validUntil ?? 0) * 1000 - this.#finder.now);
    return this.#random() * Math.min(left / 3, LATEST_MOVE_MS);
  }
}
