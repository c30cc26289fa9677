// One authenticated session on its wire: frames out in order, frames in one after the other, requests with answers.
//
// Spec: 3.5, 3.6, 3.7, 3.11

import { toHex } from "../bytes.js";
import { Ack, ChatDelivery, ChatSend, CloseNotify, ErrorBody, parseExchange, Request } from "../protocol/bodies.js";
import { errorFor, UnknownType } from "../protocol/errors.js";
import { MessageType } from "../protocol/frame.js";
import { newMessageId } from "../protocol/primitives.js";
import { hangUp, sayGoodbye } from "./farewell.js";
import { FileLane } from "./file_lane.js";
import { Inbound } from "./inbound.js";
import { Keepalive } from "./keepalive.js";
import { Rekeying } from "./rekeying.js";
import { answerOf, RequestTable } from "./request_table.js";
import { untilQuiet } from "./retiring.js";

/** The server takes 64 unacknowledged messages of a session; a few are left for what overlaps. Spec: 3.13 */
const MAX_MESSAGES_IN_FLIGHT = 48;

export class Channel {
  #wire;
  #session;
  #handlers;
  #keepalive;
  #rekeying;
  #requests;
  #inFlight = new Set();
  #inbound;
  #farewell = null;
  #settleClosed;
  #isOpen = true;
  /** Chunks of files, in and out. */
  files = new FileLane((chunk, id) => this.#send(MessageType.FILE, chunk, id), (op, of) => this.request(op, of));
  /** Send a signal, which nobody answers. @param {Uint8Array} payload */
  sendSignal = (payload) => this.#send(MessageType.PRESENCE, payload);

  /**
   * @param {object} parts also `serverPublic` and `sign`, which a rekey is checked and signed with: see Rekeying
   * @param {object} parts.handlers each is called with this channel first: `delivery(channel, ChatDelivery)`,
   *   `ack(channel, Ack)`, `refusal(channel, messageId, PeerError)`, `notice(channel, op, body)` which is answered
   *   when what it gives is settled, `announcement(channel, bytes)` of a port to come, `signal(channel, bytes)`
   */
  constructor({ wire, session, serverPublic, sign, handlers, idleSeconds }) {
    this.#wire = wire;
    this.#session = session;
    this.#handlers = handlers;
    /** @type {Promise<{farewell: CloseNotify | null, cause: Error | null}>} what the server said, or what went wrong */
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
    this.#requests = new RequestTable((request) => this.#send(MessageType.REQUEST, request.encode()));
    const ping = () => this.#send(MessageType.PING, new Uint8Array());
    this.#keepalive = new Keepalive({ ping, giveUp: () => this.#end(), idleSeconds });
    const [send, fail] = [(payload) => this.#send(MessageType.KEY_ROTATION, payload), (cause) => this.#end(cause)];
    this.#inbound = new Inbound({ session, handle: (frame) => this.#take(frame), fail, isOpen: () => this.#isOpen });
    this.#rekeying = new Rekeying({ session, serverPublic, sign, send, fail });
  }

  /** How often the session has taken new keys. */
  get epoch() {
    return this.#session.epoch;
  }

  /** What both ends may derive further secrets from, of the keys that the next frame is sealed under. */
  get exporter() {
    return this.#session.exporter;
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
  request(op, members = {}, hooks = {}) {
    return this.#requests.ask(op, members, hooks);
  }

  /** End the session in an orderly way. */
  close() {
    if (!this.#isOpen) return;
    sayGoodbye(this.#session, this.#wire);
    this.#finish();
  }

  /** Close as soon as everything that was asked and sent on it is answered, or has waited long enough. */
  async retire() {
    const isIdle = () => this.#requests.isIdle && this.files.isIdle && this.#inFlight.size === 0;
    await untilQuiet(() => !this.#isOpen || isIdle());
    this.close();
  }

  // From the wire

  /** @param {Uint8Array} data one binary message */
  receive(data) {
    this.#keepalive.heard();
    this.#inbound.take(data);
  }

  /** The wire has closed, whatever its code says: anybody on the way may write one. What came before is handled first. */
  ended() {
    this.#inbound.then(() => this.#finish());
  }

  // Internal

  #send(type, payload, messageId = newMessageId(Date.now())) {
    if (!this.#isOpen) return;
    this.#session.seal(type, payload, messageId, Date.now()).then(
      (frame) => this.#isOpen && this.#wire.send(frame),
      (cause) => this.#end(cause),
    );
    this.#rekeying.look();
  }

  /** @returns {Promise<void> | undefined} settled once an answer was acted upon */
  #take({ type, payload }) {
    const isExchange = type === MessageType.REQUEST;
    const acting = isExchange ? this.#handleExchange(parseExchange(payload)) : void this.#handle(type, payload);
    if (this.#isOpen) this.#rekeying.look();
    return acting;
  }

  #handle(type, payload) {
    switch (type) {
      case MessageType.CHAT:
        return this.#handlers.delivery(this, ChatDelivery.parse(payload));
      case MessageType.ACK:
        return this.#handleAck(Ack.parse(payload));
      case MessageType.FILE:
        return this.files.receive(payload);
      case MessageType.PRESENCE:
        return this.#handlers.signal(this, payload);
      case MessageType.ERROR:
        return this.#handleError(ErrorBody.parse(payload));
      case MessageType.PORT_ROTATION:
        return this.#handlers.announcement(this, payload);
      case MessageType.PING:
        return this.#send(MessageType.PONG, this.#keepalive.echo(payload));
      case MessageType.CLOSE_NOTIFY:
        this.#farewell = CloseNotify.parse(payload);
        return this.#end();
      case MessageType.PONG:
      case MessageType.KEY_ROTATION:
        return undefined;
      default:
        throw new UnknownType(`message type ${type} from a server`);
    }
  }

  #handleAck(ack) {
    if (this.files.acknowledged(toHex(ack.messageId), ack.seq)) return;
    this.#inFlight.delete(toHex(ack.messageId));
    this.#handlers.ack(this, ack);
  }

  #handleError(body) {
    const cause = errorFor(body.number, body.text);
    if (!body.messageId || this.files.refused(toHex(body.messageId), cause)) return;
    this.#inFlight.delete(toHex(body.messageId));
    this.#handlers.refusal(this, body.messageId, cause);
  }

  #handleExchange(exchange) {
    if (!(exchange instanceof Request)) return this.#requests.answer(exchange);
    const act = (op, body) => this.#handlers.notice(this, op, body);
    return void answerOf(exchange, act).then((answer) => this.#send(MessageType.REQUEST, answer.encode()));
  }

  /** A cause is a frame that is false, or a fault of ours: nothing on this session can be trusted after it. */
  #end(cause = null) {
    if (this.#isOpen) hangUp(this.#session, this.#wire, cause);
    this.#finish(cause);
  }

  #finish(cause = null) {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#keepalive.stop();
    this.#rekeying.stop();
    this.#requests.close();
    this.files.close();
    this.#session.end();
    this.#settleClosed({ farewell: this.#farewell, cause });
  }
}
