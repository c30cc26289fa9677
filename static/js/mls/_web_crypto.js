// The inner part of hpke.js and suite.js: what the browser's own cryptography does for them, under one roof.

import { Unauthentic, UsageError } from "../protocol/errors.js";

const { subtle } = globalThis.crypto;
const HASH_BYTES = { "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };

/** @param {string} hash as Web Crypto names it @returns {number} bytes */
export function hashBytes(hash) {
  return HASH_BYTES[hash];
}

/** @param {string} hash @param {Uint8Array} data */
export async function digest(hash, data) {
  return new Uint8Array(await subtle.digest(hash, data));
}

/** HMAC, which is HKDF-Extract too (RFC 5869 2.2). @param {string} hash @param {Uint8Array} key of any length */
export async function hmac(hash, key, message) {
  // Web Crypto refuses an empty key; HMAC fills every key with zeros, so this is the same one.
  const raw = key.length > 0 ? key : new Uint8Array(HASH_BYTES[hash]);
  const imported = await subtle.importKey("raw", raw, { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", imported, message));
}

/** AES-GCM with keys of so many bytes, and 16 bytes of tag. */
export class AesGcm {
  /** @param {number} keyBytes */
  constructor(keyBytes) {
    this.keyBytes = keyBytes;
    Object.freeze(this);
  }

  /** Ciphertext and tag. */
  async seal(key, nonce, plaintext, associatedData) {
    const imported = await this.#import(key, "encrypt");
    return new Uint8Array(await subtle.encrypt(parameters(nonce, associatedData), imported, plaintext));
  }

  /** The plaintext. Raises: unauthentic. */
  async open(key, nonce, sealed, associatedData) {
    const imported = await this.#import(key, "decrypt");
    try {
      return new Uint8Array(await subtle.decrypt(parameters(nonce, associatedData), imported, sealed));
    } catch {
      throw new Unauthentic();
    }
  }

  #import(key, use) {
    if (key.length !== this.keyBytes) {
      throw new UsageError(`AEAD key of ${key.length} bytes, expected ${this.keyBytes}`);
    }
    return subtle.importKey("raw", key, "AES-GCM", false, [use]);
  }
}

function parameters(nonce, associatedData) {
  return { name: "AES-GCM", iv: nonce, additionalData: associatedData };
}
