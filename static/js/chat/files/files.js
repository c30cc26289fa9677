// The files of all rooms: those that go out beside messages, and those that somebody wants to have.

import { MAX_ATTACHMENTS } from "../../protocol/limits.js";
import { Lane } from "../lane.js";
import { Problem } from "../problem.js";
import { download, OPAQUE } from "./download.js";
import { givenUp } from "./giving_up.js";
import { KeptBlobs } from "./kept_blobs.js";
import { MostBytes } from "./most_bytes.js";
import { withoutNotes } from "./picture_notes.js";
import { Posts } from "./posts.js";
import { Transfers } from "./transfers.js";

/** What the person has to be told, where the code alone says too little. */
const CODES = { not_member: "file_gone", malformed: "file_spoilt", unauthentic: "file_spoilt" };

export class Files extends Transfers {
  #line;
  #rooms;
  #most;
  #kept = new KeptBlobs();
  /** Files that were looked at already. */
  #prepared = new WeakSet();
  #fetching = new Map();
  #byHand = new Lane();
  #byItself = new Lane();

  /**
   * @param {object} parts `store`, `rooms`, `changed(roomId)`
   * @param {import("./upload.js").Line} parts.line
   */
  constructor({ store, line, rooms, changed }) {
    super();
    this.#line = line;
    this.#rooms = rooms;
    this.#most = new MostBytes(line);
    const keep = (id, source) => this.#kept.put(id, source.slice(0, source.size, OPAQUE));
    const refused = (cause) => this.#most.learn(cause);
    this.posts = new Posts({ store, line, rooms, transfers: this, changed, keep, refused });
  }

  close() {
    this.posts.close();
    for (const { controller } of this.#fetching.values()) controller.abort(givenUp());
  }

  // Sending

  /** @returns {Promise<string>} the message's id (hex), once it is on the disk. Raises: Problem. */
  async post(roomId, text, sources) {
    const files = await this.prepare(sources);
    await this.check(roomId, files);
    return this.posts.add(roomId, text, files);
  }

  /** What goes out in place of these: pictures without the notes of a camera. @param {File[]} sources */
  async prepare(sources) {
    const files = [];
    // One after the other: each is in memory as a whole for a moment.
    for (const each of sources) files.push(this.#prepared.has(each) ? each : await withoutNotes(each));
    for (const file of files) this.#prepared.add(file);
    return files;
  }

  /** Try once more to send a message that was stopped. @param {string} id hex */
  retry(id) {
    this.posts.retry(id);
  }

  /** Do not send a message. @param {string} id hex @returns {Promise<string>} its text */
  cancel(id) {
    return this.posts.cancel(id);
  }

  /** Raises: Problem "too_many_files", "file_too_large" with `most`, bytes. @param {File[]} sources for one message */
  async check(roomId, sources) {
    if (sources.length > MAX_ATTACHMENTS) throw new Problem("too_many_files");
    const most = await this.#most.forSizes(this.#rooms.get(roomId), sources.map(({ size }) => size));
    if (sources.some(({ size }) => size > most)) throw new Problem("file_too_large", { most });
  }

  // Fetching

  /** The file, if it is here. @param {string} id as messages have it @returns {Blob | null} */
  here(id) {
    return this.#kept.get(id);
  }

  /**
   * Fetch a file and open it. What goes wrong is in its transfer, it is never thrown.
   * @param {string} roomId hex @param {string} id of the file, as messages have it
   * @param {{byItself?: boolean}} [how] whether nobody asked for it; then it waits behind others like it
   * @returns {Promise<Blob | null>} null when there is none
   */
  fetch(roomId, id, { byItself = false } = {}) {
    const here = this.here(id);
    if (here) return Promise.resolve(here);
    const lane = byItself ? this.#byItself : this.#byHand;
    if (!this.#fetching.has(id)) {
      const controller = new AbortController();
      const answer = lane.run(() => this.#fetch(roomId, id, controller.signal));
      this.#fetching.set(id, { controller, answer: answer.finally(() => this.#fetching.delete(id)) });
    }
    return this.#fetching.get(id).answer;
  }

  stop(id) {
    this.#fetching.get(id)?.controller.abort(givenUp());
  }

  // Internal

  async #fetch(roomId, id, signal) {
    const room = this.#rooms.get(roomId);
    const attachment = room?.attachment(id);
    try {
      if (!attachment) throw new Problem("not_member");
      this.tell(id, { state: "fetching", done: 0, total: attachment.size, code: null });
      const tell = (done) => this.tell(id, { done });
      const blob = await download({ line: this.#line, room: room.roomId, attachment, tell, signal });
      this.#kept.put(id, blob);
      this.forget(id);
      return blob;
    } catch (cause) {
      this.#failed(id, Problem.from(cause).code);
      return null;
    }
  }

  #failed(id, code) {
    if (code === "given_up") this.forget(id);
    else this.tell(id, { state: "failed", code: CODES[code] ?? code });
  }
}
