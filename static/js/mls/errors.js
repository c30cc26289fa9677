/**
 * What this library refuses, beside Malformed (bytes of a wrong shape) and Unauthentic (a signature, tag or seal).
 *
 * Spec: 4.4, 4.10
 */

import { PeerError } from "../protocol/errors.js";

/** It reads and verifies, but a rule forbids it. `reason` is a short name, the same in both languages. */
export class Invalid extends PeerError {
  static code = "invalid";

  /** @param {string} reason @param {string} [text] */
  constructor(reason, text = "") {
    super(text || reason);
    this.reason = reason;
  }
}

/** An epoch that is not held: past, or still to come. */
export class EpochGone extends PeerError {
  static code = "epoch_gone";
}

/** A message key that is not there: used, no longer kept, or further ahead than the ratchet goes. */
export class KeyUsed extends PeerError {
  static code = "key_used";
}
