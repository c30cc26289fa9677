// What each library makes of a case of the Wycheproof project, and of our own hard ones: in hex, or "refused".
//
// `ours` is static/js/protocol/primitives.js, which is what the app calls; `webCrypto` and `sodium` are the two libraries
// as they are, for whoever wants to see where they differ. Runs in Node and in a page; the twin is
// tests/protocol/wycheproof.py.

import { concat, fromHex, toHex } from "../../static/js/bytes.js";
import { DecapsulationKey, EncapsulationKey } from "../../static/js/protocol/keys.js";
import * as primitives from "../../static/js/protocol/primitives.js";
import * as sodium from "../../static/js/sodium.js";

const { subtle } = globalThis.crypto;
const REFUSED = "refused";
const PKCS8_X25519 = fromHex("302e020100300506032b656e04220420");
const TRUE = Uint8Array.of(1);

/** Cases of a group that our use of the algorithm can have: a key of 256 bits, a nonce of 96, a whole tag. */
export function takes(file, { keySize, ivSize, tagSize }) {
  if (file === "aes_gcm_test") return keySize === 256 && ivSize === 96 && tagSize === 128;
  return file !== "hmac_sha256_test" || tagSize === 256;
}

async function macOf(key, message) {
  const hash = { name: "HMAC", hash: "SHA-256" };
  return subtle.sign("HMAC", await subtle.importKey("raw", key, hash, false, ["sign"]), message);
}

function fits(fitting) {
  if (!fitting) throw new Error(REFUSED);
  return TRUE;
}

// By file; each gives bytes, or throws.
export const ENGINES = {
  ours: {
    async aes_gcm_test({ key, iv, aad, ct, tag }) {
      return primitives.aeadOpen(await primitives.aeadKey(key), iv, concat(ct, tag), aad);
    },
    ed25519_test({ msg, sig, pk }) {
      primitives.ed25519Verify(pk, sig, msg);
      return TRUE;
    },
    hkdf_sha256_test: ({ ikm, salt, info, size }) =>
      primitives.hkdfExpand(primitives.hkdfExtract(salt, ikm), info, size),
    hmac_sha256_test: ({ key, msg, tag }) => fits(primitives.constantTimeEqual(primitives.hmacSha256(key, msg), tag)),
    mlkem_768({ seed, ek, c }) {
      const key = DecapsulationKey.fromBytes(seed);
      if (ek !== undefined) EncapsulationKey.fromBytes(ek).encapsulate();
      return key.decapsulate(c);
    },
    x25519_test: (given) => primitives.x25519(given.private, given.public),
  },

  webCrypto: {
    async aes_gcm_test({ key, iv, aad, ct, tag }) {
      const ready = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
      return subtle.decrypt({ name: "AES-GCM", iv, additionalData: aad }, ready, concat(ct, tag));
    },
    async ed25519_test({ msg, sig, pk }) {
      const key = await subtle.importKey("raw", pk, "Ed25519", false, ["verify"]);
      return fits(await subtle.verify("Ed25519", key, sig, msg));
    },
    async hkdf_sha256_test({ ikm, salt, info, size }) {
      const key = await subtle.importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
      return subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, size * 8);
    },
    hmac_sha256_test: async ({ key, msg, tag }) => fits(toHex(new Uint8Array(await macOf(key, msg))) === toHex(tag)),
    async mlkem_768({ seed, ek, c }) {
      const name = "ML-KEM-768";
      if (ek !== undefined) await subtle.importKey("raw-public", ek, name, false, ["encapsulateBits"]);
      const key = await subtle.importKey("raw-seed", seed, name, false, ["decapsulateBits"]);
      return subtle.decapsulateBits(name, key, c);
    },
    async x25519_test(given) {
      const ours = await subtle.importKey("pkcs8", concat(PKCS8_X25519, given.private), "X25519", false, ["deriveBits"]);
      const theirs = await subtle.importKey("raw", given.public, "X25519", false, []);
      return subtle.deriveBits({ name: "X25519", public: theirs }, ours, 256);
    },
  },

  // libsodium.js has AES-256-GCM only where the processor's instructions can be reached, which WebAssembly cannot.
  sodium: {
    ed25519_test: ({ msg, sig, pk }) => fits(sodium.ed25519Verify(pk, msg, sig)),
    hkdf_sha256_test: ({ ikm, salt, info, size }) => sodium.hkdfSha256Expand(sodium.hmacSha256(salt, ikm), info, size),
    hmac_sha256_test: ({ key, msg, tag }) => fits(toHex(sodium.hmacSha256(key, msg)) === toHex(tag)),
    mlkem_768({ seed, ek, c }) {
      if (ek !== undefined) sodium.mlkem768Encapsulate(ek);
      return sodium.mlkem768Decapsulate(sodium.mlkem768FromSeed(seed).privateKey, c);
    },
    x25519_test: (given) => sodium.x25519(given.private, given.public),
  },
};

const HEX = new Set(
  "key iv aad msg ct tag sig pk ikm salt info seed ek c public private".split(" "),
);

function bytesOf(given) {
  const parts = Object.entries(given);
  return Object.fromEntries(parts.map(([name, value]) => [name, HEX.has(name) ? fromHex(value) : value]));
}

/** Verdicts of one engine on a file of cases, by their number. @returns {Promise<Record<string, string>>} */
export async function judge(engine, file, { testGroups }) {
  const run = ENGINES[engine][file];
  const verdicts = {};
  if (run === undefined) return verdicts;
  for (const group of testGroups.filter((each) => takes(file, each))) {
    for (const given of group.tests) {
      const made = async () => run(bytesOf({ ...given, pk: group.publicKey?.pk ?? given.pk ?? "" }));
      verdicts[given.tcId] = await made().then((bytes) => toHex(new Uint8Array(bytes)), () => REFUSED);
    }
  }
  return verdicts;
}

/** What the project's file says of a case; null where it leaves it to the library. */
export function expected(file, { result, msg, okm, K, shared }) {
  if (result === "acceptable") return /^0*$/.test(shared) ? REFUSED : shared;
  if (result === "invalid") return REFUSED;
  const made = { aes_gcm_test: msg, hkdf_sha256_test: okm, mlkem_768: K, x25519_test: shared };
  return made[file] ?? "01";
}
