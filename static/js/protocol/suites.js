/**
 * The cipher suites: what each adds to X25519, who offers which, and who takes which.
 *
 * Both have the same AEAD, hash and signature; 0x0002 mixes ML-KEM-768 into every shared secret, 0x0001 does not.
 * Spec: 3.3, 3.4, 3.7
 */

import { Malformed, UnsupportedVersion } from "./errors.js";

export const SUITE_X25519 = 0x0001;
export const SUITE_X25519_MLKEM768 = 0x0002;
/** All there are, the preferred one first. */
export const SUITES = Object.freeze([SUITE_X25519_MLKEM768, SUITE_X25519]);

const MLKEM_KEY_BYTES = { [SUITE_X25519]: 0, [SUITE_X25519_MLKEM768]: 1184 };
const MLKEM_CIPHERTEXT_BYTES = { [SUITE_X25519]: 0, [SUITE_X25519_MLKEM768]: 1088 };

/**
 * What one side's own policy allows, the preferred one first: with `pqRequired` none without ML-KEM. Spec: 3.7
 * @param {boolean} pqRequired @returns {number[]}
 */
export function allowedSuites(pqRequired) {
  return pqRequired ? [SUITE_X25519_MLKEM768] : [...SUITES];
}

/**
 * What a client offers a server whose file in force lists these suites, the preferred one first.
 *
 * A file raises the client's own floor and never lowers it.
 * Raises: unsupported_version (no suite is left).
 * Spec: 3.7
 * @param {boolean} pqRequired @param {number[]} listed @returns {number[]}
 */
export function suitesToOffer(pqRequired, listed) {
  const offered = allowedSuites(pqRequired).filter((suite) => listed.includes(suite));
  if (offered.length > 0) return offered;
  const [theirs, ours] = [shown(listed), shown(allowedSuites(pqRequired))];
  throw new UnsupportedVersion(
    `the server takes ${theirs}, and this side asks for ${ours}: its operator has to update it`,
  );
}

/**
 * What a server takes of a client's offer: the client's order does not matter.
 *
 * Raises: unsupported_version (none of it is allowed here).
 * Spec: 3.3
 * @param {boolean} pqRequired @param {number[]} offered
 */
export function chooseSuite(pqRequired, offered) {
  const chosen = allowedSuites(pqRequired).find((suite) => offered.includes(suite));
  if (chosen === undefined) throw new UnsupportedVersion(`client offers ${shown(offered)}`);
  return chosen;
}

/** Nothing, when an encapsulation key has this suite's size: 1184 bytes, or none without ML-KEM. Raises: malformed. */
export function checkMlkemKey(suite, key) {
  check(key, MLKEM_KEY_BYTES[suite], "key");
}

/** Nothing, when a ciphertext has this suite's size: 1088 bytes, or none without ML-KEM. Raises: malformed. */
export function checkMlkemCiphertext(suite, ciphertext) {
  check(ciphertext, MLKEM_CIPHERTEXT_BYTES[suite], "ciphertext");
}

function check(data, size, what) {
  if (data.length !== size) throw new Malformed(`ML-KEM ${what} of ${data.length} bytes, expected ${size}`);
}

function shown(suites) {
  return suites.map((suite) => `0x${suite.toString(16).padStart(4, "0")}`).join(", ") || "no suite";
}
