// Chunks of files on one session: those that go out until each is answered, and those that come in for who asked.
//
// Spec: 3.18

import { toHex } from "../bytes.js";
import { FileChunk } from "../protocol/bodies.js";
import { newMessageId } from "../protocol/primitives.js";
import { ChannelClosed } from "./failures.js";

/** The server refuses what is sent beyond so many that it has not answered. Spec: 3.18 */
const MAX_UNDER_WAY = 8;
/** So many it hands out for one question. Spec: 3.18 */
const MAX_AT_ONCE = 16;

export class FileLane {
  #send;
  #ask;
  #underWay = new Map();
  #readers = new Map();
  #waiters = [];
  #isClosed = false;

  /**
   * @param {(payload: Uint8Array, messageId: Uint8Array) => void} send seals it at once, as a frame of type 0x02
   * @param {(op: string, members: object) => Promise<object>} ask
   */
  constructor(send, ask) {
    this.#send = send;
    this.#ask = ask;
  }

  /** Whether another chunk may be sent before one is answered. */
  get hasWindow() {
    return !this.#isClosed && this.#underWay.size < MAX_UNDER_WAY;
  }

  get isIdle() {
    return this.#underWay.size === 0 && this.#readers.size === 0;
  }

  /** Resolves when another chunk may be sent, and when none may be any more; `send` then says so. */
  window() {
    if (this.#isClosed || this.hasWindow) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /**
   * @param {FileChunk} chunk
   * @returns {Promise<number>} how many are stored. Raises: what the server answers; ChannelClosed.
   */
  send(chunk) {
    if (this.#isClosed) return Promise.reject(new ChannelClosed());
    return new Promise((resolve, reject) => {
      const messageId = newMessageId(Date.now());
      this.#underWay.set(toHex(messageId), { resolve, reject });
      this.#send(chunk.encode(), messageId);
    });
  }

  /**
   * The chunks of a file from `index` on, as far as one question goes. Questions for one file wait for each other,
   * since chunks do not say whose they are.
   * @returns {Promise<{size: number, chunks: FileChunk[]}>} Raises: what the server answers; ChannelClosed.
   */
  async read(file, room, index) {
    const key = toHex(file);
    while (this.#readers.has(key)) await this.#readers.get(key).answer.catch(() => {});
    const [chunks, answer] = [[], this.#ask("file.read", { file, room, index, count: MAX_AT_ONCE })];
    this.#readers.set(key, { chunks, answer });
    try {
      return { size: (await answer).size, chunks };
    } finally {
      this.#readers.delete(key);
    }
  }

  // From the channel

  /** A chunk has come; what nobody asked for, or too much of it, is dropped. @param {Uint8Array} payload */
  receive(payload) {
    const chunk = FileChunk.parse(payload);
    const reader = this.#readers.get(toHex(chunk.fileId));
    if (reader && reader.chunks.length < MAX_AT_ONCE) reader.chunks.push(chunk);
  }

  /** @param {string} id of a message, hex @param {number} stored @returns {boolean} whether it was one of these */
  acknowledged(id, stored) {
    return this.#settle(id, ({ resolve }) => resolve(stored));
  }

  /** @returns {boolean} whether it was one of these */
  refused(id, cause) {
    return this.#settle(id, ({ reject }) => reject(cause));
  }

  close() {
    this.#isClosed = true;
    for (const { reject } of this.#underWay.values()) reject(new ChannelClosed());
    this.#underWay.clear();
    this.#wake();
  }

  // Internal

  #settle(id, settle) {
    const waiting = this.#underWay.get(id);
    this.#underWay.delete(id);
    if (waiting === undefined) return false;
    settle(waiting);
    this.#wake();
    return true;
  }

  #wake() {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
