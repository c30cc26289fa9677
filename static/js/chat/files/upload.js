// Bringing a sealed file to the server, whatever happens to the sessions meanwhile.
//
// Spec: 3.18

import { ChannelClosed } from "../../net/failures.js";
import { FileChunk } from "../../protocol/bodies.js";
import { Malformed, OutOfOrder } from "../../protocol/errors.js";
import { PASSING, SHOWN_WAIT_SECONDS, waitSeconds } from "../refusals.js";
import { orAborted, pause } from "./giving_up.js";

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;
/** A server that has another place in the file than it said is asked anew, but not for ever. */
const MAX_GAPS = 3;

/**
 * @typedef {object} Line
 * @property {() => Promise<object>} ready the session in use, as soon as there is one
 * @property {object | null} channel the session in use
 */

export class Upload {
  #line;
  #read;
  #tell;
  #signal;
  #retryMs = FIRST_RETRY_MS;
  #gaps = 0;
  /** How many chunks the server ever had: what it says it has anew after losing them is no progress. */
  #most = 0;

  /**
   * @param {object} parts
   * @param {Line} parts.line
   * @param {(index: number) => Promise<Uint8Array>} parts.read a sealed chunk
   * @param {(news: {stored?: number, held?: string | null}) => void} parts.tell how many chunks the server has, and the
   *   code of what it waits for a while
   * @param {AbortSignal} parts.signal
   */
  constructor({ line, read, tell, signal }) {
    this.#line = line;
    this.#read = read;
    this.#tell = tell;
    this.#signal = signal;
  }

  /**
   * Resolves when the server has all of it.
   * @param {{id: Uint8Array, room: Uint8Array, size: number, count: number}} file `size` sealed, in `count` chunks
   * Raises: what the server answers; the reason of the signal.
   */
  async run(file) {
    for (;;) {
      const channel = await orAborted(this.#line.ready(), this.#signal);
      try {
        if (await this.#sendRest(channel, file)) return;
      } catch (cause) {
        this.#signal.throwIfAborted();
        await this.#getOver(cause);
      }
    }
  }

  // Internal

  /** @returns {Promise<boolean>} whether the server has all of it now */
  async #sendRest(channel, file) {
    const { id, room, size, count } = file;
    const { have } = await orAborted(channel.request("file.create", { file: id, room, size }), this.#signal);
    if (!Number.isSafeInteger(have) || have < 0) throw new Malformed("answer to file.create");
    let [stored, failure] = [have, null];
    this.#tell({ stored, held: null });
    const answers = [];
    for (let index = have; index < count; index += 1) {
      const bytes = await this.#read(index);
      await orAborted(channel.files.window(), this.#signal);
      // Another session has taken over: it goes on there, from where this one will have brought it.
      if (failure || channel !== this.#line.channel) break;
      const answer = channel.files.send(new FileChunk(id, index, index === count - 1, bytes));
      answers.push(answer.then((now) => this.#tell({ stored: (stored = Math.max(stored, now)) }), (cause) => {
        failure ??= cause;
      }));
    }
    await orAborted(Promise.all(answers), this.#signal);
    if (stored > this.#most) this.#gaps = 0;
    this.#most = Math.max(this.#most, stored);
    // It has dropped what was begun, perhaps for newer files; whether this device may still send, its beginning tells.
    if (failure?.code === "not_member") throw new OutOfOrder("the server knows nothing of it any more");
    if (failure) throw failure;
    // All of it was answered, and all of it is not there: sent again without an end it would be, for such a server.
    if (stored < count && answers.length === count - have) throw new OutOfOrder(`${stored} of ${count} are stored`);
    return stored >= count;
  }

  /** Nothing when it may go on. Raises: the cause. */
  async #getOver(cause) {
    if (cause instanceof ChannelClosed) return undefined;
    if (cause.code === "out_of_order" && this.#gaps < MAX_GAPS) return void (this.#gaps += 1);
    if (!PASSING.has(cause.code)) throw cause;
    const seconds = waitSeconds(cause);
    if (seconds >= SHOWN_WAIT_SECONDS) this.#tell({ held: cause.code });
    const milliseconds = seconds > 0 ? seconds * 1000 : this.#retryMs;
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
    return pause(milliseconds, this.#signal);
  }
}
