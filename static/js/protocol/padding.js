/**
 * Length hiding inside the seal: `payload 0x80 0x00*` up to a step that grows with the size.
 *
 * Spec: 3.5
 */

import { Malformed } from "./errors.js";

/** The payload, one marker byte and zeros. @param {Uint8Array} payload @returns {Uint8Array} */
export function pad(payload) {
  const padded = new Uint8Array(paddedLength(payload.length));
  padded.set(payload);
  padded[payload.length] = 0x80;
  return padded;
}

/**
 * The payload; any number of zeros after the marker is accepted, because the sender chooses the step.
 * Raises: malformed (no marker).
 * @param {Uint8Array} padded @returns {Uint8Array}
 */
export function unpad(padded) {
  // A plain loop: `findLastIndex` calls a function for each of up to 16,384 zeros.
  let marker = padded.length - 1;
  while (marker >= 0 && padded[marker] === 0) marker -= 1;
  if (padded[marker] !== 0x80) throw new Malformed("padding without its marker");
  return padded.slice(0, marker);
}

/** How long a payload of this length becomes: a multiple of 64, from 1 KiB of 1,024, from 16 KiB of 16,384. */
export function paddedLength(payloadLength) {
  const needed = payloadLength + 1;
  const step = needed <= 1024 ? 64 : needed <= 16_384 ? 1024 : 16_384;
  return Math.ceil(needed / step) * step;
}
