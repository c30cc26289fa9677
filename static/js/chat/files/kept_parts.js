// What is kept of a file, in its order: stretches of its own bytes, and here and there other bytes in their place.

import { sameBytes } from "../../bytes.js";

export class KeptParts {
  #data;
  #parts = [];
  /** Where the last part ends in the file; null when it is not of the file. */
  #end = null;

  /** @param {Uint8Array} data all of the file */
  constructor(data) {
    this.#data = data;
  }

  /** From `start` up to `end` as it is. */
  keep(start, end) {
    if (start === end) return;
    const first = start === this.#end ? this.#parts.pop().byteOffset - this.#data.byteOffset : start;
    this.#parts.push(this.#data.subarray(first, end));
    this.#end = end;
  }

  /** These bytes in place of those from `start` up to `end`, which may be the very same. @param {Uint8Array} bytes */
  replace(start, end, bytes) {
    const own = this.#data.subarray(start, end);
    const isOwn = bytes.buffer === own.buffer && bytes.byteOffset === own.byteOffset;
    if (isOwn || sameBytes(own, bytes)) return this.keep(start, end);
    this.#parts.push(bytes);
    this.#end = null;
  }

  /** @returns {Uint8Array[] | null} null when all of the file is kept as it is */
  get news() {
    const isWhole = this.#parts.length === 1 && this.#parts[0].length === this.#data.length && this.#end !== null;
    return isWhole ? null : this.#parts;
  }
}
