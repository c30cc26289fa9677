/**
 * HPKE (RFC 9180) in base mode, and the two KEMs of ours: X25519 and X-Wing.
 *
 * Composed from libsodium's KEMs and Web Crypto. The dice of an encapsulation are the primitive's own.
 */

import { concat, utf8 } from "../bytes.js";
import { Malformed, Unauthentic } from "../protocol/errors.js";
import { wipe } from "../sodium.js";
import { LabeledKdf } from "./_kem.js";
import { hashBytes } from "./_web_crypto.js";
import { u16 } from "./codec.js";

export { expand, KeyPair, LabeledKdf, X25519Kem, XWING_PUBLIC_BYTES, XWingKem } from "./_kem.js";

const NOTHING = new Uint8Array();

/** One triple of KEM, KDF and AEAD (RFC 9180 7). MLS leaves the associated data of single-shot HPKE empty. */
export class Hpke {
  #kdf;
  #aead;
  #pskIdHash = null;

  /**
   * @param {import("./_kem.js").X25519Kem | import("./_kem.js").XWingKem} kem
   * @param {{kdf: number, aead: number}} numbers of RFC 9180 7.2 and 7.3
   * @param {string} hash of the KDF, as Web Crypto names it
   * @param {{keyBytes: number, seal: Function, open: Function}} aead
   */
  constructor(kem, { kdf, aead: aeadNumber }, hash, aead) {
    this.kem = kem;
    this.hashBytes = hashBytes(hash);
    this.#kdf = new LabeledKdf(hash, concat(utf8("HPKE"), u16(kem.number), u16(kdf), u16(aeadNumber)));
    this.#aead = aead;
  }

  /**
   * The encapsulated key and the ciphertext, 16 bytes longer than the plaintext (RFC 9180 6.1).
   *
   * Raises: malformed (a public key that the KEM refuses).
   */
  async sealBase(publicKey, info, plaintext) {
    const [shared, enc] = await this.kem.encapsulate(publicKey);
    const [key, nonce] = await this.#keyAndNonce(shared, info);
    const ciphertext = await this.#aead.seal(key, nonce, plaintext, NOTHING);
    wipe(key);
    return [enc, ciphertext];
  }

  /**
   * The plaintext (RFC 9180 6.1).
   *
   * Raises: malformed (size of enc or of the secret); unauthentic.
   */
  async openBase(secret, enc, info, ciphertext) {
    if (enc.length !== this.kem.encBytes) throw new Malformed(`encapsulated key of ${enc.length} bytes`);
    this.kem.checkSecret(secret);
    const shared = await this.kem.decapsulate(secret, enc).catch(() => {
      throw new Unauthentic();
    });
    const [key, nonce] = await this.#keyAndNonce(shared, info);
    const plaintext = await this.#aead.open(key, nonce, ciphertext, NOTHING);
    wipe(key);
    return plaintext;
  }

  /** The encapsulated key and a secret exported under `context` (RFC 9180 5.3). */
  async exportSender(publicKey, info, context, length) {
    const [shared, enc] = await this.kem.encapsulate(publicKey);
    return [enc, await this.#export(shared, info, context, length)];
  }

  /**
   * The same secret at the other end.
   *
   * Raises: malformed (an encapsulated key that the KEM refuses).
   */
  async exportReceiver(secret, enc, info, context, length) {
    return this.#export(await this.kem.decapsulate(secret, enc), info, context, length);
  }

  async #keyAndNonce(shared, info) {
    const [secret, context] = await this.#schedule(shared, info);
    const expanded = [this.#kdf.expand(secret, "key", context, this.#aead.keyBytes)];
    expanded.push(this.#kdf.expand(secret, "base_nonce", context, 12));
    return Promise.all(expanded);
  }

  async #export(shared, info, context, length) {
    const [secret, keyContext] = await this.#schedule(shared, info);
    const exporter = await this.#kdf.expand(secret, "exp", keyContext, this.hashBytes);
    return this.#kdf.expand(exporter, "sec", context, length);
  }

  /** The key schedule of base mode (RFC 9180 5.1): its secret, and key_schedule_context. */
  async #schedule(shared, info) {
    this.#pskIdHash ??= this.#kdf.extract(NOTHING, "psk_id_hash", NOTHING);
    const [pskIdHash, infoHash, secret] = await Promise.all([
      this.#pskIdHash,
      this.#kdf.extract(NOTHING, "info_hash", info),
      this.#kdf.extract(shared, "secret", NOTHING),
    ]);
    wipe(shared);
    return [secret, concat(Uint8Array.of(0), pskIdHash, infoHash)];
  }
}
