// The server's files in a test, by the rules of docs/protocol.md 3.18.

import { toHex } from "../../../static/js/bytes.js";
import { sealedSize } from "../../../static/js/protocol/attachment.js";
import { FileChunk } from "../../../static/js/protocol/bodies.js";
import { Malformed, NotMember, OutOfOrder, TooLarge } from "../../../static/js/protocol/errors.js";
import { FILE_CHUNK_BYTES, FILE_MAX_BYTES } from "../../../static/js/protocol/limits.js";

export class FakeFiles {
  /** id (hex) -> {room, maker, size, chunks}. */
  files = new Map();
  mostBytes = 25 * 1024 * 1024;

  create(device, { file, room, size }) {
    const most = this.mostBytes;
    if (size > sealedSize(Math.min(most, FILE_MAX_BYTES))) throw Object.assign(new TooLarge("of the policy"), { details: { most } });
    if (size < sealedSize(0)) throw new Malformed("smaller than any");
    const [id, maker] = [toHex(file), toHex(device)];
    const known = this.files.get(id) ?? { room: toHex(room), maker, size, chunks: [] };
    if (known.maker !== maker || known.size !== size || known.room !== toHex(room)) throw new Malformed("taken");
    this.files.set(id, known);
    return { have: known.chunks.length };
  }

  /** @returns {{room: Uint8Array, stored: number}} */
  put(device, { fileId, index, isLast, data }) {
    const file = this.files.get(toHex(fileId));
    if (file?.maker !== toHex(device)) throw new NotMember("no such file");
    if (index > file.chunks.length) throw new OutOfOrder(`chunk ${index}`);
    const last = Math.ceil(file.size / FILE_CHUNK_BYTES) - 1;
    const size = index === last ? file.size - last * FILE_CHUNK_BYTES : FILE_CHUNK_BYTES;
    if (isLast !== (index === last) || data.length !== size) throw new Malformed("another length");
    if (index === file.chunks.length) file.chunks.push(data);
    return { room: file.room, stored: file.chunks.length };
  }

  /** @returns {{size: number, chunks: FileChunk[]}} */
  read({ file: id, room, index, count }) {
    const file = this.files.get(toHex(id));
    if (file?.room !== toHex(room) || !this.isWhole(file)) throw new NotMember("no such file");
    const part = file.chunks.slice(index, index + count);
    const last = file.chunks.length - 1;
    return { size: file.size, chunks: part.map((data, n) => new FileChunk(id, index + n, index + n === last, data)) };
  }

  drop(device, { file }) {
    if (this.files.get(toHex(file))?.maker === toHex(device)) this.files.delete(toHex(file));
    return {};
  }

  isWhole({ size, chunks }) {
    return chunks.reduce((sum, chunk) => sum + chunk.length, 0) === size;
  }
}
