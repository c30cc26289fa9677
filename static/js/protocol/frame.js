/**
 * Data frames: the specification's 8.1 layout, sealed for one direction of one epoch.
 *
 * Spec: 3.5
 */

import { concat, utf8 } from "../bytes.js";
import { Reader, u8, u32, u64 } from "./encoding.js";
import { Malformed, OutOfOrder, TooLarge, UnknownType, UnsupportedVersion, UsageError } from "./errors.js";
import { FRAME_MIN_BYTES, FRAME_OVERHEAD, HARD_LIMIT_FRAMES, INTEGER_MAX } from "./limits.js";
import { pad, paddedLength, unpad } from "./padding.js";
import { aeadKey, aeadOpen, aeadSeal, constantTimeEqual } from "./primitives.js";

export const FRAME_VERSION = 1;
const HEADER_BYTES = 38;

/** What a frame carries; 1 to 8 are the specification's. */
export const MessageType = Object.freeze({
  CHAT: 0x01,
  FILE: 0x02,
  PRESENCE: 0x03,
  KEY_ROTATION: 0x04,
  PORT_ROTATION: 0x05,
  ERROR: 0x06,
  PING: 0x07,
  PONG: 0x08,
  AUTH_OK: 0x10,
  CLOSE_NOTIFY: 0x11,
  REQUEST: 0x12,
  ACK: 0x13,
});

const MESSAGE_TYPES = new Set(Object.values(MessageType));

/** Which way a frame goes; part of its associated data, so a reflected frame does not open. */
export const Direction = Object.freeze({ CLIENT_TO_SERVER: 0, SERVER_TO_CLIENT: 1 });

/** An opened frame. The timestamp is informative; order is the server's sequence number. */
export class Frame {
  /** @param {number} type @param {Uint8Array} messageId @param {number} timestampMs @param {Uint8Array} payload */
  constructor(type, messageId, timestampMs, payload) {
    this.type = type;
    this.messageId = messageId;
    this.timestampMs = timestampMs;
    this.payload = payload;
    Object.freeze(this);
  }
}

/** What stands in clear before the ciphertext; not to be believed before the frame has opened. */
export class FrameHeader {
  /** @param {Uint8Array} messageId @param {number} timestampMs @param {number} type @param {Uint8Array} iv */
  constructor(messageId, timestampMs, type, iv) {
    this.messageId = messageId;
    this.timestampMs = timestampMs;
    this.type = type;
    this.iv = iv;
    Object.freeze(this);
  }

  /** The header of a frame. Raises: malformed (under 55 bytes); unsupported_version. @param {Uint8Array} data */
  static parse(data) {
    if (data.length < FRAME_MIN_BYTES) {
      throw new Malformed(`frame of ${data.length} bytes, at least ${FRAME_MIN_BYTES}`);
    }
    const reader = new Reader(data);
    const version = reader.u8();
    if (version !== FRAME_VERSION) {
      throw new UnsupportedVersion(`frame version ${version}, expected ${FRAME_VERSION}`);
    }
    const messageId = reader.take(16);
    // Not `u64`, which would refuse too early: a header changed on the way is unauthentic, whatever it says.
    const timestampMs = reader.take(8).reduce((sum, octet) => sum * 256 + octet, 0);
    return new FrameHeader(messageId, timestampMs, reader.u8(), reader.take(12));
  }

  /**
   * The 38 bytes before the ciphertext.
   *
   *     +---------+------------+--------------+------+----+
   *     | version | message_id | timestamp_ms | type | IV |
   *     +---------+------------+--------------+------+----+
   *
   *     offset  bytes  meaning
   *     0       1      version, 1
   *     1       16     message id
   *     17      8      milliseconds since 1970
   *     25      1      message type
   *     26      12     direction's IV XOR counter
   *     38             ciphertext, then 16 bytes of tag
   */
  encode() {
    if (this.messageId.length !== 16) {
      throw new UsageError(`message id of ${this.messageId.length} bytes, expected 16`);
    }
    return concat(u8(FRAME_VERSION), this.messageId, u64(this.timestampMs), u8(this.type), this.iv);
  }
}

