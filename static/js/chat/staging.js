// Blobs that are too large for one frame: put to the server and fetched from it in chunks, named by their digest.
//
// Spec: 3.14

import { sameBytes } from "../bytes.js";
import { Malformed, OutOfOrder, TooLarge, Unauthentic } from "../protocol/errors.js";
import { STAGE_CHUNK_BYTES, STAGE_MAX_BYTES } from "../protocol/limits.js";
import { sha256 } from "../protocol/primitives.js";

/** A server that has less than before is followed, but not for ever. */
const MAX_GAPS = 3;

/** @param {(op: string, members: object) => Promise<object>} ask @returns {Promise<Uint8Array>} the blob's digest
 * Raises: out_of_order (it comes no further); what the server answers. */
export async function stage(ask, blob) {
  const digest = sha256(blob);
  let [have, gaps] = [0, 0];
  do {
    const chunk = { digest, size: blob.length, offset: have, bytes: blob.slice(have, have + STAGE_CHUNK_BYTES) };
    const now = await putChunk(ask, chunk);
    if (now <= have) gaps += 1;
    if (gaps > MAX_GAPS) throw new OutOfOrder("a server that keeps nothing");
    have = now;
  } while (have < blob.length);
  return digest;
}

/** A server that lost or already has a part says from where to go on. */
async function putChunk(ask, chunk) {
  const { have } = await ask("room.stage", chunk).catch((cause) => {
    if (cause.code === "out_of_order" && cause.details?.have !== undefined) return cause.details;
    throw cause;
  });
  if (!Number.isSafeInteger(have) || have < 0) throw new Malformed("answer to room.stage");
  return have;
}

/** The blob of this digest. Raises: unauthentic (other bytes); too_large; what the server answers. */
export async function fetchBlob(ask, roomId, digest, size) {
  if (size > STAGE_MAX_BYTES) throw new TooLarge(`a blob of ${size} bytes, at most ${STAGE_MAX_BYTES}`);
  const blob = new Uint8Array(size);
  for (let offset = 0; offset < size; ) {
    const { bytes } = await ask("room.fetch", { room: roomId, digest, offset });
    if (bytes.length === 0 || offset + bytes.length > size) throw new Unauthentic("a blob of another size");
    blob.set(bytes, offset);
    offset += bytes.length;
  }
  if (!sameBytes(sha256(blob), digest)) throw new Unauthentic("a blob with another digest");
  return blob;
}
