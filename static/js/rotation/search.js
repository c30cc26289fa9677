// Finding a session: anywhere when there is none, on a better port when there is one.
//
// Spec: 3.15

import { endedBy } from "./endings.js";
import { Race } from "./race.js";

export class Search {
  #finder;
  #dial;
  #takeUp;

  /**
   * @param {import("../discovery/finder.js").Finder} finder
   * @param {(endpoint: object, proven: () => Promise<void>) => Promise<object>} dial gives a session
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
    return this.#race(look).run(this.#finder.endpoints(), { lookFirst: mirrorsFirst });
  }

  /**
   * A second session: where this endpoint should be left for, or else anywhere the file names.
   * @param {object} endpoint the one in use @returns {Promise<{endpoint: object, channel: object}>}
   */
  another(endpoint) {
    const better = this.#finder.better(endpoint);
    return this.#race().run(better.length > 0 ? better : this.#finder.endpoints());
  }

  #race(look = null) {
    return new Race((endpoint, proven) => this.#connect(endpoint, proven), look);
  }

  async #connect(endpoint, proven) {
    const began = performance.now();
    const channel = await this.#dial(endpoint, () => {
      this.#finder.proved(endpoint, performance.now() - began);
      return proven();
    });
    try {
      await this.#takeUp(channel);
      return { endpoint, channel };
    } catch (cause) {
      throw await endedBy(channel, cause);
    }
  }
}
