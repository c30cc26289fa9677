/** What the checks of vectors share. */

import { fromHex, toHex } from "../../bytes.js";
import { ClawChatError } from "../../protocol/errors.js";

export const unhex = fromHex;

/** Something is not as the vector says. */
export class Mismatch extends ClawChatError {
  static code = "mismatch";
}

/**
 * Nothing, when both are the same; bytes are compared with hex.
 *
 * Raises: mismatch.
 */
export function same(name, ours, theirs) {
  const [one, other] = [ours, theirs].map((value) => (value instanceof Uint8Array ? toHex(value) : value));
  if (one !== other) throw new Mismatch(`${name} differs`);
}

/** Bytes that count instead of dice, so that a run repeats. @returns {(size: number) => Uint8Array} */
export function counted() {
  let number = 0;
  return (size) => {
    number += 1;
    return Uint8Array.from({ length: size }, (_, index) => Math.floor(number / 256 ** (size - 1 - index)) % 256);
  };
}
