// The inner part of secret_tree.js: one sender's chain of keys.

import { concat } from "../bytes.js";
import { wipe } from "../sodium.js";
import { hide } from "./_hidden.js";
import { u32, vectorOf } from "./codec.js";
import { KeyUsed } from "./errors.js";
import { KEY, NONCE, SECRET } from "./labels.js";

/** Of each sender and kind: skipped keys that are kept, and how far ahead a message may be. Spec: 4.4 */
export const KEPT_GENERATIONS = 10;
export const MAX_FORWARD = 1000;

/** The secret of the next generation, and keys of skipped ones, ascending. */
export class Ratchet {
  /** @param {number} generation @param {Uint8Array} secret @param {[number, Uint8Array, Uint8Array][]} [skipped] */
  constructor(generation, secret, skipped = []) {
    this.generation = generation;
    hide(this, { secret, skipped });
    Object.freeze(this);
  }

  /** What `encode` made. Raises: malformed. */
  static read(suite, reader) {
    const [generation, secret] = [reader.u32(), reader.take(suite.Nh)];
    const skipped = reader.vectorOf((inner) => [inner.u32(), inner.take(suite.Nk), inner.take(suite.Nn)]);
    return new Ratchet(generation, secret, skipped);
  }

  /** u32 generation | secret | skipped<V> of (u32 generation | key | nonce). */
  encode() {
    const skipped = this.skipped.map(([generation, key, nonce]) => concat(u32(generation), key, nonce));
    return concat(u32(this.generation), this.secret, vectorOf(skipped));
  }

  /** The ratchet without this generation, its key and its nonce. Raises: key_used. */
  async take(suite, generation) {
    if (generation < this.generation) return this.#takeSkipped(generation);
    if (generation - this.generation > MAX_FORWARD) {
      throw new KeyUsed(`${generation - this.generation} messages ahead`);
    }
    const skipped = [...this.skipped];
    let { secret } = this;
    for (let each = this.generation; each < generation; each += 1) {
      if (each >= generation - KEPT_GENERATIONS) skipped.push([each, ...(await keyAndNonce(suite, secret, each))]);
      secret = await this.#step(suite, secret, each);
    }
    const [key, nonce] = await keyAndNonce(suite, secret, generation);
    const after = await this.#step(suite, secret, generation);
    return [new Ratchet(generation + 1, after, skipped.slice(-KEPT_GENERATIONS)), key, nonce];
  }

  /** The very buffers, for who erases them. @returns {Uint8Array[]} */
  secrets() {
    return [this.secret, ...this.skipped.flatMap(([, key, nonce]) => [key, nonce])];
  }

  async #step(suite, secret, generation) {
    const next = await suite.deriveTreeSecret(secret, SECRET, generation, suite.Nh);
    // This value stays as it was; only what was made on the way is nobody else's.
    if (secret !== this.secret) wipe(secret);
    return next;
  }

  #takeSkipped(generation) {
    const found = this.skipped.find(([each]) => each === generation);
    if (found === undefined) throw new KeyUsed(`generation ${generation} is used or no longer kept`);
    const rest = this.skipped.filter((each) => each !== found);
    // Copies: the taker erases what it was given, and this value stays as it was.
    return [new Ratchet(this.generation, this.secret, rest), found[1].slice(), found[2].slice()];
  }
}

function keyAndNonce(suite, secret, generation) {
  return Promise.all([
    suite.deriveTreeSecret(secret, KEY, generation, suite.Nk),
    suite.deriveTreeSecret(secret, NONCE, generation, suite.Nn),
  ]);
}
