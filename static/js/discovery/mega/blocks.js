// AES-128 as MEGA uses it: single blocks, and chains without padding; both are had from Web Crypto's padded chain.

import { concat } from "../../bytes.js";

export const BLOCK_BYTES = 16;
const ZERO = new Uint8Array(BLOCK_BYTES);
const { subtle } = globalThis.crypto;

/** Byte by byte, as long as the left one. @param {Uint8Array} left @param {Uint8Array} right @returns {Uint8Array} */
export function xor(left, right) {
  return left.map((octet, index) => octet ^ right[index]);
}

/** What a chain that begins at zero says. Sizes: key 16 bytes; data whole blocks, at least one. */
export async function openChain(key, data) {
  const ready = await importKey(key, "AES-CBC");
  // One block more, which says after it is opened that it is padding and nothing else.
  const padding = await subtle.encrypt(chain(data.slice(-BLOCK_BYTES)), ready, new Uint8Array());
  return new Uint8Array(await subtle.decrypt(chain(ZERO), ready, concat(data, new Uint8Array(padding))));
}

/** What blocks say that stand each for itself. @returns {Promise<Uint8Array>} as long as data */
export async function openBlocks(key, data) {
  const chained = await openChain(key, data);
  return concat(chained.slice(0, BLOCK_BYTES), xor(chained.slice(BLOCK_BYTES), data));
}

/**
 * The last block of a chain, for which data is filled up with zeros to whole blocks.
 * @param {Uint8Array} key @param {Uint8Array} data any number of bytes but none @param {Uint8Array} [start] one block
 */
export async function lastOfChain(key, data, start = ZERO) {
  const whole = new Uint8Array(Math.ceil(data.length / BLOCK_BYTES) * BLOCK_BYTES);
  whole.set(data);
  const sealed = await subtle.encrypt(chain(start), await importKey(key, "AES-CBC"), whole);
  return new Uint8Array(sealed, whole.length - BLOCK_BYTES, BLOCK_BYTES);
}

/** What a stream says. @param {Uint8Array} nonce 8 bytes, in front of a counter of 8 that begins at zero */
export async function openStream(key, nonce, data) {
  const parameters = { name: "AES-CTR", counter: concat(nonce, new Uint8Array(8)), length: 64 };
  return new Uint8Array(await subtle.decrypt(parameters, await importKey(key, "AES-CTR"), data));
}

function chain(iv) {
  return { name: "AES-CBC", iv };
}

function importKey(key, name) {
  return subtle.importKey("raw", key, name, false, ["encrypt", "decrypt"]);
}
