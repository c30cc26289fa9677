// Has the device's own pair renewed: when it is old, or when the operator wants it.
//
// Spec: 3.2, 3.14

import { PeerError } from "../protocol/errors.js";

export class PairRenewal {
  #pairs;
  #now;
  #random;
  #isWanted = false;
  #asking = null;
  /** The session that began last. */
  #channel = null;

  /**
   * @param {object} parts
   * @param {import("./pairs.js").Pairs} parts.pairs
   * @param {() => number} parts.now seconds since 1970, by the server's clock
   * @param {() => number} parts.random from 0 up to 1
   */
  constructor({ pairs, now, random }) {
    this.#pairs = pairs;
    this.#now = now;
    this.#random = random;
  }

  /** The server's notice. @param {object} channel to ask on */
  want(channel) {
    this.#isWanted = true;
    return this.look(channel);
  }

  /** Ask for another pair if that is due; what fails comes again with the next session. @param {object} channel */
  async look(channel) {
    this.#channel = channel;
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    await this.#asking;
  }

  /** A session that replaced the one it was asked on, by a move of the port, is asked in its turn. */
  async #ask() {
    for (let channel = null; channel !== this.#channel; ) {
      channel = this.#channel;
      await this.#askOn(channel);
    }
  }

  async #askOn(channel) {
    try {
      while (this.#isWanted || (await this.#pairs.isDue(this.#now(), this.#random))) {
        this.#isWanted = false;
        await this.#renew(channel);
      }
    } catch (cause) {
      // Whether it was stored there or not, or could not be here: another session brings another.
      if (!(cause instanceof PeerError)) this.#isWanted = true;
    }
  }

  async #renew(channel) {
    let exporter = null;
    await channel.request("psk_renew", {}, {
      sent: () => (exporter = channel.exporter),
      answered: () => this.#pairs.renewed(exporter, this.#now()),
    });
  }
}
