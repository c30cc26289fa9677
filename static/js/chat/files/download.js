// Fetching a sealed file and opening it; nothing of it is given out before all of it has proved true.
//
// Spec: 3.18, 4.4

import { ChannelClosed } from "../../net/failures.js";
import { openAttachment, sealedSize } from "../../protocol/attachment.js";
import { Unauthentic } from "../../protocol/errors.js";
import { retrySeconds } from "../../protocol/retry.js";
import { orAborted, pause } from "./giving_up.js";

/** What a browser never runs and never shows. */
export const OPAQUE = "application/octet-stream";
/** The browser may put blobs on its disk, while arrays stay in memory. */
const BLOB_BYTES = 1024 * 1024;

/**
 * @param {object} parts
 * @param {import("./upload.js").Line} parts.line
 * @param {Uint8Array} parts.room
 * @param {import("../../protocol/attachment.js").Attachment} parts.attachment
 * @param {(done: number) => void} parts.tell how many bytes of the file are here
 * @param {AbortSignal} parts.signal
 * @returns {Promise<Blob>} of no type that a browser would show
 * Raises: malformed, unauthentic (not what its sender sealed); what the server answers; the signal's reason.
 */
export async function download({ line, room, attachment, tell, signal }) {
  const [blobs, done] = [[], { bytes: 0 }];
  let [pieces, held] = [[], 0];
  const gather = () => {
    blobs.push(new Blob(pieces));
    [pieces, held] = [[], 0];
  };
  for await (const piece of openAttachment(attachment, chunksOf({ line, room, attachment, signal }))) {
    pieces.push(piece);
    held += piece.length;
    done.bytes += piece.length;
    if (held >= BLOB_BYTES) gather();
    tell(done.bytes);
  }
  gather();
  return new Blob(blobs, { type: OPAQUE });
}

/** The chunks in order, asked for until the server has no more; a session that ends is followed by the next one. */
async function* chunksOf({ line, room, attachment, signal }) {
  for (let index = 0; ; ) {
    const channel = await orAborted(line.ready(), signal);
    const reading = orAborted(channel.files.read(attachment.id, room, index), signal);
    const answer = await reading.catch((cause) => waitOver(cause, signal));
    if (!answer) continue;
    if (answer.size !== sealedSize(attachment.size)) throw new Unauthentic("a file of another length");
    if (answer.chunks.length === 0) return;
    yield* answer.chunks;
    index += answer.chunks.length;
    if (answer.chunks.at(-1).isLast) return;
  }
}

/** Nothing, when it may be asked again: on another session, or after as long as the server says. Raises: the cause. */
function waitOver(cause, signal) {
  if (cause instanceof ChannelClosed) return undefined;
  const seconds = cause.code === "too_fast" ? retrySeconds(cause.text) : 0;
  if (seconds === 0) throw cause;
  return pause(seconds * 1000, signal);
}
