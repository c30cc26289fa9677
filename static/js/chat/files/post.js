// A message that waits for its files: it goes out when the server has all of them, so nobody sees it without them.

import { fromHex, toHex } from "../../bytes.js";
import { Attachment, chunkCount, fittingMime, fittingName, sealedSize } from "../../protocol/attachment.js";
import { AttachmentKey } from "../../protocol/keys.js";
import { randomBytes } from "../../protocol/primitives.js";

/** One of its files. `sha256` is null until all of it was sealed; `isThere`: the server has it. */
export class PostFile {
  /** @param {{id: Uint8Array, key: Uint8Array, size: number, name: string, mime: string, sha256?: Uint8Array}} row */
  constructor({ id, key, size, name, mime, sha256 = null }) {
    Object.assign(this, { id, size, name, mime, sha256, isThere: false });
    this.key = AttachmentKey.fromBytes(key);
    this.hex = toHex(id);
  }

  /** One that was just picked, under a key of its own. @param {File} source */
  static of({ size, name, type }) {
    const [id, key] = [randomBytes(16), randomBytes(32)];
    return new PostFile({ id, key, size, name: fittingName(name), mime: fittingMime(type) });
  }

  get count() {
    return chunkCount(this.size);
  }

  get sealedSize() {
    return sealedSize(this.size);
  }

  get attachment() {
    const { id, size, key, sha256, mime, name } = this;
    return new Attachment(id, size, key, sha256, mime, name);
  }

  get row() {
    const { id, size, name, mime, sha256 } = this;
    return { id, key: this.key.bytes, size, name, mime, sha256 };
  }

  /** Where the store has its chunks. */
  partKey(index) {
    return `${this.hex}/${String(index).padStart(8, "0")}`;
  }
}

export class Post {
  /** The code of what stopped it, or null. */
  code = null;
  /** Whether the page was closed before its files were sealed: nobody has them any more. */
  isBroken = false;
  controller = new AbortController();

  /** @param {{id: string, room: string, time: number, text: string, files: PostFile[]}} parts ids in hex, time in ms */
  constructor({ id, room, time, text, files }) {
    Object.assign(this, { id, room, time, text, files });
  }

  /** @param {object} row as the store has it */
  static fromRow({ files, ...parts }) {
    return new Post({ ...parts, files: files.map((file) => new PostFile(file)) });
  }

  get messageId() {
    return fromHex(this.id);
  }

  get isSealed() {
    return this.files.every((file) => file.sha256 !== null);
  }

  /** Bytes it takes on this device. */
  get weight() {
    return this.files.reduce((sum, file) => sum + file.sealedSize, 0);
  }

  get row() {
    const { id, room, time, text, files } = this;
    return ["posts", this.#key, { id, room, time, text, files: files.map((file) => file.row) }];
  }

  /** Erases it with all its chunks. */
  get noRows() {
    const parts = this.files.flatMap((file) =>
      Array.from({ length: file.count }, (_, index) => ["parts", file.partKey(index), null]),
    );
    return [["posts", this.#key, null], ...parts];
  }

  get #key() {
    return `${String(this.time).padStart(16, "0")}/${this.id}`;
  }
}
