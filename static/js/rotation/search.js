// Finding a session: anywhere when there is none, on a better port when there is one.
//
// Spec: 3.15

import { endedBy } from "./endings.js";
import { Race } from "./race.js";

/** What no other identity would change. */
const FINAL = ["revoked", "limit"];
/** How a dial fails where nobody has the identity that it is for: a server hangs up on strangers without a word. */
const UNKNOWN_THERE = ["refused", "unauthentic", "unavailable"];

export class Search {
  #finder;
  #dial;
  #takeUp;

  /**
   * @param {import("../discovery/finder.js").Finder} finder
   * @param {(endpoint: object, proven: () => Promise<void>, pin: object) => Promise<object>} dial gives a session with
   *   the server of this identity
   * @param {(channel: object) => Promise<void>} takeUp makes it take up the rooms
   */
  constructor(finder, dial, takeUp) {
    this.#finder = finder;
    this.#dial = dial;
    this.#takeUp = takeUp;
  }

  /**
   * A session on any port of the last file, or of a newer one that the mirrors have.
   * @param {{mirrorsFirst: boolean}} how @returns {Promise<{endpoint: object, channel: object}>}
   * Raises: an error with a `code`.
   */
  anywhere({ mirrorsFirst }) {
    const look = async (tell) => {
      await this.#finder.refresh(tell);
      return this.#finder.endpoints();
    };
    return this.#race(() => this.#finder.endpoints(), look, { lookFirst: mirrorsFirst });
  }

  /**
   * A second session: where this endpoint should be left for, or else anywhere the file names.
   * @param {object} endpoint the one in use @returns {Promise<{endpoint: object, channel: object}>}
   */
  another(endpoint) {
    return this.#race(() => {
      const better = this.#finder.better(endpoint);
      return better.length > 0 ? better : this.#finder.endpoints();
    });
  }

  /**
   * Under the identity to go by; under the one before it when every port keeps its gate closed: a server that was
   * restored from a backup may know nothing of the one that follows. Spec: 3.2
   */
  async #race(endpoints, look = null, how = {}) {
    const [pin] = await this.#finder.pins();
    const gate = { isClosed: false };
    const under = (identity) => (endpoint, proven) => this.#connect(endpoint, proven, identity, gate);
    try {
      return await new Race(under(pin), look).run(endpoints(), how);
    } catch (cause) {
      if (!gate.isClosed || FINAL.includes(cause.code)) throw cause;
      const [, former] = await this.#finder.pins();
      if (!former) throw cause;
      return new Race(under(former)).run(endpoints());
    }
  }

  async #connect(endpoint, proven, pin, gate) {
    const began = performance.now();
    let hasProved = false;
    const note = () => {
      hasProved = true;
      this.#finder.proved(endpoint, performance.now() - began);
      return proven();
    };
    const channel = await this.#dial(endpoint, note, pin).catch((cause) => {
      if (cause.wasThere && !hasProved && UNKNOWN_THERE.includes(cause.code)) gate.isClosed = true;
      throw cause;
    });
    try {
      await this.#takeUp(channel);
      return { endpoint, channel };
    } catch (cause) {
      throw await endedBy(channel, cause);
    }
  }
}
