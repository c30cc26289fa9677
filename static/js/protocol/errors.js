/**
 * What can go wrong, as one tree. The codes are the ones of the vectors, the error frames and the close codes.
 *
 *     ClawChatError
 *     +-- UsageError                 we called it wrongly            usage
 *     `-- PeerError                  what came from outside is bad   one class for each code
 *         +-- Malformed 1  UnsupportedVersion 2  Unauthentic 3  OutOfOrder 4  UnknownType 5  TooLarge 6  TooFast 7
 *         +-- RekeyOverdue 8  Rediscover 9  Revoked 10  Limit 11  NotMember 12  StaleEpoch 13  Unavailable 14
 *         +-- Expired 15  Internal 16
 *         `-- NotYetValid  Replayed  Forked  UnknownPeer             never on the wire, so without a number
 *
 * Messages name sizes and versions, never content or keys.
 * Spec: 3.11
 */

export const CLOSE_CODE_BASE = 4400;

/** The root of all errors of this library. */
export class ClawChatError extends Error {
  /** @type {string} */
  static code = "usage";
  /** @type {number | null} */
  static number = null;

  /**
   * @param {string} [text]
   * @param {Record<string, unknown>} [details] what an operation's failure adds to code and text
   */
  constructor(text = "", details = {}) {
    super(text || new.target.code);
    this.name = new.target.name;
    this.text = text;
    this.details = { ...details };
  }

  /** The word of the table: `malformed`, `usage` ... */
  get code() {
    return /** @type {typeof ClawChatError} */ (this.constructor).code;
  }

  /** The number on the wire, or null for a fault that is never sent. */
  get number() {
    return /** @type {typeof ClawChatError} */ (this.constructor).number;
  }
}

/** Our own code called this library wrongly; nothing was sent. */
export class UsageError extends ClawChatError {}

/** What came from outside is refused. */
export class PeerError extends ClawChatError {
  static code = "internal";
}

/** The bytes do not have the shape the protocol gives them. */
export class Malformed extends PeerError {
  static code = "malformed";
  static number = 1;
}

/** A version or suite that was not offered, or lies under our floor. */
export class UnsupportedVersion extends PeerError {
  static code = "unsupported_version";
  static number = 2;
}

/** A tag, signature, binder or finished value that does not verify, whatever the cause. */
export class Unauthentic extends PeerError {
  static code = "unauthentic";
  static number = 3;
}

/** A counter, offset or step that is not the expected one. */
export class OutOfOrder extends PeerError {
  static code = "out_of_order";
  static number = 4;
}

/** A message type or operation that is not in the table. */
export class UnknownType extends PeerError {
  static code = "unknown_type";
  static number = 5;
}

/** More bytes than the named limit. */
export class TooLarge extends PeerError {
  static code = "too_large";
  static number = 6;
}

/** More often than the named limit. */
export class TooFast extends PeerError {
  static code = "too_fast";
  static number = 7;
}

/** A hard limit of an epoch was passed without new keys. */
export class RekeyOverdue extends PeerError {
  static code = "rekey_overdue";
  static number = 8;
}

/** The port has moved: read the connection file again. */
export class Rediscover extends PeerError {
  static code = "rediscover";
  static number = 9;
}

/** This device, key or invitation was revoked. */
export class Revoked extends PeerError {
  static code = "revoked";
  static number = 10;
}

/** A quota is used up. */
export class Limit extends PeerError {
  static code = "limit";
  static number = 11;
}

/** Not a member of the room, or without an account. */
export class NotMember extends PeerError {
  static code = "not_member";
  static number = 12;
}

/** A commit or message for an epoch that is over. */
export class StaleEpoch extends PeerError {
  static code = "stale_epoch";
  static number = 13;
}

/** The other side cannot do it now. */
export class Unavailable extends PeerError {
  static code = "unavailable";
  static number = 14;
}

/** Its time is over. */
export class Expired extends PeerError {
  static code = "expired";
  static number = 15;
}

/** The other side failed; it is a bug or a fault there. */
export class Internal extends PeerError {
  static code = "internal";
  static number = 16;
}

/** Its time has not come. */
export class NotYetValid extends PeerError {
  static code = "not_yet_valid";
}

/** A connection file older than one that was seen. */
export class Replayed extends PeerError {
  static code = "replayed";
}

/** Two connection files with one serial and different content. */
export class Forked extends PeerError {
  static code = "forked";
}

/** No key we know belongs to it. */
export class UnknownPeer extends PeerError {
  static code = "unknown_peer";
}

/** Number on the wire -> class. */
export const CODES = Object.freeze({
  1: Malformed,
  2: UnsupportedVersion,
  3: Unauthentic,
  4: OutOfOrder,
  5: UnknownType,
  6: TooLarge,
  7: TooFast,
  8: RekeyOverdue,
  9: Rediscover,
  10: Revoked,
  11: Limit,
  12: NotMember,
  13: StaleEpoch,
  14: Unavailable,
  15: Expired,
  16: Internal,
});

/** The error a peer named by its number; a number from a later version gives `Internal`. */
export function errorFor(number, text, details = {}) {
  const kind = Object.hasOwn(CODES, number) ? CODES[number] : Internal;
  return new kind(text, details);
}

/** The WebSocket close code of an error number. */
export function closeCode(number) {
  return CLOSE_CODE_BASE + number;
}
