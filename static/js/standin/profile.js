// What every group of ours has in common, in the words of the MLS library, and the leaf rules.
// Spec: 4.4, 3.13

import { sameBytes, toHex } from "../bytes.js";
import { LeafIdentity } from "../protocol/credential.js";
import { Unauthentic } from "../protocol/errors.js";
import { DevicePublic } from "../protocol/keys.js";
import { defaultKeyPackageEqualityConfig, defaultLifetimeConfig } from "../../vendor/ts_mls.js";
import { SUITE_NAME } from "./suite.js";

/** Number of the scheme these groups are made under; a group of another scheme is not ours to open. */
export const SCHEME = 1;

/** Key packages are good for 30 days, and from an hour before they were made, for clocks that are behind. */
export const KEY_PACKAGE_LIFETIME_SECONDS = 30 * 86400;
const CLOCK_LEEWAY_SECONDS = 3600;

export const CAPABILITIES = Object.freeze({
  versions: ["mls10"],
  ciphersuites: [SUITE_NAME],
  extensions: [],
  proposals: [],
  credentials: ["basic"],
});

/** Settings the library carries inside a group's state but does not store with it. */
export const CLIENT_CONFIG = Object.freeze({
  keyRetentionConfig: { retainKeysForGenerations: 10, retainKeysForEpochs: 1, maximumForwardRatchetSteps: 1000 },
  lifetimeConfig: { ...defaultLifetimeConfig, validateLifetimeOnReceive: false },
  keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
  paddingConfig: { kind: "alwaysPad", paddingLength: 0 },
  authService: { validateCredential: credentialIsValid },
});

/** @param {number} now seconds @returns {{notBefore: bigint, notAfter: bigint}} */
export function lifetimeFrom(now) {
  return {
    notBefore: BigInt(now - CLOCK_LEEWAY_SECONDS),
    notAfter: BigInt(now + KEY_PACKAGE_LIFETIME_SECONDS),
  };
}

/** The identity a credential claims, when the person's root certified this signature key. Raises: unauthentic. */
export function identityOf(credential, signatureKey) {
  try {
    const identity = LeafIdentity.parse(credential.identity);
    identity.verify(DevicePublic.fromBytes(signatureKey));
    return identity;
  } catch (cause) {
    throw new Unauthentic("a leaf's identity does not verify", { cause });
  }
}

async function credentialIsValid(credential, signatureKey) {
  if (credential.credentialType !== "basic") return false;
  try {
    identityOf(credential, signatureKey);
    return true;
  } catch {
    return false;
  }
}

/** Refuses a commit that changes who a remaining leaf belongs to, or puts one device into the tree twice. */
export function checkLeaves(before, after, removed) {
  const old = new Map(before.map((leaf) => [leaf.index, leaf]));
  const devices = new Set();
  for (const leaf of after) {
    const was = removed.has(leaf.index) ? undefined : old.get(leaf.index);
    if (was && !(sameBytes(was.signatureKey, leaf.signatureKey) && sameOwner(was.identity, leaf.identity))) {
      throw new Unauthentic("a commit changes the owner of a leaf");
    }
    const device = toHex(leaf.identity.userId) + toHex(leaf.identity.deviceId);
    if (devices.has(device)) throw new Unauthentic("a device stands in the tree twice");
    devices.add(device);
  }
}

function sameOwner(one, other) {
  return (
    one.kind === other.kind &&
    sameBytes(one.userId, other.userId) &&
    sameBytes(one.deviceId, other.deviceId) &&
    one.rootPublic.equals(other.rootPublic)
  );
}
