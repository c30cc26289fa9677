// The cipher suite handed to the MLS library: its own X-Wing suite with three parts replaced by ours.
//
// Signing: the library passes a handle about where others have a private key; the device key itself stays a
// non-extractable Web Crypto key. Verifying: libsodium only, because every member must judge a signature alike.
// Padding: the library can pad up to one fixed length, the profile wants steps.
// Spec: 4.4

import { concat, sameBytes, utf8 } from "../bytes.js";
import { UsageError } from "../protocol/errors.js";
import { ed25519Verify } from "../sodium.js";
import { getCiphersuiteFromName, getCiphersuiteImpl } from "../../vendor/ts_mls.js";

export const SUITE_NAME = "MLS_256_XWING_AES256GCM_SHA512_Ed25519";

/** What the library holds and stores in place of a signing key. */
export const KEY_HANDLE = utf8("device key");

/** Message content is filled with zeros to a multiple of this many bytes. */
export const PADDING_STEP_BYTES = 256;

/** An encrypted sender (leaf, generation, reuse guard) also passes through `encryptAead` and keeps its size. */
const SENDER_DATA_BYTES = 12;

/**
 * The suite for one device.
 * @param {(message: Uint8Array) => Promise<Uint8Array>} sign Ed25519 by the device key
 */
export async function makeSuite(sign) {
  const base = await getCiphersuiteImpl(getCiphersuiteFromName(SUITE_NAME));
  const signature = {
    sign: (handle, message) => signWith(sign, handle, message),
    verify: verifySignature,
    keygen: refuseKeygen,
  };
  const encryptAead = (key, nonce, aad, plaintext) => base.hpke.encryptAead(key, nonce, aad, pad(aad, plaintext));
  return { ...base, signature, hpke: { ...base.hpke, encryptAead } };
}

/** The same suite, telling `note` the public key of every signature that verifies: so a reader learns who signed. */
export function suiteNotingSigners(suite, note) {
  const verify = async (publicKey, message, signature) => {
    const valid = await verifySignature(publicKey, message, signature);
    if (valid) note(publicKey);
    return valid;
  };
  return { ...suite, signature: { ...suite.signature, verify } };
}

async function signWith(sign, handle, message) {
  if (!sameBytes(handle, KEY_HANDLE)) throw new UsageError("not the device's key handle");
  return sign(message);
}

async function verifySignature(publicKey, message, signature) {
  try {
    return publicKey.length === 32 && signature.length === 64 && ed25519Verify(publicKey, message, signature);
  } catch {
    return false;
  }
}

async function refuseKeygen() {
  throw new UsageError("device keys are not made by the MLS library");
}

/** Three things are encrypted here: a GroupInfo (without aad), sender data, and message content; the last is padded. */
function pad(aad, plaintext) {
  if (!aad?.length || plaintext.length === SENDER_DATA_BYTES) return plaintext;
  const missing = (PADDING_STEP_BYTES - (plaintext.length % PADDING_STEP_BYTES)) % PADDING_STEP_BYTES;
  return concat(plaintext, new Uint8Array(missing));
}
