/**
 * The algorithms, from libsodium and Web Crypto, and the only dice.
 *
 * AES-256-GCM is Web Crypto's and therefore asynchronous; the rest is libsodium's and is not. Everything here takes and
 * gives raw bytes; keys.js gives them types and key_schedule.js their purposes.
 * Spec: 3.1
 */

import { concat } from "../bytes.js";
import * as sodium from "../sodium.js";
import { Malformed, Unauthentic, UsageError } from "./errors.js";

/** A key made ready by `aeadKey`; it cannot be taken out again. */
export const AeadKey = globalThis.CryptoKey;
export const TAG_BYTES = 16;
export const NONCE_BYTES = 12;

/** SHA-256 of the parts, joined. @param {...Uint8Array} parts @returns {Uint8Array} */
export function sha256(...parts) {
  return sodium.sha256(concat(...parts));
}

/** SHA-256 of what comes in pieces. */
export class Sha256 {
  #state = sodium.sha256Begin();

  /** Take the next piece in. @param {Uint8Array} data */
  update(data) {
    sodium.sha256Update(this.#state, data);
  }

  /** The 32 bytes, when all is in; asked for once. @returns {Uint8Array} */
  digest() {
    return sodium.sha256End(this.#state);
  }
}

/** HMAC-SHA256, 32 bytes. */
export function hmacSha256(key, message) {
  return sodium.hmacSha256(key, message);
}

/** HKDF-Extract with SHA-256 (RFC 5869 2.2), 32 bytes. */
export function hkdfExtract(salt, keyMaterial) {
  return sodium.hmacSha256(salt, keyMaterial);
}

/** HKDF-Expand with SHA-256 (RFC 5869 2.3), 1..8160 bytes. */
export function hkdfExpand(pseudorandomKey, info, length) {
  if (length < 1 || length > 8160) throw new UsageError(`cannot expand to ${length} bytes`);
  return sodium.hkdfSha256Expand(pseudorandomKey, info, length);
}

/** An AES-256-GCM key made ready; not extractable. @returns {Promise<AeadKey>} */
export async function aeadKey(raw) {
  if (raw.length !== 32) throw new UsageError(`AEAD key of ${raw.length} bytes, expected 32`);
  return globalThis.crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** Ciphertext and tag, 16 bytes longer than the plaintext. A nonce must never serve a key twice. */
export async function aeadSeal(key, nonce, plaintext, associatedData) {
  return new Uint8Array(await globalThis.crypto.subtle.encrypt(gcm(nonce, associatedData), key, plaintext));
}

/** The plaintext. Raises: unauthentic, whatever was wrong; usage (nonce size). */
export async function aeadOpen(key, nonce, sealed, associatedData) {
  const parameters = gcm(nonce, associatedData);
  try {
    return new Uint8Array(await globalThis.crypto.subtle.decrypt(parameters, key, sealed));
  } catch {
    throw new Unauthentic();
  }
}

/** Whether both are the same, in a time that tells nothing about where they differ. */
export function constantTimeEqual(ours, theirs) {
  return sodium.equalInConstantTime(ours, theirs);
}

/** Fresh bytes from the system's generator. */
export function randomBytes(count) {
  return globalThis.crypto.getRandomValues(new Uint8Array(count));
}

/** A uniform integer in 0..limit-1, limit up to 2^32. */
export function randomBelow(limit) {
  return sodium.randomBelow(limit);
}

/** The public value of a 32-byte secret. */
export function x25519Public(secret) {
  return sodium.x25519Public(secret);
}

/** The shared 32 bytes. Raises: malformed (a public value of small order; the result would be known to everybody). */
export function x25519(secret, theirPublic) {
  return refusing("X25519 value refused", () => sodium.x25519(secret, theirPublic));
}

/** The 1184-byte encapsulation key of a 64-byte seed. */
export function mlkem768Public(seed) {
  return sodium.mlkem768FromSeed(seed).publicKey;
}

/** A fresh shared secret (32 bytes) and its ciphertext (1088 bytes). Raises: malformed (a coefficient out of range). */
export function mlkem768Encapsulate(theirPublic) {
  const { sharedSecret, ciphertext } = refusing("ML-KEM key refused", () => sodium.mlkem768Encapsulate(theirPublic));
  return [sharedSecret, ciphertext];
}

/**
 * The shared secret; a ciphertext made for another key gives an unrelated one (implicit rejection).
 * Raises: malformed (ciphertext size).
 */
export function mlkem768Decapsulate(seed, ciphertext) {
  const { privateKey } = sodium.mlkem768FromSeed(seed);
  try {
    return refusing("ML-KEM ciphertext refused", () => sodium.mlkem768Decapsulate(privateKey, ciphertext));
  } finally {
    sodium.wipe(privateKey);
  }
}

/** The 32-byte public key of a 32-byte seed. */
export function ed25519Public(seed) {
  return sodium.ed25519FromSeed(seed).publicKey;
}

/** The 64-byte signature; the same for the same seed and message. */
export function ed25519Sign(seed, message) {
  const { privateKey } = sodium.ed25519FromSeed(seed);
  const signature = sodium.ed25519Sign(privateKey, message);
  sodium.wipe(privateKey);
  return signature;
}

/**
 * Nothing, when the signature is good. libsodium refuses what 4.4 refuses: other spellings and points of small order.
 * Raises: unauthentic.
 */
export function ed25519Verify(publicKey, signature, message) {
  const sized = publicKey.length === 32 && signature.length === 64;
  if (!sized || !sodium.ed25519Verify(publicKey, message, signature)) throw new Unauthentic();
}

/** The 16 bytes of a UUID version 7 (RFC 9562 5.7) for this instant; random10 supplies its random bits. */
export function uuid7(nowMs, random10) {
  if (random10.length !== 10 || !Number.isSafeInteger(nowMs) || nowMs < 0 || nowMs >= 2 ** 48) {
    throw new UsageError("uuid7 takes 48 bits of time and 10 random bytes");
  }
  const time = [40, 32, 24, 16, 8, 0].map((shift) => Math.floor(nowMs / 2 ** shift) % 256);
  const value = Uint8Array.from([...time, ...random10]);
  value[6] = 0x70 | (value[6] & 0x0f);
  value[8] = 0x80 | (value[8] & 0x3f);
  return value;
}

/** A fresh id for a message a client sends. Spec: 3.5 */
export function newMessageId(nowMs) {
  return uuid7(nowMs, randomBytes(10));
}

function gcm(nonce, associatedData) {
  if (nonce.length !== NONCE_BYTES) throw new UsageError(`nonce of ${nonce.length} bytes, expected ${NONCE_BYTES}`);
  return { name: "AES-GCM", iv: nonce, additionalData: associatedData };
}

/** libsodium refuses by throwing plain errors; what it refuses here came from outside. */
function refusing(text, call) {
  try {
    return call();
  } catch {
    throw new Malformed(text);
  }
}
