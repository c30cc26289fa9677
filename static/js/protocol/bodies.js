/**
 * What frames carry: the payload of each message type.
 *
 * Spec: 3.11
 */

import { concat, utf8 } from "../bytes.js";
import { id } from "./_sealed_bodies.js";
import { parseText, Reader, u16, u64, v16 } from "./encoding.js";
import { Malformed, TooLarge } from "./errors.js";
import { PING_MAX_BYTES } from "./limits.js";

export { Failure, parseExchange, Request, Response } from "./_exchange.js";
export { FileChunk, PresenceBody, SealedSignal } from "./_sealed_bodies.js";

/** An MLS message on its way to the server (0x01). */
export class ChatSend {
  /** @param {Uint8Array} roomId @param {Uint8Array} message */
  constructor(roomId, message) {
    Object.assign(this, { roomId, message });
    Object.freeze(this);
  }

  /** `room_id[16] || MLSMessage`. */
  encode() {
    return concat(id(this.roomId), this.message);
  }

  /** The body in these bytes. Raises: malformed (also when there is no message). */
  static parse(data) {
    const reader = new Reader(data);
    return new ChatSend(reader.take(16), some(reader.rest()));
  }
}

/** A row of a room's log on its way to a device (0x01). */
export class ChatDelivery {
  /** @param {Uint8Array} roomId @param {number} seq @param {number} serverTimeMs @param {Uint8Array} sender */
  constructor(roomId, seq, serverTimeMs, sender, message) {
    Object.assign(this, { roomId, seq, serverTimeMs, sender, message });
    Object.freeze(this);
  }

  /** `room_id[16] || u64 seq || u64 server_time_ms || sender device_id[16] || MLSMessage`. */
  encode() {
    return concat(id(this.roomId), u64(this.seq), u64(this.serverTimeMs), id(this.sender), this.message);
  }

  /** The body in these bytes. Raises: malformed (also when there is no message). */
  static parse(data) {
    const reader = new Reader(data);
    return new ChatDelivery(reader.take(16), reader.u64(), reader.u64(), reader.take(16), some(reader.rest()));
  }
}

/** What the peer could not do (0x06), and for which of our messages, when it was one. */
export class ErrorBody {
  /** @param {number} number @param {string} text @param {Uint8Array | null} [messageId] */
  constructor(number, text, messageId = null) {
    Object.assign(this, { number, text, messageId });
    Object.freeze(this);
  }

  /** `u16 code || v16 text || nothing or message_id[16]`. */
  encode() {
    const messageId = this.messageId === null ? new Uint8Array() : id(this.messageId);
    return concat(u16(this.number), v16(utf8(this.text)), messageId);
  }

  /** The body in these bytes. Raises: malformed. */
  static parse(data) {
    const reader = new Reader(data);
    const [number, text, messageId] = [reader.u16(), parseText(reader.v16()), reader.rest()];
    if (messageId.length !== 0 && messageId.length !== 16) {
      throw new Malformed(`message id of ${messageId.length} bytes, expected none or 16`);
    }
    return new ErrorBody(number, text, messageId.length === 0 ? null : messageId);
  }
}

/** The peer closes on purpose (0x11); without it an end is a truncation. Number 0: nothing is wrong. */
export class CloseNotify {
  /** @param {number} number @param {string} [text] */
  constructor(number, text = "") {
    Object.assign(this, { number, text });
    Object.freeze(this);
  }

  /** `u16 code || v16 text`. */
  encode() {
    return concat(u16(this.number), v16(utf8(this.text)));
  }

  /** The body in these bytes. Raises: malformed. */
  static parse(data) {
    const reader = new Reader(data);
    const body = new CloseNotify(reader.u16(), parseText(reader.v16()));
    reader.end();
    return body;
  }
}

/** The message is stored, and where (0x13). */
export class Ack {
  /** @param {Uint8Array} messageId @param {Uint8Array} roomId @param {number} seq */
  constructor(messageId, roomId, seq) {
    Object.assign(this, { messageId, roomId, seq });
    Object.freeze(this);
  }

  /** `message_id[16] || room_id[16] || u64 seq`. */
  encode() {
    return concat(id(this.messageId), id(this.roomId), u64(this.seq));
  }

  /** The body in these bytes. Raises: malformed. */
  static parse(data) {
    const reader = new Reader(data);
    const body = new Ack(reader.take(16), reader.take(16), reader.u64());
    reader.end();
    return body;
  }
}

/** What a ping or a pong carries (0x07, 0x08): up to 64 bytes, to be echoed. Raises: too_large. */
export function parsePing(data) {
  if (data.length > PING_MAX_BYTES) throw new TooLarge(`ping of ${data.length} bytes, at most ${PING_MAX_BYTES}`);
  return data;
}

function some(message) {
  if (message.length === 0) throw new Malformed("no message");
  return message;
}
