/**
 * An authenticated session: seals and opens frames in strict order, and says when its keys have done enough.
 *
 * Spec: 3.5, 3.6
 */

import { _Epochs } from "./_epochs.js";
import { OutOfOrder, RekeyOverdue, UsageError } from "./errors.js";
import { _prepareFrame, Frame, MessageType, openFrame } from "./frame.js";
import { DEFAULT_MAX_FRAME_BYTES, FRAME_CEILING_BYTES, FRAME_MIN_BYTES } from "./limits.js";
import { ServerParameters } from "./parameters.js";
import { SUITE_X25519_MLKEM768 } from "./suites.js";

/** Which end of the session this is. */
export const Role = Object.freeze({ CLIENT: "client", SERVER: "server" });

const PROTOCOLS = new ServerParameters();

/**
 * What a handshake ends in.
 *
 * The server's first frame is AUTH_OK and no other frame is; the handshake seals and opens it. A client gets its
 * session only when that frame has opened, so it cannot send before. After an error from `open` the caller closes the
 * connection; every later `open` fails with the same error, so there is no second attempt.
 *
 * Epochs, frames and bytes are counted for each direction; a rekey (rekey.js) makes the next epoch's keys here, and
 * each direction goes over to them by itself. No limit is ever higher than the protocol's.
 */
export class Session {
  #sessionId;
  #maxFrameBytes;
  #softLimits;
  #hardLimits;
  #epochs;
  #takeRekey = null;
  #lastSealed = Promise.resolve();
  #lastOpened = Promise.resolve();

  /**
   * @param {string} role one of Role
   * @param {Uint8Array} sessionId 16 bytes
   * @param {import("./key_schedule.js").EpochKeys} epochKeys
   * @param {number} [maxFrameBytes]
   * @param {...*} rest soft limits, hard limits (both KeyLimits), suite
   */
  constructor(role, sessionId, epochKeys, maxFrameBytes = DEFAULT_MAX_FRAME_BYTES, ...rest) {
    const [softLimits = PROTOCOLS.softLimits, hardLimits = PROTOCOLS.hardLimits, suite = SUITE_X25519_MLKEM768] = rest;
    const fits = maxFrameBytes >= FRAME_MIN_BYTES && maxFrameBytes <= FRAME_CEILING_BYTES && sessionId.length === 16;
    if (!fits) throw new UsageError("session id of 16 bytes and frames of 55 bytes to 1 MiB");
    // The suite is the handshake's, and every rekey's.
    Object.defineProperties(this, { role: { value: role }, suite: { value: suite } });
    this.#sessionId = sessionId.slice();
    this.#maxFrameBytes = maxFrameBytes;
    this.#softLimits = softLimits.atMost(PROTOCOLS.softLimits);
    this.#hardLimits = hardLimits.atMost(PROTOCOLS.hardLimits);
    this.#epochs = new _Epochs(role === Role.CLIENT, this.#sessionId, epochKeys);
  }

  get sessionId() {
    return this.#sessionId.slice();
  }

  get maxFrameBytes() {
    return this.#maxFrameBytes;
  }

  /** The epoch that both directions have reached. */
  get epoch() {
    return this.#epochs.reached;
  }

  get sendingEpoch() {
    return this.#epochs.sending.epoch;
  }

  /** Frames and bytes are those under the keys of each direction's own epoch. */
  get sentFrames() {
    return this.#epochs.sending.frames;
  }

  get sentBytes() {
    return this.#epochs.sending.bytes;
  }

  get receivedFrames() {
    return this.#epochs.receiving.frames;
  }

  get receivedBytes() {
    return this.#epochs.receiving.bytes;
  }

  /** The 32 bytes both sides may derive further secrets from: those of the epoch in which the client sends. */
  get exporter() {
    return this.#epochs.exporter.slice();
  }

