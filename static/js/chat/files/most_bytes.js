// How large a file this server takes.
//
// Its limit is the operator's, and nothing tells it but a refusal: so a file that is larger than any is asked for.
// Spec: 3.14, 3.18

import { sealedSize } from "../../protocol/attachment.js";
import { FILE_MAX_BYTES } from "../../protocol/limits.js";
import { randomBytes } from "../../protocol/primitives.js";

/** What a server takes when it was not set up otherwise, before it is sealed. Spec: 3.18 */
const USUAL_BYTES = 25 * 1024 * 1024;
/** Nobody is asked for the sake of a small file. */
const SMALL_BYTES = 1024 * 1024;

export class MostBytes {
  #line;
  #known = null;

  /** @param {import("./upload.js").Line} line */
  constructor(line) {
    this.#line = line;
  }

  /**
   * How large a file may be before it is sealed, in bytes; the usual limit when the server cannot be asked now.
   * @param {{roomId: Uint8Array} | null} room one that this device is in @param {number[]} sizes of the files
   */
  async forSizes(room, sizes) {
    const isAsked = this.#known === null && sizes.some((size) => size > SMALL_BYTES);
    if (isAsked && room && this.#line.channel) await this.#ask(this.#line.channel, room.roomId);
    return Math.min(this.#known ?? USUAL_BYTES, FILE_MAX_BYTES);
  }

  /** A refusal may tell it. @param {Error} cause */
  learn(cause) {
    const most = cause.code === "too_large" ? cause.details?.most : null;
    if (Number.isSafeInteger(most)) this.#known = most;
  }

  async #ask(channel, room) {
    const [file, size] = [randomBytes(16), sealedSize(FILE_MAX_BYTES)];
    try {
      await channel.request("file.create", { file, room, size });
      this.#known = FILE_MAX_BYTES;
      await channel.request("file.drop", { file, room });
    } catch (cause) {
      // Its size was looked at first; so what has no room left would take a file of any size.
      if (cause.code === "limit") this.#known = FILE_MAX_BYTES;
      this.learn(cause);
    }
  }
}
