// The inner part of vector_suites.js: the NIST curves of suites 2, 5 and 7, through Web Crypto.

import { concat, utf8 } from "../bytes.js";
import { parseBase64url } from "../protocol/encoding.js";
import { Malformed, Unauthentic } from "../protocol/errors.js";
import { hkdfSha512Expand } from "../sodium.js";
import { LabeledKdf } from "./_kem.js";
import { u16 } from "./codec.js";
import { KeyPair } from "./hpke.js";

const { subtle } = globalThis.crypto;
const NOTHING = new Uint8Array();
const OBJECT_ID_EC = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

/** A curve: its name in Web Crypto, its object identifier (SEC 1), the size of its scalars and its hash. */
export const P256 = {
  namedCurve: "P-256",
  oid: [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
  size: 32,
  hash: "SHA-256",
};
export const P384 = { namedCurve: "P-384", oid: [6, 5, 0x2b, 0x81, 4, 0, 0x22], size: 48, hash: "SHA-384" };
export const P521 = { namedCurve: "P-521", oid: [6, 5, 0x2b, 0x81, 4, 0, 0x23], size: 66, hash: "SHA-512" };

/** DHKEM over a NIST curve (RFC 9180 4.1, 7.1.3); asynchronous throughout, as Web Crypto is. */
export class EllipticKem {
  #curve;
  #mask;
  #kdf;

  /** `hashBytes`: of the hash of its key derivation; `mask`: what of a candidate's first byte counts. */
  constructor(number, curve, hashBytes, mask) {
    Object.assign(this, { number, hashBytes });
    this.encBytes = this.publicBytes = 2 * curve.size + 1;
    this.#curve = curve;
    this.#mask = mask;
    this.#kdf = new LabeledKdf(curve.hash, concat(utf8("KEM"), u16(number)));
  }

  /** RFC 9180 7.1.3: the first candidate that is a scalar of the curve. */
  async deriveKeyPair(material) {
    const key = await this.#kdf.extract(NOTHING, "dkp_prk", material);
    for (let counter = 0; counter < 256; counter += 1) {
      const secret = await this.#candidate(key, Uint8Array.of(counter));
      secret[0] &= this.#mask;
      try {
        return new KeyPair(secret, await this.publicKey(secret));
      } catch {
        continue;
      }
    }
    throw new Malformed("no key pair in this material");
  }

  /** The uncompressed point. */
  async publicKey(secret) {
    const { x, y } = await subtle.exportKey("jwk", await importSecret(this.#curve, secret, "ECDH", ["deriveBits"]));
    return concat(Uint8Array.of(4), parseBase64url(x), parseBase64url(y));
  }

  /** Any size is right: files of vectors leave out the zeros before a scalar. */
  checkSecret() {}

  /** Raises: malformed (its size and form; whether it is on the curve shows when it is used). */
  checkPublicKey(publicKey) {
    if (publicKey.length !== this.publicBytes || publicKey[0] !== 4) throw new Malformed("no point of the curve");
  }

  /** RFC 9180 4.1, Encap. */
  async encapsulate(publicKey) {
    const { namedCurve } = this.#curve;
    const ephemeral = await subtle.generateKey({ name: "ECDH", namedCurve }, true, ["deriveBits"]);
    const enc = new Uint8Array(await subtle.exportKey("raw", ephemeral.publicKey));
    return [await this.#shared(ephemeral.privateKey, publicKey, concat(enc, publicKey)), enc];
  }

  /** RFC 9180 4.1, Decap. */
  async decapsulate(secret, enc) {
    const key = await importSecret(this.#curve, secret, "ECDH", ["deriveBits"]);
    return this.#shared(key, enc, concat(enc, await this.publicKey(secret)));
  }

  async #shared(secretKey, publicKey, context) {
    const { namedCurve, size } = this.#curve;
    this.checkPublicKey(publicKey);
    const other = await subtle.importKey("raw", publicKey, { name: "ECDH", namedCurve }, false, []);
    const bits = await subtle.deriveBits({ name: "ECDH", public: other }, secretKey, 8 * size);
    const extracted = await this.#kdf.extract(NOTHING, "eae_prk", new Uint8Array(bits));
    return this.#kdf.expand(extracted, "shared_secret", context, this.hashBytes);
  }

  async #candidate(key, counter) {
    const { size } = this.#curve;
    if (size <= this.hashBytes) return this.#kdf.expand(key, "candidate", counter, size);
    // P-521 takes more than one block.
    const info = concat(u16(size), utf8("HPKE-v1KEM"), u16(this.number), utf8("candidate"), counter);
    return hkdfSha512Expand(key, info, size);
  }
}

/** What verifies ECDSA over this curve; signatures in DER, as TLS and MLS have them. */
export function ecdsaVerifier({ namedCurve, hash, size }) {
  return async (publicKey, signature, message) => {
    const key = await subtle.importKey("raw", publicKey, { name: "ECDSA", namedCurve }, false, ["verify"]);
    const raw = parseDerSignature(signature, size);
    if (!(await subtle.verify({ name: "ECDSA", hash }, key, raw, message))) throw new Unauthentic();
  };
}

/** What signs with a scalar of this curve. */
export async function ecdsaSigner(curve, secret) {
  const key = await importSecret(curve, secret, "ECDSA", ["sign"]);
  return async (message) => {
    const raw = new Uint8Array(await subtle.sign({ name: "ECDSA", hash: curve.hash }, key, message));
    return Uint8Array.from(der(0x30, derInteger(raw.slice(0, curve.size)), derInteger(raw.slice(curve.size))));
  };
}

/** A scalar in PKCS #8 without its public key: Web Crypto finds that by itself. */
async function importSecret(curve, secret, name, uses) {
  const scalar = concat(new Uint8Array(Math.max(0, curve.size - secret.length)), secret);
  const ecKey = der(0x30, [2, 1, 1], der(4, [...scalar]));
  const pkcs8 = der(0x30, [2, 1, 0], der(0x30, OBJECT_ID_EC, curve.oid), der(4, ecKey));
  const { namedCurve } = curve;
  try {
    return await subtle.importKey("pkcs8", Uint8Array.from(pkcs8), { name, namedCurve }, true, uses);
  } catch {
    throw new Malformed("KEM key refused");
  }
}

function der(tag, ...parts) {
  const body = parts.flat();
  return [tag, ...(body.length < 128 ? [body.length] : [0x81, body.length]), ...body];
}

function derInteger(raw) {
  const digits = [...raw.slice(raw.findIndex((octet) => octet !== 0))];
  return der(2, digits[0] > 127 ? [0, ...digits] : digits);
}

/** SEQUENCE of two INTEGERs as `r || s`. */
function parseDerSignature(signature, size) {
  let at = signature[1] === 0x81 ? 3 : 2;
  const integers = [0, 1].map(() => {
    const length = signature[at + 1];
    const digits = signature.slice(at + 2, at + 2 + length);
    at += 2 + length;
    const trimmed = digits.slice(Math.max(0, digits.length - size));
    return concat(new Uint8Array(size - trimmed.length), trimmed);
  });
  return concat(...integers);
}
