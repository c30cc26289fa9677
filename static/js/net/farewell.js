// The last words on a session.

import { CloseNotify, ErrorBody } from "../protocol/bodies.js";
import { closeCode, Internal, PeerError, UnknownType } from "../protocol/errors.js";
import { MessageType } from "../protocol/frame.js";
import { newMessageId } from "../protocol/primitives.js";

const CLOSE_NORMAL = 1000;

/** End a session in an orderly way. Nothing else is sealed on it from here on. Spec: 3.7 */
export function sayGoodbye(session, wire) {
  return say(session, wire, MessageType.CLOSE_NOTIFY, new CloseNotify(0, ""), CLOSE_NORMAL);
}

/**
 * End a session for what is wrong with it, if anything is: a type that is not known is told, not closed silently.
 * Spec: 3.5
 * @param {Error | null} cause
 */
export function hangUp(session, wire, cause) {
  if (cause === null) return wire.close(CLOSE_NORMAL);
  const number = cause instanceof PeerError ? (cause.number ?? Internal.number) : Internal.number;
  if (!(cause instanceof UnknownType)) return wire.close(closeCode(number));
  return say(session, wire, MessageType.ERROR, new ErrorBody(number, cause.code, null), closeCode(number));
}

async function say(session, wire, type, body, code) {
  const sealing = session.seal(type, body.encode(), newMessageId(Date.now()), Date.now());
  await sealing.then((frame) => wire.send(frame), () => {});
  wire.close(code);
}
