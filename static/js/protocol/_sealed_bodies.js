/**
 * Payloads that carry what was sealed for a room: chunks of files (0x02) and signals (0x03).
 *
 * Spec: 3.11
 */

import { concat } from "../bytes.js";
import { Reader, u8, u32, u64 } from "./encoding.js";
import { Malformed, UsageError } from "./errors.js";
import { FILE_CHUNK_BYTES, SIGNAL_MAX_BYTES } from "./limits.js";

// Device, epoch, nonce, one byte of padding and the tag.
const SIGNAL_MIN_BYTES = 53;

/** A chunk of a sealed file, on its way to the server or from it (0x02): at most 65,552 bytes of it. */
export class FileChunk {
  /** @param {Uint8Array} fileId @param {number} index @param {boolean} isLast @param {Uint8Array} data */
  constructor(fileId, index, isLast, data) {
    Object.assign(this, { fileId, index, isLast, data });
    Object.freeze(this);
  }

  /** `file[16] || u32 index || u8 last || bytes`. Spec: 3.18 */
  encode() {
    return concat(id(this.fileId), u32(this.index), u8(this.isLast ? 1 : 0), chunk(this.data, UsageError));
  }

  /**
   * The body in these bytes; whether length and place fit the file is for who knows its size.
   * Raises: malformed (also for no byte of the file, more than a chunk has, and a `last` that is neither 0 nor 1).
   */
  static parse(data) {
    const reader = new Reader(data);
    const [fileId, index, last] = [reader.take(16), reader.u32(), reader.u8()];
    if (last > 1) throw new Malformed(`last is ${last}, expected 0 or 1`);
    return new FileChunk(fileId, index, last === 1, chunk(reader.rest(), Malformed));
  }
}

/** What a presence frame carries: the device that sealed it, its epoch, and the sealed bytes with their tag. */
export class SealedSignal {
  /** @param {Uint8Array} sender @param {number} epoch @param {Uint8Array} nonce @param {Uint8Array} sealed */
  constructor(sender, epoch, nonce, sealed) {
    Object.assign(this, { sender, epoch, nonce, sealed });
    Object.freeze(this);
  }

  /** `sender device_id[16] || u64 epoch || nonce[12] || ciphertext || tag[16]`, at most 372 bytes. Spec: 4.12 */
  encode() {
    if (this.nonce.length !== 12) throw new UsageError(`nonce of ${this.nonce.length} bytes, expected 12`);
    return signal(concat(id(this.sender), u64(this.epoch), this.nonce, this.sealed), UsageError);
  }

  /** The signal in these bytes, still sealed. Raises: malformed (also for fewer than 53 and more than 372 bytes). */
  static parse(data) {
    const reader = new Reader(signal(data, Malformed));
    return new SealedSignal(reader.take(16), reader.u64(), reader.take(12), reader.rest());
  }
}

/** A signal for a room, the same in both directions (0x03); the server forgets it. */
export class PresenceBody {
  /** @param {Uint8Array} roomId @param {SealedSignal} signal */
  constructor(roomId, signal) {
    Object.assign(this, { roomId, signal });
    Object.freeze(this);
  }

  /** `room_id[16] || sealed signal`. */
  encode() {
    return concat(id(this.roomId), this.signal.encode());
  }

  /** The body in these bytes. Raises: malformed. */
  static parse(data) {
    const reader = new Reader(data);
    return new PresenceBody(reader.take(16), SealedSignal.parse(reader.rest()));
  }
}

/** The id, if it is 16 bytes. Raises: usage. */
export function id(value) {
  if (value.length !== 16) throw new UsageError(`id of ${value.length} bytes, expected 16`);
  return value;
}

function chunk(data, Failed) {
  if (data.length >= 1 && data.length <= FILE_CHUNK_BYTES) return data;
  throw new Failed(`chunk of ${data.length} bytes, expected 1 to ${FILE_CHUNK_BYTES}`);
}

function signal(data, Failed) {
  if (data.length >= SIGNAL_MIN_BYTES && data.length <= SIGNAL_MAX_BYTES) return data;
  throw new Failed(`signal of ${data.length} bytes, expected ${SIGNAL_MIN_BYTES} to ${SIGNAL_MAX_BYTES}`);
}
