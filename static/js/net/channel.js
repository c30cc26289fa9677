// One authenticated session on its wire: frames out in order, frames in one after the other, requests with answers.
//
// Spec: 3.5, 3.6, 3.7, 3.11

import { toHex } from "../bytes.js";
import {
  Ack, ChatDelivery, ChatSend, CloseNotify, ErrorBody, parseExchange, Request,
} from "../protocol/bodies.js";
import { closeCode, errorFor, PeerError } from "../protocol/errors.js";
import { MessageType } from "../protocol/frame.js";
import { newMessageId } from "../protocol/primitives.js";
import { Keepalive } from "./keepalive.js";
import { Rekeying } from "./rekeying.js";
import { answerOf, RequestTable } from "./request_table.js";

const CLOSE_NORMAL = 1000;
const CLOSE_SILENT = 1006;
const CLOSE_INTERNAL = closeCode(16);

/** The server takes 64 unacknowledged messages of a session; a few are left for what overlaps. Spec: 3.13 */
const MAX_MESSAGES_IN_FLIGHT = 48;

/** How often and how long a session that was replaced waits for its last answers. */
const RETIRE_STEP_MS = 50;
const RETIRE_MS = 2000;

export class Channel {
  #wire;
  #session;
  #handlers;
  #keepalive;
  #rekeying;
  #requests;
  #inFlight = new Set();
  #inbound = Promise.resolve();
  #farewell = null;
  #settleClosed;
  #isOpen = true;

  /**
   * @param {object} parts also `serverPublic` and `sign`, which a rekey is checked and signed with: see Rekeying
   * @param {object} parts.handlers each is called with this channel first: `delivery(channel, ChatDelivery)`,
   *   `ack(channel, Ack)`, `refusal(channel, messageId, PeerError)`, `notice(channel, op, body)` which is answered
   *   when what it gives is settled, `announcement(channel, bytes)` of a port to come
   */
  constructor({ wire, session, serverPublic, sign, handlers }) {
    this.#wire = wire;
    this.#session = session;
    this.#handlers = handlers;
    /** @type {Promise<{code: number, farewell: CloseNotify | null}>} never rejects */
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
    this.#requests = new RequestTable((request) => this.#send(MessageType.REQUEST, request.encode()));
    this.#keepalive = new Keepalive({
      ping: () => this.#send(MessageType.PING, new Uint8Array()),
      giveUp: () => this.#end(CLOSE_SILENT),
    });
    const [send, fail] = [(payload) => this.#send(MessageType.KEY_ROTATION, payload), (cause) => this.#fail(cause)];
    this.#rekeying = new Rekeying({ session, serverPublic, sign, send, fail });
  }

  /** How often the session has taken new keys. */
  get epoch() {
    return this.#session.epoch;
  }

  get isOpen() {
    return this.#isOpen;
  }

  /** Whether another message may be sent before one is answered. */
  get hasWindow() {
    return this.#isOpen && this.#inFlight.size < MAX_MESSAGES_IN_FLIGHT;
  }

  // Actions

  /** Send an MLS message; messages arrive in the order of the calls. Answered by `ack` or `refusal`. */
  sendMessage(roomId, message, messageId) {
    this.#inFlight.add(toHex(messageId));
    this.#send(MessageType.CHAT, new ChatSend(roomId, message).encode(), messageId);
  }

  /** Ask the server. @returns {Promise<object>} its answer. Raises: the PeerError it answered with; ChannelClosed. */
  request(op, members = {}) {
    return this.#requests.ask(op, members);
  }

  /** End the session in an orderly way. */
  close() {
    if (!this.#isOpen) return;
    const farewell = new CloseNotify(0, "").encode();
    const sealing = this.#session.seal(MessageType.CLOSE_NOTIFY, farewell, newMessageId(Date.now()), Date.now());
    sealing.then((frame) => this.#wire.send(frame), () => {}).then(() => this.#wire.close(CLOSE_NORMAL));
    this.#finish(CLOSE_NORMAL);
  }

  /** Close as soon as everything that was asked and sent on it is answered, or has waited long enough. */
  async retire() {
    for (let waited = 0; this.#isOpen && waited < RETIRE_MS; waited += RETIRE_STEP_MS) {
      if (this.#requests.isIdle && this.#inFlight.size === 0) break;
      await new Promise((resolve) => setTimeout(resolve, RETIRE_STEP_MS));
    }
    this.close();
  }

  // From the wire

  /** @param {Uint8Array} data one binary message */
  receive(data) {
    this.#keepalive.heard();
    const opening = this.#session.open(data);
    opening.catch(() => {});
    this.#inbound = this.#inbound.then(() => this.#handleNext(opening));
  }

  /** The wire has closed. What came before it is still handled first. */
  ended(code) {
    this.#inbound = this.#inbound.then(() => this.#finish(code));
  }

  // Internal

  #send(type, payload, messageId = newMessageId(Date.now())) {
    if (!this.#isOpen) return;
    this.#session.seal(type, payload, messageId, Date.now()).then(
      (frame) => this.#isOpen && this.#wire.send(frame),
      (cause) => this.#fail(cause),
    );
    this.#rekeying.look();
  }

  async #handleNext(opening) {
    if (!this.#isOpen) return;
    try {
      this.#handle(await opening);
      if (this.#isOpen) this.#rekeying.look();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  #handle({ type, payload }) {
    switch (type) {
      case MessageType.CHAT:
        return this.#handlers.delivery(this, ChatDelivery.parse(payload));
      case MessageType.ACK:
        return this.#handleAck(Ack.parse(payload));
      case MessageType.ERROR:
        return this.#handleError(ErrorBody.parse(payload));
      case MessageType.REQUEST:
        return this.#handleExchange(parseExchange(payload));
      case MessageType.PORT_ROTATION:
        return this.#handlers.announcement(this, payload);
      case MessageType.PING:
        return this.#send(MessageType.PONG, payload);
      case MessageType.CLOSE_NOTIFY:
        return void (this.#farewell = CloseNotify.parse(payload));
      default:
        return undefined;
    }
  }

  #handleAck(ack) {
    this.#inFlight.delete(toHex(ack.messageId));
    this.#handlers.ack(this, ack);
  }

  #handleError(body) {
    if (!body.messageId) return;
    this.#inFlight.delete(toHex(body.messageId));
    this.#handlers.refusal(this, body.messageId, errorFor(body.number, body.text));
  }

  #handleExchange(exchange) {
    if (!(exchange instanceof Request)) return this.#requests.answer(exchange);
    const noticed = this.#handlers.notice(this, exchange.body.op, exchange.body);
    return answerOf(exchange, noticed).then((answer) => this.#send(MessageType.REQUEST, answer.encode()));
  }

  /** A frame that is false, or a fault of ours: nothing on this session can be trusted after it. */
  #fail(cause) {
    this.#end(cause instanceof PeerError && cause.number ? closeCode(cause.number) : CLOSE_INTERNAL, cause);
  }

  #end(code, cause = null) {
    if (!this.#isOpen) return;
    this.#wire.close(code === CLOSE_SILENT ? CLOSE_NORMAL : code);
    this.#finish(code, cause);
  }

  #finish(code, cause = null) {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#keepalive.stop();
    this.#rekeying.stop();
    this.#requests.close();
    this.#settleClosed({ code, farewell: this.#farewell, cause });
  }
}
