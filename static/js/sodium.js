// The only file that touches libsodium. It waits for the library once, at import; from then on nothing here waits.

import sodium from "../vendor/sodium.js";

await sodium.ready;

/** @param {Uint8Array} data @returns {Uint8Array} 32 bytes */
export function sha256(data) {
  return sodium.crypto_hash_sha256(data);
}

/** SHA-256 of what comes in pieces: a state for `sha256Update`, which `sha256End` frees. */
export function sha256Begin() {
  return sodium.crypto_hash_sha256_init();
}

/** @param {object} state @param {Uint8Array} data */
export function sha256Update(state, data) {
  sodium.crypto_hash_sha256_update(state, data);
}

/** @param {object} state @returns {Uint8Array} 32 bytes */
export function sha256End(state) {
  return sodium.crypto_hash_sha256_final(state);
}

/**
 * HMAC-SHA256 for a key of any length; RFC 5869's extract step is by definition this very function.
 * @param {Uint8Array} key @param {Uint8Array} data @returns {Uint8Array} 32 bytes
 */
export function hmacSha256(key, data) {
  return callRaw([key, data], 32, (raw, salt, message, result) =>
    raw._crypto_kdf_hkdf_sha256_extract(result.address, salt.address, salt.length, message.address, message.length),
  );
}

/**
 * HKDF-Expand of RFC 5869. Web Crypto only offers extract and expand in one, so this comes from libsodium.
 * @param {Uint8Array} key 32 bytes @param {Uint8Array} info @param {number} length up to 8,160 @returns {Uint8Array}
 */
export function hkdfSha256Expand(key, info, length) {
  if (key.length !== 32) throw new RangeError(`expected a key of 32 bytes, got ${key.length}`);
  return callRaw([key, info], length, (raw, secret, context, result) =>
    raw._crypto_kdf_hkdf_sha256_expand(result.address, length, context.address, context.length, secret.address),
  );
}

/** The same with SHA-512. @param {Uint8Array} key 64 bytes @param {Uint8Array} info @param {number} length */
export function hkdfSha512Expand(key, info, length) {
  if (key.length !== 64) throw new RangeError(`expected a key of 64 bytes, got ${key.length}`);
  return callRaw([key, info], length, (raw, secret, context, result) =>
    raw._crypto_kdf_hkdf_sha512_expand(result.address, length, context.address, context.length, secret.address),
  );
}

/** ChaCha20-Poly1305 of RFC 8439. @returns {Uint8Array} ciphertext and tag, 16 bytes longer than the plaintext */
export function chachaSeal(key, nonce, plaintext, associatedData) {
  return sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, associatedData, null, nonce, key);
}

/** @returns {Uint8Array} the plaintext; throws when the tag is not its. */
export function chachaOpen(key, nonce, sealed, associatedData) {
  return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, associatedData, nonce, key);
}

/** @param {Uint8Array} secret 32 bytes @returns {Uint8Array} the public key, 32 bytes */
export function x25519Public(secret) {
  return sodium.crypto_scalarmult_base(secret);
}

/** The shared secret; throws when it would be all zero. */
export function x25519(secret, theirPublic) {
  return sodium.crypto_scalarmult(secret, theirPublic);
}

/** @param {Uint8Array} seed 64 bytes @returns {{publicKey: Uint8Array, privateKey: Uint8Array}} */
export function mlkem768FromSeed(seed) {
  return sodium.crypto_kem_mlkem768_seed_keypair(seed);
}

/** @returns {{ciphertext: Uint8Array, sharedSecret: Uint8Array}}; throws on a key with a coefficient out of range. */
export function mlkem768Encapsulate(theirPublic) {
  return sodium.crypto_kem_mlkem768_enc(theirPublic);
}

/** @returns {Uint8Array} 32 bytes, pseudorandom for a false ciphertext; throws on a wrong length. */
export function mlkem768Decapsulate(privateKey, ciphertext) {
  return sodium.crypto_kem_mlkem768_dec(ciphertext, privateKey);
}

/** @param {Uint8Array} seed 32 bytes, which is the private key @returns {Uint8Array} the public key, 1,216 bytes */
export function xwingPublic(seed) {
  return sodium.crypto_kem_xwing_seed_keypair(seed).publicKey;
}

/** @returns {{ciphertext: Uint8Array, sharedSecret: Uint8Array}} 1,120 and 32 bytes; throws on a key out of range. */
export function xwingEncapsulate(theirPublic) {
  return sodium.crypto_kem_xwing_enc(theirPublic);
}

/** @returns {Uint8Array} 32 bytes, pseudorandom for a false ciphertext; throws on a wrong length. */
export function xwingDecapsulate(seed, ciphertext) {
  return sodium.crypto_kem_xwing_dec(ciphertext, seed);
}

/** @param {Uint8Array} data @param {number} length @returns {Uint8Array} */
export function shake256(data, length) {
  return sodium.crypto_xof_shake256(length, data);
}

/** @param {Uint8Array} seed 32 bytes @returns {{publicKey: Uint8Array, privateKey: Uint8Array}} */
export function ed25519FromSeed(seed) {
  return sodium.crypto_sign_seed_keypair(seed);
}

/** @param {Uint8Array} privateKey 64 bytes, as `ed25519FromSeed` gives it */
export function ed25519Sign(privateKey, message) {
  return sodium.crypto_sign_detached(message, privateKey);
}

/** True only for a signature that docs/protocol.md 4.4 counts as valid: canonical, not of small order, no cofactor. */
export function ed25519Verify(publicKey, message, signature) {
  return sodium.crypto_sign_verify_detached(signature, message, publicKey);
}

/** Compare byte strings of one length in constant time. */
export function equalInConstantTime(ours, theirs) {
  return ours.length === theirs.length && sodium.memcmp(ours, theirs);
}

/** A uniform integer in 0..limit-1. @param {number} limit up to 2^32 */
export function randomBelow(limit) {
  return sodium.randombytes_uniform(limit);
}

/** Overwrite a secret that has done its work. */
export function wipe(secret) {
  sodium.memzero(secret);
}

/** Call a function the wrapper leaves out: copy the inputs into its memory, take the result, leave nothing behind. */
function callRaw(inputs, resultLength, call) {
  const raw = sodium.libsodium;
  const blocks = [...inputs, new Uint8Array(resultLength)].map((bytes) => {
    const address = raw._malloc(bytes.length || 1);
    raw.HEAPU8.set(bytes, address);
    return { address, length: bytes.length };
  });
  try {
    if (call(raw, ...blocks) !== 0) throw new RangeError("libsodium refused its arguments");
    const { address, length } = blocks.at(-1);
    return raw.HEAPU8.slice(address, address + length);
  } finally {
    for (const { address, length } of blocks) {
      raw.HEAPU8.fill(0, address, address + length);
      raw._free(address);
    }
  }
}
