// Finding the server: the ports of the last connection file first, then what the mirrors say.
//
// Spec: 3.8

import { DialFailed } from "../net/failures.js";

export class Search {
  #finder;
  #dial;

  /** @param {import("../discovery/finder.js").Finder} finder @param {(endpoint: object) => Promise<object>} dial */
  constructor(finder, dial) {
    this.#finder = finder;
    this.#dial = dial;
  }

  /**
   * A session with the server, wherever it is.
   * @param {{onlyBest: boolean, mirrorsFirst: boolean}} how `onlyBest`: for a move, where the old port still does
   * @returns {Promise<{endpoint: object, channel: object}>} Raises: an error with a `code`.
   */
  async find({ onlyBest, mirrorsFirst }) {
    const tried = new Set();
    const candidates = () => {
      const endpoints = onlyBest ? this.#finder.endpoints().slice(0, 1) : this.#finder.endpoints();
      return endpoints.filter((endpoint) => !tried.has(endpoint.url));
    };
    const failure = mirrorsFirst ? null : await this.#tryEach(candidates(), tried);
    if (failure && !(failure instanceof Error)) return failure;
    await this.#finder.refresh().catch((cause) => {
      // What the ports said is the better reason; without ports the mirrors are all there is.
      throw failure ?? cause;
    });
    const found = await this.#tryEach(candidates(), tried);
    if (found && !(found instanceof Error)) return found;
    throw found ?? failure ?? new DialFailed("unavailable");
  }

  /** @returns {Promise<{endpoint: object, channel: object} | Error | null>} the last failure when none answered */
  async #tryEach(endpoints, tried) {
    let failure = null;
    for (const endpoint of endpoints) {
      tried.add(endpoint.url);
      try {
        return { endpoint, channel: await this.#dial(endpoint) };
      } catch (cause) {
        failure = cause;
      }
    }
    return failure;
  }
}
