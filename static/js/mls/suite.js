/** Cipher suites (RFC 9420 5.1, 17.1) and what is built from them: signing, sealing, hashing, deriving with labels. */

import { concat, utf8 } from "../bytes.js";
import { Unauthentic } from "../protocol/errors.js";
import { constantTimeEqual, ed25519Verify } from "../protocol/primitives.js";
import { AesGcm, digest, hashBytes, hmac } from "./_web_crypto.js";
import { u16, u32, vector } from "./codec.js";
import { expand, Hpke, X25519Kem, XWingKem } from "./hpke.js";
import { prefixed } from "./labels.js";

export { KeyPair } from "./hpke.js";

const NOTHING = new Uint8Array();

/** @typedef {(message: Uint8Array) => Promise<Uint8Array>} Signer what signs for a device */

/** One suite. Sizes, in bytes: Nh of hash and secrets, Nk of AEAD keys, Nn of nonces. */
export class CipherSuite {
  #hash;
  #aead;
  #verify;
  /** Public keys that were found good. */
  #judged = new WeakSet();

  /**
   * @param {number} number
   * @param {string} name
   * @param {Hpke} hpke
   * @param {string} hash as Web Crypto names it
   * @param {AesGcm} aead
   * @param {(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array) => void | Promise<void>} verify
   */
  constructor(number, name, hpke, hash, aead, verify) {
    Object.assign(this, { number, name, hpke, Nh: hashBytes(hash), Nk: aead.keyBytes, Nn: 12 });
    this.#hash = hash;
    this.#aead = aead;
    this.#verify = verify;
    Object.freeze(this);
  }

  /** Nh bytes. */
  hash(data) {
    return digest(this.#hash, data);
  }

  /** HMAC, Nh bytes. */
  mac(key, message) {
    return hmac(this.#hash, key, message);
  }

  /**
   * Nothing, when the tag is the message's.
   *
   * Raises: unauthentic.
   */
  async checkMac(key, message, tag) {
    if (!constantTimeEqual(await this.mac(key, message), tag)) throw new Unauthentic();
  }

  /** KDF.Extract, Nh bytes. */
  extract(salt, material) {
    return hmac(this.#hash, salt, material);
  }

  /**
   * KDF.Expand, up to Nh bytes.
   *
   * Raises: usage (a longer one).
   */
  expand(secret, info, length) {
    return expand(this.#hash, secret, info, length);
  }

  /** AEAD.Seal: ciphertext and tag, 16 bytes longer than the plaintext. */
  seal(key, nonce, plaintext, associatedData) {
    return this.#aead.seal(key, nonce, plaintext, associatedData);
  }

  /**
   * AEAD.Open.
   *
   * Raises: unauthentic.
   */
  open(key, nonce, sealed, associatedData) {
    return this.#aead.open(key, nonce, sealed, associatedData);
  }

  /**
   * Nothing, when the signature is good.
   *
   * Raises: unauthentic.
   */
  async verify(publicKey, message, signature) {
    await this.#verify(publicKey, signature, message);
  }

  /** KEM.DeriveKeyPair. */
  deriveKeyPair(material) {
    return this.hpke.kem.deriveKeyPair(material);
  }

  /**
   * Nothing, when sealing to this key is safe.
   *
   * Raises: malformed.
   */
  checkPublicKey(publicKey) {
    // Trees share their nodes, so many ask about the same buffer.
    if (this.#judged.has(publicKey)) return;
    this.hpke.kem.checkPublicKey(publicKey);
    this.#judged.add(publicKey);
  }

  /** SignWithLabel (RFC 9420 5.1.2). @param {Signer} signer */
  signWithLabel(signer, label, content) {
    return signer(concat(prefixed(label), vector(content)));
  }

  /**
   * VerifyWithLabel (RFC 9420 5.1.2).
   *
   * Raises: unauthentic.
   */
  async verifyWithLabel(publicKey, label, content, signature) {
    await this.#verify(publicKey, signature, concat(prefixed(label), vector(content)));
  }

  /**
   * EncryptWithLabel (RFC 9420 5.1.3): the KEM output and the ciphertext.
   *
   * Raises: malformed (the public key).
   */
  encryptWithLabel(publicKey, label, context, plaintext) {
    return this.hpke.sealBase(publicKey, concat(prefixed(label), vector(context)), plaintext);
  }

  /**
   * DecryptWithLabel (RFC 9420 5.1.3).
   *
   * Raises: malformed (size of the KEM output); unauthentic.
   */
  decryptWithLabel(secret, label, context, kemOutput, sealed) {
    return this.hpke.openBase(secret, kemOutput, concat(prefixed(label), vector(context)), sealed);
  }

  /** RefHash (RFC 9420 5.2), Nh bytes. */
  refHash(label, value) {
    return this.hash(concat(vector(utf8(label)), vector(value)));
  }

  /**
   * ExpandWithLabel (RFC 9420 8), up to Nh bytes.
   *
   * Raises: usage (a longer one).
   */
  expandWithLabel(secret, label, context, length) {
    return this.expand(secret, concat(u16(length), prefixed(label), vector(context)), length);
  }

  /** DeriveSecret (RFC 9420 8), Nh bytes. */
  deriveSecret(secret, label) {
    return this.expandWithLabel(secret, label, NOTHING, this.Nh);
  }

  /** DeriveTreeSecret (RFC 9420 9). */
  deriveTreeSecret(secret, label, generation, length) {
    return this.expandWithLabel(secret, label, u32(generation), length);
  }
}

const AES_128 = new AesGcm(16);
const AES_256 = new AesGcm(32);

/** What rooms use (protocol.md 4.4): private use, X-Wing, HKDF-SHA384, AES-256-GCM, SHA-384, Ed25519. */
export const ROOM_SUITE = new CipherSuite(
  0xf04e,
  "CLAWCHAT_XWING_AES256GCM_SHA384_Ed25519",
  new Hpke(new XWingKem(), { kdf: 2, aead: 2 }, "SHA-384", AES_256),
  "SHA-384",
  AES_256,
  ed25519Verify,
);

/** Every MLS library has it; for vectors and oracles, refused in rooms. */
export const X25519_SUITE = new CipherSuite(
  0x0001,
  "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
  new Hpke(new X25519Kem(), { kdf: 1, aead: 1 }, "SHA-256", AES_128),
  "SHA-256",
  AES_128,
  ed25519Verify,
);