/** One direction of one epoch: everything a frame needs but its counter. Kept for the epoch's life. */
export class FrameKeys {
  #key;
  #iv;
  #prefix;

  /** @param {Uint8Array} key @param {Uint8Array} iv @param {Uint8Array} sessionId @param {number} direction */
  constructor(key, iv, sessionId, direction, epoch) {
    // A promise: Web Crypto imports the key while the caller goes on, and every use waits for it.
    this.#key = aeadKey(key);
    this.#iv = iv.slice();
    this.#prefix = concat(utf8("CCF1"), sessionId, u8(direction), u32(epoch));
  }

  /** The nonce of this counter; two counters never share one. */
  iv(counter) {
    const mask = concat(new Uint8Array(4), u64(counter));
    return this.#iv.map((octet, index) => octet ^ mask[index]);
  }

  /** Frames that were begun still come to their end; the key itself is Web Crypto's, and let go. */
  erase() {
    this.#iv.fill(0);
  }

  /** Ciphertext and tag; clear is the header with its IV. */
  async seal(counter, clear, plaintext) {
    const associatedData = concat(this.#prefix, u64(counter), clear);
    return aeadSeal(await this.#key, clear.subarray(26), plaintext, associatedData);
  }

  /** The plaintext of a frame whose IV was compared before. */
  async open(counter, data) {
    const clear = data.subarray(0, HEADER_BYTES);
    const associatedData = concat(this.#prefix, u64(counter), clear);
    return aeadOpen(await this.#key, clear.subarray(26), data.subarray(HEADER_BYTES), associatedData);
  }
}

/**
 * Seal one data frame for the peer.
 *
 * Sizes: the result is 54 bytes of header, IV and tag plus the padded payload.
 * Nonce: the direction's IV XOR the counter, so it never repeats while the counter does not; the session refuses to
 * reuse one.
 * Raises: too_large; usage (counter outside 0..2^31-1, message id size).
 * Spec: 3.5
 */
export async function sealFrame(keys, counter, frame, maxFrameBytes) {
  return _prepareFrame(keys, counter, frame, maxFrameBytes).seal();
}

/** The part of `sealFrame` that decides and copies everything, at once; the part that waits is its `seal`. */
export function _prepareFrame(keys, counter, frame, maxFrameBytes) {
  if (!Number.isSafeInteger(counter) || counter < 0 || counter >= HARD_LIMIT_FRAMES) {
    throw new UsageError(`frame counter ${counter}`);
  }
  const size = FRAME_OVERHEAD + paddedLength(frame.payload.length);
  if (size > maxFrameBytes) throw new TooLarge(`frame of ${size} bytes, at most ${maxFrameBytes}`);
  const clear = new FrameHeader(frame.messageId, frame.timestampMs, frame.type, keys.iv(counter)).encode();
  const plaintext = pad(frame.payload);
  return { size, seal: async () => concat(clear, await keys.seal(counter, clear, plaintext)) };
}

/**
 * Open the frame that must come next from the peer.
 *
 * Raises: malformed (too short, padding, timestamp); too_large; unsupported_version; out_of_order (another counter's
 * IV); unauthentic; unknown_type (authentic, but not a type of ours). After any of them the connection is closed.
 * Spec: 3.5
 */
export async function openFrame(keys, counter, data, maxFrameBytes) {
  if (data.length > maxFrameBytes) throw new TooLarge(`frame of ${data.length} bytes, at most ${maxFrameBytes}`);
  const header = FrameHeader.parse(data);
  if (!constantTimeEqual(keys.iv(counter), header.iv)) throw new OutOfOrder("a replay, a gap or another epoch");
  const payload = unpad(await keys.open(counter, data));
  if (header.timestampMs > INTEGER_MAX) throw new Malformed("timestamp above 2^53-1");
  if (!MESSAGE_TYPES.has(header.type)) throw new UnknownType(`message type ${header.type}`);
  return new Frame(header.type, header.messageId, header.timestampMs, payload);
}
