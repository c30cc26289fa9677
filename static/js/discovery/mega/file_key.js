// The key of one file at MEGA: what opens its name and its content, and what its content is checked by.

import { Malformed, Unauthentic } from "../../protocol/errors.js";
import { constantTimeEqual } from "../../protocol/primitives.js";
import { BLOCK_BYTES, lastOfChain, openChain, openStream, xor } from "./blocks.js";

export const FILE_KEY_BYTES = 32;
const BEGINNING = 'MEGA{"';

/** The check of a longer file is made in parts; none that we read is so long. */
const PART_BYTES = 131_072;

export class FileKey {
  #content;
  #nonce;
  #mac;

  /** @param {Uint8Array} folded 32 bytes: the content's key hidden by the rest, nonce (8), check (8) */
  constructor(folded) {
    this.#content = xor(folded.slice(0, 16), folded.slice(16));
    this.#nonce = folded.slice(16, 24);
    this.#mac = folded.slice(24);
  }

  /** The name of the file with these sealed attributes; null when this is not their key. */
  async nameIn(attributes) {
    if (attributes.length === 0 || attributes.length % BLOCK_BYTES !== 0) return null;
    // The first block says it, and mostly it is another's key.
    const beginning = await openChain(this.#content, attributes.slice(0, BLOCK_BYTES));
    if (!String.fromCharCode(...beginning).startsWith(BEGINNING)) return null;
    const text = new TextDecoder().decode(await openChain(this.#content, attributes));
    try {
      return JSON.parse(/^MEGA(\{.*\})\0*$/s.exec(text)[1]).n;
    } catch {
      return null;
    }
  }

  /** The content. @param {Uint8Array} sealed 1..131,072 bytes. Raises: malformed (its size); unauthentic. */
  async open(sealed) {
    if (sealed.length === 0 || sealed.length > PART_BYTES) throw new Malformed(`file of ${sealed.length} bytes`);
    const data = await openStream(this.#content, this.#nonce, sealed);
    if (!constantTimeEqual(await this.#checkOf(data), this.#mac)) throw new Unauthentic();
    return data;
  }

  async #checkOf(data) {
    const start = new Uint8Array([...this.#nonce, ...this.#nonce]);
    const mac = await lastOfChain(this.#content, await lastOfChain(this.#content, data, start));
    return new Uint8Array([...xor(mac.slice(0, 4), mac.slice(4, 8)), ...xor(mac.slice(8, 12), mac.slice(12))]);
  }
}
