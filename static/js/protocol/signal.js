/**
 * Signals: what members of a room tell each other in passing, sealed under a key of the room's epoch.
 *
 * Any member could forge one, and any may be lost: they inform, nothing depends on them.
 * Spec: 4.12
 */

import { concat, utf8 } from "../bytes.js";
import { SealedSignal } from "./bodies.js";
import { encodeCbor, parseCbor } from "./encoding.js";
import { Malformed, UsageError } from "./errors.js";
import { PREFIXES } from "./key_schedule.js";
import { SIGNAL_MAP_MAX_BYTES, SIGNAL_STEP_BYTES } from "./limits.js";
import { pad, unpad } from "./padding.js";
import { aeadKey, aeadOpen, aeadSeal, NONCE_BYTES, randomBytes } from "./primitives.js";

const [TYPING, READ] = ["typing", "read"];

/** The sender is writing. It holds for 6 s, is repeated every 4 s, and ends with the sender's next message. */
export class Typing {
  constructor() {
    Object.freeze(this);
  }

  /** The map that is sealed. */
  toMembers() {
    return { type: TYPING };
  }
}

/** The sender has seen the room's log up to the row `seq`. */
export class Read {
  /** @param {number} seq */
  constructor(seq) {
    this.seq = seq;
    Object.freeze(this);
  }

  /** The map that is sealed. */
  toMembers() {
    return { type: READ, seq: this.seq };
  }
}

/**
 * The signal as it travels; `key` is that of the epoch, `sender` the id of the device.
 *
 * Sizes: roomId and sender 16 bytes; what is sealed is a multiple of 64 bytes and a tag.
 * Raises: usage (sizes, an epoch or place that is no u64).
 * @param {import("./keys.js").SignalKey} key @param {Uint8Array} roomId @param {Uint8Array} sender
 * @param {number} epoch @param {Typing | Read} signal @returns {Promise<SealedSignal>}
 */
export async function sealSignal(key, roomId, sender, epoch, signal) {
  return _sealSignal(key, roomId, sender, epoch, signal.toMembers(), randomBytes(NONCE_BYTES));
}

/**
 * What it says; null for a signal of a type that this program does not know. Whether `key` is that of its epoch is for
 * the caller to see.
 *
 * Raises: unauthentic; malformed (padding, size, a map of another shape). Whoever gets one drops it silently.
 * @param {import("./keys.js").SignalKey} key @param {Uint8Array} roomId @param {SealedSignal} sealed
 * @returns {Promise<Typing | Read | null>}
 */
export async function openSignal(key, roomId, { sender, nonce, sealed }) {
  const padded = await aeadOpen(await aeadKey(key.bytes), nonce, sealed, associatedData(roomId, sender));
  const plaintext = unpad(padded);
  if (padded.length % SIGNAL_STEP_BYTES || plaintext.length > SIGNAL_MAP_MAX_BYTES) {
    throw new Malformed(`signal of ${plaintext.length} bytes, padded to ${padded.length}`);
  }
  const members = parseCbor(plaintext);
  if (typeof members?.type !== "string") throw new Malformed("signal without a type");
  if (members.type === TYPING) return new Typing();
  if (members.type !== READ) return null;
  if (typeof members.seq !== "number") throw new Malformed("read mark without its place");
  return new Read(members.seq);
}

/** The signal under a given nonce, for the vectors. */
export async function _sealSignal(key, roomId, sender, epoch, members, nonce) {
  if (roomId.length !== 16 || sender.length !== 16) {
    throw new UsageError("a signal takes a room and a device of 16 bytes each");
  }
  const plaintext = encodeCbor(members);
  if (plaintext.length > SIGNAL_MAP_MAX_BYTES) {
    throw new UsageError(`signal of ${plaintext.length} bytes, at most ${SIGNAL_MAP_MAX_BYTES}`);
  }
  const sealed = await aeadSeal(await aeadKey(key.bytes), nonce, pad(plaintext), associatedData(roomId, sender));
  return new SealedSignal(sender, epoch, nonce, sealed);
}

function associatedData(roomId, sender) {
  return concat(utf8(PREFIXES.signal), roomId, sender);
}
