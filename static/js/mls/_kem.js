// The inner part of hpke.js: its key derivation and its two key encapsulation mechanisms.

import { concat, utf8 } from "../bytes.js";
import { Malformed, UsageError } from "../protocol/errors.js";
import { randomBytes } from "../protocol/primitives.js";
import * as sodium from "../sodium.js";
import { hashBytes, hmac } from "./_web_crypto.js";
import { u16 } from "./codec.js";

export const XWING_PUBLIC_BYTES = 1216;
const MLKEM_PUBLIC_BYTES = 1184;
const MLKEM_PRIME = 3329;
const NOTHING = new Uint8Array();
// An X25519 secret that is good for one thing: to find out whether a public value is of small order.
const ANY_SCALAR = new Uint8Array(32).fill(7);

/** A KEM key: the secret as the KEM serializes it, and what others seal to. */
export class KeyPair {
  #secret;

  /** @param {Uint8Array} secret @param {Uint8Array} publicKey */
  constructor(secret, publicKey) {
    this.#secret = secret;
    this.public = publicKey;
    Object.freeze(this);
  }

  /** The very bytes, for who erases them. */
  get secret() {
    return this.#secret;
  }
}

/** LabeledExtract and LabeledExpand (RFC 9180 4) under one suite_id. */
export class LabeledKdf {
  #hash;
  #prefix;

  /** @param {string} hash as Web Crypto names it @param {Uint8Array} suiteId */
  constructor(hash, suiteId) {
    this.#hash = hash;
    this.#prefix = concat(utf8("HPKE-v1"), suiteId);
  }

  /** As many bytes as the hash has. */
  extract(salt, label, material) {
    return hmac(this.#hash, salt, concat(this.#prefix, utf8(label), material));
  }

  /** At most as many bytes as the hash has: one block of HKDF-Expand (RFC 5869 2.3). */
  expand(key, label, info, length) {
    return expand(this.#hash, key, concat(u16(length), this.#prefix, utf8(label), info), length);
  }
}

/**
 * HKDF-Expand (RFC 5869 2.3) with N = 1, which is all MLS asks for.
 *
 * Raises: usage (more bytes than the hash has).
 */
export async function expand(hash, key, info, length) {
  if (!(length > 0 && length <= hashBytes(hash))) throw new UsageError(`cannot expand to ${length} bytes`);
  return (await hmac(hash, key, concat(info, Uint8Array.of(1)))).slice(0, length);
}

/** DHKEM(X25519, HKDF-SHA256), 0x0020 (RFC 9180 4.1). */
export class X25519Kem {
  number = 0x0020;
  encBytes = 32;
  #kdf = new LabeledKdf("SHA-256", concat(utf8("KEM"), u16(0x0020)));

  /** RFC 9180 7.1.3. */
  async deriveKeyPair(material) {
    const secret = await this.#kdf.expand(await this.#kdf.extract(NOTHING, "dkp_prk", material), "sk", NOTHING, 32);
    return new KeyPair(secret, this.publicKey(secret));
  }

  /** 32 bytes. Raises: malformed (another length). */
  publicKey(secret) {
    return refusing(() => sodium.x25519Public(secret));
  }

  /** Raises: malformed (another length than 32 bytes). */
  checkSecret(secret) {
    checkSize(secret);
  }

  /** Raises: malformed (another length, or a point of small order). */
  checkPublicKey(publicKey) {
    refusing(() => sodium.x25519(ANY_SCALAR, publicKey));
  }

  /** RFC 9180 4.1, Encap. @returns {Promise<[Uint8Array, Uint8Array]>} shared secret, what carries it */
  async encapsulate(publicKey) {
    const ephemeral = randomBytes(32);
    const enc = this.publicKey(ephemeral);
    const exchanged = refusing(() => sodium.x25519(ephemeral, publicKey));
    sodium.wipe(ephemeral);
    return [await this.#shared(exchanged, concat(enc, publicKey)), enc];
  }

  /** RFC 9180 4.1, Decap. */
  async decapsulate(secret, enc) {
    return this.#shared(
      refusing(() => sodium.x25519(secret, enc)),
      concat(enc, this.publicKey(secret)),
    );
  }

  async #shared(exchanged, context) {
    const secret = await this.#kdf.extract(NOTHING, "eae_prk", exchanged);
    sodium.wipe(exchanged);
    return this.#kdf.expand(secret, "shared_secret", context, 32);
  }
}

/** X-Wing (draft-connolly-cfrg-xwing-kem), 0x647A: ML-KEM-768 and X25519; the secret is a seed of 32 bytes. */
export class XWingKem {
  number = 0x647a;
  encBytes = 1120;

  /** Spec: 4.4 */
  async deriveKeyPair(material) {
    const seed = sodium.shake256(material, 32);
    return new KeyPair(seed, this.publicKey(seed));
  }

  /** 1,216 bytes. Raises: malformed (a seed of another length). */
  publicKey(secret) {
    return refusing(() => sodium.xwingPublic(secret));
  }

  /** Raises: malformed (another length than 32 bytes). */
  checkSecret(secret) {
    checkSize(secret);
  }

  /**
   * Nothing, when every coefficient is reduced and the X25519 half is not of small order.
   *
   * Raises: malformed.
   * Spec: 4.4
   */
  checkPublicKey(publicKey) {
    if (publicKey.length !== XWING_PUBLIC_BYTES) throw new Malformed(`X-Wing key of ${publicKey.length} bytes`);
    // 768 coefficients of 12 bits, two in three bytes, little endian (FIPS 203 4.2.1); then 32 bytes of rho.
    for (let at = 0; at < MLKEM_PUBLIC_BYTES - 32; at += 3) {
      const [first, middle, last] = [publicKey[at], publicKey[at + 1], publicKey[at + 2]];
      if ((first | ((middle & 15) << 8)) >= MLKEM_PRIME || ((middle >> 4) | (last << 4)) >= MLKEM_PRIME) {
        throw new Malformed("ML-KEM coefficient out of range");
      }
    }
    refusing(() => sodium.x25519(ANY_SCALAR, publicKey.subarray(MLKEM_PUBLIC_BYTES)));
  }

  /** The shared secret (32 bytes) and the ciphertext (1,120 bytes). Raises: malformed (the key). */
  async encapsulate(publicKey) {
    const { sharedSecret, ciphertext } = refusing(() => sodium.xwingEncapsulate(publicKey));
    return [sharedSecret, ciphertext];
  }

  /** The shared secret; a ciphertext made for another key gives an unrelated one. */
  async decapsulate(secret, enc) {
    return refusing(() => sodium.xwingDecapsulate(secret, enc));
  }
}

function checkSize(secret) {
  if (secret.length !== 32) throw new Malformed(`KEM secret of ${secret.length} bytes`);
}

/** libsodium refuses by throwing plain errors; what it refuses here came from outside. */
function refusing(call) {
  try {
    return call();
  } catch {
    throw new Malformed("KEM key refused");
  }
}
