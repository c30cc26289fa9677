/**
 * The suites of RFC 9420 17.1 that only vectors ask for: 2, 3, 5 and 7. The app does not import this file.
 *
 * 4 and 6 stand on X448 and Ed448, which our primitives do not have.
 */

import { Unauthentic } from "../protocol/errors.js";
import { ed25519Sign, ed25519Verify } from "../protocol/primitives.js";
import { chachaOpen, chachaSeal } from "../sodium.js";
import { EllipticKem, ecdsaSigner, ecdsaVerifier, P256, P384, P521 } from "./_elliptic.js";
import { AesGcm } from "./_web_crypto.js";
import { Hpke, X25519Kem } from "./hpke.js";
import { CipherSuite, ROOM_SUITE, X25519_SUITE } from "./suite.js";

export { EllipticKem } from "./_elliptic.js";

const AES_128 = new AesGcm(16);
const AES_256 = new AesGcm(32);
const CHACHA = {
  keyBytes: 32,
  seal: async (key, nonce, plaintext, associatedData) => chachaSeal(key, nonce, plaintext, associatedData),
  open: async (key, nonce, sealed, associatedData) => {
    try {
      return chachaOpen(key, nonce, sealed, associatedData);
    } catch {
      throw new Unauthentic();
    }
  },
};

const SUITE_LIST = [
  X25519_SUITE,
  new CipherSuite(
    2,
    "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
    new Hpke(new EllipticKem(0x0010, P256, 32, 0xff), { kdf: 1, aead: 1 }, "SHA-256", AES_128),
    "SHA-256",
    AES_128,
    ecdsaVerifier(P256),
  ),
  new CipherSuite(
    3,
    "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
    new Hpke(new X25519Kem(), { kdf: 1, aead: 3 }, "SHA-256", CHACHA),
    "SHA-256",
    CHACHA,
    ed25519Verify,
  ),
  new CipherSuite(
    5,
    "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
    new Hpke(new EllipticKem(0x0012, P521, 64, 0x01), { kdf: 3, aead: 2 }, "SHA-512", AES_256),
    "SHA-512",
    AES_256,
    ecdsaVerifier(P521),
  ),
  new CipherSuite(
    7,
    "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
    new Hpke(new EllipticKem(0x0011, P384, 48, 0xff), { kdf: 2, aead: 2 }, "SHA-384", AES_256),
    "SHA-384",
    AES_256,
    ecdsaVerifier(P384),
  ),
  ROOM_SUITE,
];

/** Every suite that vectors may ask for, by number. */
export const SUITES = Object.freeze(Object.fromEntries(SUITE_LIST.map((suite) => [suite.number, suite])));

/** Suites that are skipped, and why. */
export const SKIPPED = Object.freeze({
  4: "suite 4: no X448",
  6: "suite 6: no X448",
});

const CURVES = { 2: P256, 5: P521, 7: P384 };

/** What signs with a vector's private key: an Ed25519 seed, or a scalar. */
export async function signer(suite, privateKey) {
  const curve = CURVES[suite.number];
  return curve ? ecdsaSigner(curve, privateKey) : async (message) => ed25519Sign(privateKey, message);
}
