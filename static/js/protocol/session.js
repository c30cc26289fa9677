/**
 * An authenticated session: seals and opens frames in strict order, and says when its keys have done enough.
 *
 * Spec: 3.5, 3.6
 */

import { OutOfOrder, RekeyOverdue, UsageError } from "./errors.js";
import { _prepareFrame, Direction, Frame, FrameKeys, MessageType, openFrame } from "./frame.js";
import {
  DEFAULT_MAX_FRAME_BYTES,
  FRAME_CEILING_BYTES,
  FRAME_MIN_BYTES,
  HARD_LIMIT_BYTES,
  HARD_LIMIT_FRAMES,
} from "./limits.js";

/** Which end of the session this is. */
export const Role = Object.freeze({ CLIENT: "client", SERVER: "server" });

/**
 * What a handshake ends in.
 *
 * The server's first frame is AUTH_OK and no other frame is; the handshake seals and opens it. A client gets its
 * session only when that frame has opened, so it cannot send before. After an error from `open` the caller closes the
 * connection; every later `open` fails with the same error, so there is no second attempt.
 */
export class Session {
  #role;
  #sessionId;
  #maxFrameBytes;
  #exporter;
  #sending;
  #receiving;
  #sent = { frames: 0, bytes: 0 };
  #received = { frames: 0, bytes: 0 };
  #lastSealed = Promise.resolve();
  #lastOpened = Promise.resolve();

  /**
   * @param {string} role one of Role
   * @param {Uint8Array} sessionId 16 bytes
   * @param {import("./key_schedule.js").EpochKeys} epochKeys
   */
  constructor(role, sessionId, epochKeys, maxFrameBytes = DEFAULT_MAX_FRAME_BYTES) {
    const fits = maxFrameBytes >= FRAME_MIN_BYTES && maxFrameBytes <= FRAME_CEILING_BYTES;
    if (!fits || sessionId.length !== 16)
      throw new UsageError("session id of 16 bytes and frames of 55 bytes to 1 MiB");
    this.#role = role;
    this.#sessionId = sessionId.slice();
    this.#maxFrameBytes = maxFrameBytes;
    this.#exporter = epochKeys.exporter;
    const { clientKey, clientIv, serverKey, serverIv } = epochKeys;
    const c2s = new FrameKeys(clientKey, clientIv, sessionId, Direction.CLIENT_TO_SERVER, 0);
    const s2c = new FrameKeys(serverKey, serverIv, sessionId, Direction.SERVER_TO_CLIENT, 0);
    [this.#sending, this.#receiving] = role === Role.CLIENT ? [c2s, s2c] : [s2c, c2s];
  }

  get role() {
    return this.#role;
  }

  get sessionId() {
    return this.#sessionId.slice();
  }

  get epoch() {
    return 0;
  }

  get maxFrameBytes() {
    return this.#maxFrameBytes;
  }

  get exporter() {
    return this.#exporter.slice();
  }

  get sentFrames() {
    return this.#sent.frames;
  }

  get sentBytes() {
    return this.#sent.bytes;
  }

  get receivedFrames() {
    return this.#received.frames;
  }

  get receivedBytes() {
    return this.#received.bytes;
  }

  /**
   * The next frame for the peer. Calls may overlap: counter and IV are fixed before the first wait, and the promises
   * resolve in the order of the calls, so whoever sends each frame when it comes sends them in order.
   *
   * Raises: too_large; rekey_overdue (2^31 frames or 1 GB under these keys); usage. Nothing is counted then.
   * Spec: 3.5
   * @returns {Promise<Uint8Array>}
   */
  async seal(messageType, payload, messageId, timestampMs) {
    const isServersFirst = this.#role === Role.SERVER && this.#sent.frames === 0;
    if ((messageType === MessageType.AUTH_OK) !== isServersFirst) {
      throw new UsageError("AUTH_OK is the server's first frame, and only that");
    }
    checkHardLimits(this.#sent);
    const frame = new Frame(messageType, messageId, timestampMs, payload);
    const prepared = _prepareFrame(this.#sending, this.#sent.frames, frame, this.#maxFrameBytes);
    this.#sent.frames += 1;
    this.#sent.bytes += prepared.size;
    const sealed = prepared.seal();
    this.#lastSealed = this.#lastSealed.then(() => sealed);
    return this.#lastSealed;
  }

  /**
   * The frame the peer sent next; on any error the caller closes the connection. Overlapping calls open in their order.
   *
   * Raises: as `openFrame`; out_of_order (AUTH_OK that is not the first frame, or another first frame); rekey_overdue.
   * Spec: 3.5
   * @param {Uint8Array} data @returns {Promise<Frame>}
   */
  async open(data) {
    this.#lastOpened = this.#lastOpened.then(() => this.#openNext(data));
    return this.#lastOpened;
  }

  async #openNext(data) {
    checkHardLimits(this.#received);
    const frame = await openFrame(this.#receiving, this.#received.frames, data, this.#maxFrameBytes);
    const isServersFirst = this.#role === Role.CLIENT && this.#received.frames === 0;
    if ((frame.type === MessageType.AUTH_OK) !== isServersFirst) {
      throw new OutOfOrder("AUTH_OK is the server's first frame, and only that");
    }
    this.#received.frames += 1;
    this.#received.bytes += data.length;
    return frame;
  }
}

function checkHardLimits({ frames, bytes }) {
  if (frames >= HARD_LIMIT_FRAMES || bytes >= HARD_LIMIT_BYTES) {
    throw new RekeyOverdue(`${frames} frames and ${bytes} bytes under one key`);
  }
}
