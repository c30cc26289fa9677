// Reading a picked file once and sealing it into the store, a piece at a time.
//
// Spec: 4.4

import { sealAttachment } from "../../protocol/attachment.js";
import { ATTACHMENT_CHUNK_BYTES } from "../../protocol/limits.js";
import { Sha256 } from "../../protocol/primitives.js";
import { Problem } from "../problem.js";

/** So many chunks go to the disk in one transaction. */
const CHUNKS_AT_ONCE = 16;
const PIECE_BYTES = CHUNKS_AT_ONCE * ATTACHMENT_CHUNK_BYTES;

/**
 * @param {(chunks: import("../../protocol/bodies.js").FileChunk[]) => Promise<void>} keep writes them, in order
 * @param {import("./post.js").PostFile} file @param {Blob} source
 * @param {{tell: (done: number) => void, signal: AbortSignal}} watcher `done` is in bytes of the source
 * @returns {Promise<Uint8Array>} the hash of the ciphertext
 * Raises: Problem "file_unreadable"; what `keep` does; the signal's reason.
 */
export async function sealInto(keep, { id, key, size }, source, { tell, signal }) {
  const digest = new Sha256();
  let [chunks, kept] = [[], 0];
  const flush = async () => {
    await keep(chunks);
    kept += chunks.length;
    chunks = [];
    tell(Math.min(size, kept * ATTACHMENT_CHUNK_BYTES));
    signal.throwIfAborted();
  };
  for await (const chunk of sealAttachment(piecesOf(source), id, key, size, digest)) {
    chunks.push(chunk);
    if (chunks.length === CHUNKS_AT_ONCE) await flush();
  }
  await flush();
  return digest.digest();
}

/** A file that went away or changed since it was picked cannot be read any more, and browsers say so. */
async function* piecesOf(source) {
  for (let offset = 0; offset < source.size; offset += PIECE_BYTES) {
    const piece = source.slice(offset, offset + PIECE_BYTES);
    yield new Uint8Array(await piece.arrayBuffer().catch((cause) => {
      throw new Problem("file_unreadable", {}, { cause });
    }));
  }
}
