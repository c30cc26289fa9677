// Messages with files, from the composer until they stand in the outbox.
//
// Each file is read and sealed once, into the store; what goes to the server is read from there, so a closed page or a
// lost session costs nothing, and a key never seals two readings of one source.
// Spec: 3.18, 4.4

import { toHex } from "../../bytes.js";
import { newMessageId } from "../../protocol/primitives.js";
import { Lane } from "../lane.js";
import { Problem } from "../problem.js";
import { givenUp } from "./giving_up.js";
import { Post, PostFile } from "./post.js";
import { sealInto } from "./sealing.js";
import { shownId } from "./shown_id.js";
import { Upload } from "./upload.js";

/** What the person has to be told, where the code alone says something else. */
const CODES = { too_large: "file_too_large" };
/** Files that wait on this device take so much of it at most. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

export class Posts {
  #store;
  #line;
  #rooms;
  #transfers;
  #changed;
  #keep;
  #refused;
  #posts = new Map();
  #sealing = new Lane();
  #sending = new Lane();

  /**
   * @param {object} parts `store`, `rooms`, `transfers`, `changed(roomId)`
   * @param {import("./upload.js").Line} parts.line
   * @param {(id: string, source: Blob) => void} parts.keep is given what was picked, which then need not be fetched
   * @param {(cause: Error) => void} parts.refused is told why the server did not take one
   */
  constructor({ store, line, rooms, transfers, changed, keep, refused }) {
    [this.#store, this.#line, this.#rooms, this.#transfers] = [store, line, rooms, transfers];
    [this.#changed, this.#keep, this.#refused] = [changed, keep, refused];
  }

  // Lifecycle

  /** Go on with what the page before has left. */
  async load() {
    for (const [, row] of await this.#store.readAll("posts")) {
      const post = Post.fromRow(row);
      const room = this.#rooms.get(post.room);
      // The page was closed in the moment between the outbox and here.
      const isOut = room?.outbox.find(post.id) || room?.transcript.has(post.id);
      if (!room || isOut) await this.#store.write(post.noRows);
      else this.#takeUp(post);
    }
  }

  /** Nothing is sent any more; what waits is for the next page. */
  close() {
    for (const post of this.#posts.values()) post.controller.abort(givenUp());
    this.#posts.clear();
  }

  // What there is

  /** @returns {Post[]} in the order they were written */
  of(roomId) {
    return [...this.#posts.values()].filter((post) => post.room === roomId);
  }

  // Actions; each raises a Problem

  /**
   * @param {string} roomId @param {string} text may be empty @param {File[]} sources
   * @returns {Promise<string>} its message id (hex), once all of it is sealed and on the disk
   */
  async add(roomId, text, sources) {
    const time = Date.now();
    const files = sources.map((source) => PostFile.of(source));
    const post = new Post({ id: toHex(newMessageId(time)), room: roomId, time, text, files });
    const waiting = [...this.#posts.values()].reduce((sum, each) => sum + each.weight, 0);
    if (waiting + post.weight > MAX_WAITING_BYTES) throw new Problem("files_waiting");
    this.#posts.set(post.id, post);
    for (const [place, file] of post.files.entries()) {
      this.#keep(file.hex, sources[place]);
      this.#transfers.tell(file.hex, { state: "sealing", total: file.size });
    }
    this.#changed(roomId);
    await this.#sealing.run(() => this.#seal(post, sources)).catch((cause) => this.#drop(post, cause));
    this.#send(post);
    return post.id;
  }

  /** Once more, after it was stopped. */
  retry(id) {
    const post = this.#posts.get(id);
    if (!post?.code || post.isBroken) return;
    post.code = null;
    this.#changed(post.room);
    this.#send(post);
  }

  /** Do not send it. @returns {Promise<string>} its text, for who wants to go on with it */
  async cancel(id) {
    const post = this.#posts.get(id);
    if (!post) return "";
    post.controller.abort(givenUp());
    await this.#forget(post);
    for (const file of post.files) this.#dropAtServer(post, file);
    return post.text;
  }

  // Internal

  #takeUp(post) {
    this.#posts.set(post.id, post);
    post.isBroken = !post.isSealed;
    if (post.isBroken) return this.#stop(post, "files_lost");
    for (const file of post.files) this.#transfers.tell(file.hex, { state: "sending", total: file.size });
    return this.#send(post);
  }

  async #seal(post, sources) {
    const { signal } = post.controller;
    await this.#store.write([post.row]);
    for (const [place, file] of post.files.entries()) {
      const tell = (done) => this.#transfers.tell(file.hex, { done });
      const keep = (chunks) => this.#store.write(chunks.map((each) => ["parts", file.partKey(each.index), each.data]));
      file.sha256 = await sealInto(keep, file, sources[place], { tell, signal });
      this.#keep(shownId(file), sources[place]);
      this.#transfers.tell(file.hex, { state: "sending", done: 0 });
    }
    signal.throwIfAborted();
    await this.#store.write([post.row]);
  }

  #send(post) {
    this.#sending.run(() => this.#sendAll(post)).catch((cause) => {
      this.#refused(cause);
      if (!post.controller.signal.aborted) this.#stop(post, Problem.from(cause).code);
    });
  }

  async #sendAll(post) {
    for (const file of post.files) if (!file.isThere) await this.#upload(post, file);
    const room = this.#rooms.get(post.room);
    if (!room?.isJoined || room.record.leaving) throw new Problem("not_member");
    post.controller.signal.throwIfAborted();
    const { messageId, time, text, files } = post;
    await room.sender.send(text, { messageId, time, attachments: files.map((file) => file.attachment) });
    await this.#forget(post);
  }

  async #upload(post, file) {
    const { signal } = post.controller;
    const upload = new Upload({
      line: this.#line,
      signal,
      read: (index) => this.#store.read("parts", file.partKey(index)),
      tell: ({ stored, held }) => this.#tellSent(file, stored, held),
    });
    const { id, sealedSize: size, count } = file;
    await upload.run({ id, room: this.#rooms.get(post.room).roomId, size, count });
    file.isThere = true;
  }

  #tellSent(file, stored, held) {
    const news = { state: "sending", ...(held === undefined ? {} : { code: held }) };
    if (stored !== undefined) news.done = Math.round((file.size * stored) / file.count);
    this.#transfers.tell(file.hex, news);
  }

  #stop(post, code) {
    post.code = CODES[code] ?? code;
    for (const file of post.files) this.#transfers.tell(file.hex, { state: "failed", code: post.code });
    this.#changed(post.room);
  }

  /** It could not even be sealed. @returns {Promise<never>} */
  async #drop(post, cause) {
    await this.#forget(post).catch(() => {});
    throw cause.name === "QuotaExceededError" ? new Problem("no_space", {}, { cause }) : cause;
  }

  async #forget(post) {
    this.#posts.delete(post.id);
    for (const file of post.files) this.#transfers.forget(file.hex);
    this.#changed(post.room);
    await this.#store.write(post.noRows);
  }

  /** A kindness to the server, which erases what is not whole by itself after a day. */
  #dropAtServer(post, { id }) {
    const room = this.#rooms.get(post.room);
    if (room) this.#line.channel?.request("file.drop", { file: id, room: room.roomId }).catch(() => {});
  }
}
