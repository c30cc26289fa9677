/**
 * From secrets to keys: every label, every derivation, nowhere else.
 *
 * Spec: 3.1, 3.4, 3.6
 */

import { concat, utf8 } from "../bytes.js";
import { LABELS } from "./_labels.js";
import { secretFields, wipe } from "./_secret_fields.js";
import { u8, u16, u32 } from "./encoding.js";
import { UsageError } from "./errors.js";
import { GateKey, PreSharedKey } from "./keys.js";
import { hkdfExpand, hkdfExtract, hmacSha256, sha256 } from "./primitives.js";

export { LABELS, PREFIXES } from "./_labels.js";

/**
 * XL: `length` bytes of key material for one purpose of `LABELS`.
 *
 * Sizes: context 0..255 bytes, length 1..8160 bytes.
 * Raises: usage (a label that is not in the table, sizes).
 * Spec: 3.1
 * @param {Uint8Array} key @param {string} label @param {Uint8Array} [context] @param {number} [length]
 */
export function expandLabel(key, label, context = new Uint8Array(), length = 32) {
  const full = `clawchat/1 ${label}`;
  if (!Object.hasOwn(LABELS, label) || LABELS[label] !== full) throw new UsageError(`no purpose called '${label}'`);
  const info = concat(u16(length), u8(full.length), utf8(full), u8(context.length), context);
  return hkdfExpand(key, info, length);
}

/** The four keys of the specification's 5.3, 32 bytes each. */
export class SessionKeys extends secretFields("encryptionKey", "macKey", "ivKey", "nextKeySeed") {}

/**
 * The specification's key derivation, byte for byte.
 *
 * A raw X25519 value is fed to it only by the conformance vectors; sessions feed 32 bytes that carry the transcript,
 * the signatures and the PSK, because the function itself authenticates nothing.
 * Spec: 3.1
 */
export function deriveSessionKeys(dhSecret, serverPublic, clientPublic) {
  const prk = hkdfExtract(sha256(serverPublic.bytes, clientPublic.bytes), dhSecret);
  const keys = hkdfExpand(prk, utf8(LABELS["session keys"]), 128);
  const made = new SessionKeys(keys.slice(0, 32), keys.slice(32, 64), keys.slice(64, 96), keys.slice(96));
  wipe(prk, keys);
  return made;
}

/** The key of the value that ends every H1. Spec: 3.2 */
export function gateKey(discoverySecret) {
  return new GateKey(expandLabel(hkdfExtract(utf8(LABELS["gate salt"]), discoverySecret.bytes), "gate"));
}

/** The AES-256-GCM key of the connection file (the specification's 6.2), 32 bytes. Spec: 3.8 */
export function connectionFileKey(discoverySecret) {
  return hkdfExtract(utf8(LABELS["connection file salt"]), discoverySecret.bytes);
}

/** `kid`: 8 bytes that tell which discovery secret a file is sealed under, and nothing about it. Spec: 3.8 */
export function keyId(discoverySecret) {
  return sha256(utf8("kid"), connectionFileKey(discoverySecret)).slice(0, 8);
}

/**
 * The AES-256-GCM key that wraps the discovery secret called `kid` (8 bytes) for one device or invite, 32 bytes.
 *
 * It seals that one secret and nothing else, so its nonce may be fixed.
 * Spec: 3.10
 */
export function wrapKey(psk, kid) {
  return expandLabel(psk.bytes, "discovery wrap", kid);
}

/** The 8 bytes by which a device or invite finds its own wrap; to others they are noise. Spec: 3.10 */
export function wrapTag(psk, kid) {
  return expandLabel(psk.bytes, "discovery tag", kid, 8);
}

/** The keys that seal H2 and H3, and the secret the rest grows from. Spec: 3.4 */
export class HandshakeKeys extends secretFields("handshakeSecret", "serverKey", "serverIv", "clientKey", "clientIv") {
  /** From the ephemeral secrets (ML-KEM's 32 bytes, then X25519's) and the transcript up to `mlkem_ct`. */
  static derive(sharedSecret, th2) {
    const secret = hkdfExtract(th2, sharedSecret);
    return new this(
      secret,
      expandLabel(secret, "s hs key", th2),
      expandLabel(secret, "s hs iv", th2, 12),
      expandLabel(secret, "c hs key", th2),
      expandLabel(secret, "c hs iv", th2, 12),
    );
  }