  /**
   * The next frame for the peer. Calls may overlap: counter, IV and key are fixed before the first wait, and the
   * promises resolve in the order of the calls, so whoever sends each frame when it comes sends them in order.
   *
   * Once the next epoch is prepared, the frame of type KEY_ROTATION (RESP or DONE) is the last one of this epoch.
   * Raises: too_large; rekey_overdue (a hard limit of frames or bytes under these keys); usage. None of it counts then.
   * Spec: 3.5, 3.6
   * @returns {Promise<Uint8Array>}
   */
  async seal(messageType, payload, messageId, timestampMs) {
    const { sending } = this.#epochs;
    const isServersFirst = this.role === Role.SERVER && sending.isFresh;
    if ((messageType === MessageType.AUTH_OK) !== isServersFirst) {
      throw new UsageError("AUTH_OK is the server's first frame, and only that");
    }
    this.#checkHardLimits(sending);
    const frame = new Frame(messageType, messageId, timestampMs, payload);
    const prepared = _prepareFrame(sending.keys, sending.frames, frame, this.#maxFrameBytes);
    sending.count(prepared.size);
    if (messageType === MessageType.KEY_ROTATION) this.#epochs.switchSending();
    const sealed = prepared.seal();
    sealed.catch(() => {}); // Told in its turn; a frame before it may still be under way.
    this.#lastSealed = this.#lastSealed.then(() => sealed);
    return this.#lastSealed;
  }

  /**
   * The frame the peer sent next; on any error the caller closes the connection. Overlapping calls open in their order.
   *
   * Raises: as `openFrame`; out_of_order (AUTH_OK that is not the first frame, or another first frame); rekey_overdue;
   * what the function of `handRekeyTo` raises.
   * Spec: 3.5
   * @param {Uint8Array} data @returns {Promise<Frame>}
   */
  async open(data) {
    this.#lastOpened = this.#lastOpened.then(() => this.#openNext(data));
    return this.#lastOpened;
  }

  /**
   * Give each payload of type KEY_ROTATION to this function before the next frame is opened: that one may be under
   * other keys. Without one, none is expected.
   * @param {(payload: Uint8Array) => void} take
   */
  handRekeyTo(take) {
    this.#takeRekey = take;
  }

  /** Overwrite every key: nothing is sealed or opened from here on. Spec: 3.4 */
  end() {
    this.#epochs.end();
  }

  /** Whether keys of this age have done enough for a rekey, in either direction. Spec: 3.6 */
  softLimitReached(ageSeconds) {
    return this.#reached(this.#softLimits, ageSeconds);
  }

  /** Whether keys of this age may do nothing more, in either direction. Spec: 3.6 */
  hardLimitReached(ageSeconds) {
    return this.#reached(this.#hardLimits, ageSeconds);
  }

  /**
   * Make the next epoch's keys, and return what DONE must carry. Each direction is switched by itself.
   * Raises: usage (the epoch before is not over in both directions; the session has ended). Spec: 3.6
   */
  prepareEpoch(sharedSecret, transcript, serverPublic, clientPublic) {
    return this.#epochs.prepare(sharedSecret, transcript, serverPublic, clientPublic);
  }

  /** The frame that was opened last is the peer's last one of its epoch. Raises: usage. Spec: 3.6 */
  switchReceiving() {
    this.#epochs.switchReceiving();
  }

  async #openNext(data) {
    const { receiving } = this.#epochs;
    this.#checkHardLimits(receiving);
    const frame = await openFrame(receiving.keys, receiving.frames, data, this.#maxFrameBytes);
    const isServersFirst = this.role === Role.CLIENT && receiving.isFresh;
    if ((frame.type === MessageType.AUTH_OK) !== isServersFirst) {
      throw new OutOfOrder("AUTH_OK is the server's first frame, and only that");
    }
    receiving.count(data.length);
    if (frame.type !== MessageType.KEY_ROTATION) return frame;
    if (this.#takeRekey === null) throw new OutOfOrder("a rekey that nobody here takes part in");
    this.#takeRekey(frame.payload);
    return frame;
  }

  #reached(limits, ageSeconds) {
    const { sending, receiving } = this.#epochs;
    const bytes = Math.max(sending.bytes, receiving.bytes);
    return limits.reached(ageSeconds, bytes, Math.max(sending.frames, receiving.frames));
  }

  #checkHardLimits({ frames, bytes }) {
    if (this.#hardLimits.reached(-1, bytes, frames)) {
      throw new RekeyOverdue(`${frames} frames and ${bytes} bytes under one key`);
    }
  }
}
