// The server's time, as far as we know it: our own clock, and by how much the server's differed when it proved itself.
//
// Spec: 3.3

export class ServerClock {
  #offsetMs = null;

  /** The authenticated difference in ms. */
  set offsetMs(milliseconds) {
    this.#offsetMs = milliseconds;
  }

  /** In ms since 1970. */
  get now() {
    return Date.now() + (this.#offsetMs ?? 0);
  }

  /** In seconds since 1970; null before the server has told its time to this page. */
  get told() {
    return this.#offsetMs === null ? null : this.seconds;
  }

  /** In seconds since 1970. */
  get seconds() {
    return Math.floor(this.now / 1000);
  }

  /** How old a file is, in seconds; infinitely old when there is none. @param {{timestamp: number} | null} info */
  ageOf(info) {
    return info ? this.now / 1000 - info.timestamp : Infinity;
  }
}