  /** MS: the handshake's secret with the PSK mixed in. */
  mainSecret(psk) {
    return psk._lend((raw) => hkdfExtract(this.handshakeSecret, raw));
  }
}

/** The 32 bytes that prove the PSK; signedPart is H3's plaintext before the binder. Spec: 3.3 */
export function pskBinder(mainSecret, th3, signedPart) {
  const key = expandLabel(mainSecret, "psk binder", th3);
  const binder = hmacSha256(key, sha256(th3, signedPart));
  wipe(key);
  return binder;
}

/** IKM0: what `deriveSessionKeys` is fed for epoch 0. Spec: 3.4 */
export function sessionSecret(mainSecret, th4) {
  return expandLabel(mainSecret, "session ikm", th4);
}

const EPOCH_FIELDS = [
  "clientKey",
  "clientIv",
  "serverKey",
  "serverIv",
  "serverFinished",
  "clientFinished",
  "exporter",
  "nextKeySeed",
];

/** All keys of one epoch, each with one job. Spec: 3.4 */
export class EpochKeys extends secretFields(...EPOCH_FIELDS) {
  /** From the specification's four keys; context is the epoch's transcript hash (th4, later th_r). */
  static derive(keys, context) {
    const nothing = new Uint8Array();
    return new this(
      expandLabel(keys.encryptionKey, "c2s key"),
      expandLabel(keys.ivKey, "c2s iv", nothing, 12),
      expandLabel(keys.encryptionKey, "s2c key"),
      expandLabel(keys.ivKey, "s2c iv", nothing, 12),
      expandLabel(keys.macKey, "s finished", context),
      expandLabel(keys.macKey, "c finished", context),
      expandLabel(keys.macKey, "exporter", context),
      keys.nextKeySeed.slice(),
    );
  }
}

/** An epoch's keys from what they are all derived from, which is overwritten. */
function epochOf(material, transcript, serverPublic, clientPublic) {
  const keys = deriveSessionKeys(material, serverPublic, clientPublic);
  const made = EpochKeys.derive(keys, transcript);
  wipe(material);
  keys.erase();
  return made;
}

/** The keys a session starts with; the two public values are the handshake's ephemeral ones. Spec: 3.4 */
export function epochZero(mainSecret, th4, serverPublic, clientPublic) {
  return epochOf(sessionSecret(mainSecret, th4), th4, serverPublic, clientPublic);
}

/** The keys a rekey ends in: the seed is the former epoch's, secret and transcript (th_r) its own. Spec: 3.6 */
export function nextEpoch(nextKeySeed, sharedSecret, transcript, epoch, serverPublic, clientPublic) {
  const context = concat(transcript, u32(epoch));
  const secret = hkdfExtract(nextKeySeed, sharedSecret);
  const material = expandLabel(secret, "session ikm", context);
  wipe(secret);
  return epochOf(material, transcript, serverPublic, clientPublic);
}

/** The 32 bytes at the head of AUTH_OK: the server knew the PSK and saw the same three messages. Spec: 3.3 */
export function finishedValue(epochKeys, th4) {
  return hmacSha256(epochKeys.serverFinished, th4);
}

/** The 32 bytes of DONE: the client has the new keys and saw the same two messages. Spec: 3.6 */
export function clientFinishedValue(epochKeys, transcript) {
  return hmacSha256(epochKeys.clientFinished, transcript);
}

/** The PSK id (16 bytes) and PSK both sides make of an enrolment; neither is ever sent. Spec: 3.2 */
export function deviceCredentials(exporter, devicePublic) {
  const pskId = expandLabel(exporter, "device psk id", devicePublic.bytes, 16);
  return [pskId, new PreSharedKey(expandLabel(exporter, "device psk", devicePublic.bytes))];
}

/** The AES-256-GCM key of a person's root blob, 32 bytes. Spec: 3.13 */
export function rootBlobKey(recoveryKey) {
  return expandLabel(hkdfExtract(utf8(LABELS["root salt"]), recoveryKey.bytes), "root");
}
