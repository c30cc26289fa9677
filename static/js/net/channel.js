// One authenticated session on its wire: frames out in order, frames in one after the other, requests with answers.
//
// Spec: 3.5, 3.7, 3.11

import { utf8 } from "../bytes.js";
import { Ack, ChatDelivery, CloseNotify, ErrorBody, parseExchange, Failure, Request, Response } from "../protocol/bodies.js";
import { closeCode, errorFor, PeerError } from "../protocol/errors.js";
import { MessageType } from "../protocol/frame.js";
import { newMessageId } from "../protocol/primitives.js";
import { ChannelClosed } from "./failures.js";
import { Keepalive } from "./keepalive.js";

const CLOSE_NORMAL = 1000;
/** How long a session that was replaced waits for its last answers. */
const RETIRE_MS = 2000;

export class Channel {
  #wire;
  #session;
  #handlers;
  #keepalive;
  #requests = new Map();
  #lastRequest = 0;
  #farewell = null;
  #settleClosed;
  #open = true;

  /**
   * @param {object} handlers each is called with the channel first: `delivery(channel, ChatDelivery)`,
   *   `ack(channel, Ack)`, `refusal(channel, messageId, PeerError)`, `notice(channel, op, body)`,
   *   `announcement(channel, bytes)` for a port that is to come, `renewal(channel)` when the server wants new keys
   */
  constructor({ wire, session, handshake, handlers }) {
    this.#wire = wire;
    this.#session = session;
    this.#handlers = handlers;
    this.handshake = handshake;
    /** @type {Promise<{code: number, farewell: CloseNotify | null}>} never rejects */
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
    this.#keepalive = new Keepalive({
      ping: () => this.send(MessageType.PING, new Uint8Array()),
      giveUp: () => this.#end(1006),
    });
  }

  get isOpen() {
    return this.#open;
  }

  // Actions

  /** Seal and send one frame; frames leave in the order of the calls. @param {Uint8Array} messageId 16 bytes */
  send(type, payload, messageId = newMessageId(Date.now())) {
    if (!this.#open) return;
    this.#keepalive.sent();
    this.#session.seal(type, payload, messageId, Date.now()).then(
      (frame) => this.#open && this.#wire.send(frame),
      (cause) => this.#fail(cause),
    );
  }

  /** Ask the server. @returns {Promise<object>} its answer. Raises: the PeerError it answered with; ChannelClosed. */
  request(op, members = {}) {
    if (!this.#open) return Promise.reject(new ChannelClosed());
    this.#lastRequest += 1;
    const id = this.#lastRequest;
    const answer = new Promise((resolve, reject) => this.#requests.set(id, { resolve, reject }));
    this.send(MessageType.REQUEST, new Request(id, { op, ...members }).encode());
    return answer;
  }

  /** End it in an orderly way. */
  close() {
    if (!this.#open) return;
    this.#session
      .seal(MessageType.CLOSE_NOTIFY, new CloseNotify(0, "").encode(), newMessageId(Date.now()), Date.now())
      .then((frame) => this.#wire.send(frame))
      .catch(() => {})
      .finally(() => this.#wire.close(CLOSE_NORMAL));
    this.#end(CLOSE_NORMAL);
  }

  /** Close once what was asked on it has been answered, or soon. */
  async retire() {
    const answers = [...this.#requests.values()].map(({ settled }) => settled);
    let timer;
    const patience = new Promise((resolve) => (timer = setTimeout(resolve, RETIRE_MS)));
    await Promise.race([Promise.allSettled(answers), patience, this.closed]);
    clearTimeout(timer);
    this.close();
  }
}
