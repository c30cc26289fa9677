// Asking MEGA's interface about one public folder: no account, no session, no cookie.

import { FetchFailed } from "../../net/http.js";
import { Malformed } from "../../protocol/errors.js";
import { randomBelow } from "../../protocol/primitives.js";

/** "Ask again": the only one of its numbers that another try may help with. */
const AGAIN = -3;
/** The folder or file is not there any more, or was taken down. */
const GONE = [-9, -16];
const FIRST_PAUSE_MS = 250;

export class Gateway {
  #folder;
  #fetchBytes;
  #maxBytes;
  #deadline;
  #number = randomBelow(2 ** 30);

  /**
   * @param {import("../../protocol/places.js").MegaFolder} folder
   * @param {typeof import("../../net/http.js").fetchBytes} fetchBytes
   * @param {{maxBytes: number, timeoutMs: number}} limits maxBytes of one answer, timeoutMs for all of them together
   */
  constructor(folder, fetchBytes, { maxBytes, timeoutMs }) {
    this.#folder = folder;
    this.#fetchBytes = fetchBytes;
    this.#maxBytes = maxBytes;
    this.#deadline = performance.now() + timeoutMs;
  }

  /** The answer to one command. @returns {Promise<object>} Raises: FetchFailed; malformed. */
  async ask(command) {
    this.#number += 1;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      const answer = await this.#askOnce(command);
      if (answer !== AGAIN) return answer;
      await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, this.#leftMs)));
    }
  }

  /** The bytes that lie at an address which the interface gave. Raises: FetchFailed. */
  download(url) {
    if (!this.#isItsOwn(url)) throw new FetchFailed("unavailable");
    return this.#fetchBytes(url, this.#limits());
  }

  async #askOnce(command) {
    const { gateway, handle } = this.#folder;
    // Another try has the same number, by which the interface knows it.
    const url = `${gateway}?id=${this.#number}&n=${handle}`;
    const reply = await this.#fetchBytes(url, { ...this.#limits(), body: JSON.stringify([command]) });
    const answer = firstIn(reply);
    if (answer === AGAIN) return answer;
    if (typeof answer === "number") throw new FetchFailed(GONE.includes(answer) ? "not_there" : "unavailable");
    if (answer === null || typeof answer !== "object") throw new Malformed("an answer that is no answer");
    return answer;
  }

  get #leftMs() {
    return Math.max(0, this.#deadline - performance.now());
  }

  #limits() {
    if (this.#leftMs === 0) throw new FetchFailed("unavailable");
    return { maxBytes: this.#maxBytes, timeoutMs: Math.ceil(this.#leftMs), redirect: "error" };
  }

  /** Nobody is sent anywhere else, whatever the interface says. */
  #isItsOwn(url) {
    if (!URL.canParse(url)) return false;
    const { protocol, host, origin } = new URL(url);
    const gateway = new URL(this.#folder.gateway);
    if (origin === gateway.origin) return true;
    return protocol === "https:" && gateway.host === "g.api.mega.co.nz" && host.endsWith(".userstorage.mega.co.nz");
  }
}

function firstIn(reply) {
  try {
    return [JSON.parse(new TextDecoder().decode(reply))].flat()[0];
  } catch {
    throw new Malformed("no JSON");
  }
}
