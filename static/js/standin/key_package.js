// Key packages: how others put this device into a group while it is away.

import { sameBytes, toHex } from "../bytes.js";
import { encodeCbor, parseCbor } from "../protocol/encoding.js";
import { Unauthentic } from "../protocol/errors.js";
import { generateKeyPackageWithKey, makeKeyPackageRef, verifyKeyPackage } from "../../vendor/ts_mls.js";
import { encodeMessage, parseMessage } from "./message.js";
import { CAPABILITIES, identityOf, lifetimeFrom } from "./profile.js";
import { KEY_HANDLE } from "./suite.js";

/**
 * A new key package.
 * @param {object} device suite, identity and publicKey of this device
 * @param {number} now seconds
 * @returns {Promise<{ref: string, packageBytes: Uint8Array, privateBytes: Uint8Array}>} `ref` (hex) names it in a
 *   Welcome; `privateBytes` opens that Welcome and is erased with its use
 */
export async function makeKeyPackage(device, now) {
  const { publicPackage, privatePackage } = await generateKeyPackageWithKey(
    { credentialType: "basic", identity: device.identity },
    CAPABILITIES,
    lifetimeFrom(now),
    [],
    { signKey: KEY_HANDLE, publicKey: device.publicKey },
    device.suite,
  );
  const packageBytes = encodeMessage("mls_key_package", publicPackage);
  const { initPrivateKey, hpkePrivateKey } = privatePackage;
  return {
    ref: toHex(await makeKeyPackageRef(publicPackage, device.suite.hash)),
    packageBytes,
    privateBytes: encodeCbor({ package: packageBytes, init: initPrivateKey, leaf: hpkePrivateKey }),
  };
}

/** Both halves of an own key package, as the library wants them. */
export function openKeyPackage(privateBytes) {
  const stored = parseCbor(privateBytes);
  return {
    publicPackage: parseMessage("mls_key_package", stored.package),
    privatePackage: {
      initPrivateKey: stored.init,
      hpkePrivateKey: stored.leaf,
      signaturePrivateKey: KEY_HANDLE,
    },
  };
}

/**
 * Somebody's key package, after everything that can be wrong with it was looked at.
 * @param {{packageBytes: Uint8Array, publicKey: Uint8Array, userId: Uint8Array}} expected whose device it is to be
 * Raises: malformed; unauthentic (a false signature, or another device or person).
 */
export async function checkKeyPackage(device, { packageBytes, publicKey, userId }) {
  const keyPackage = parseMessage("mls_key_package", packageBytes);
  const { credential, signaturePublicKey } = keyPackage.leafNode;
  const isTheDevice = sameBytes(signaturePublicKey, publicKey);
  if (!isTheDevice || !sameBytes(identityOf(credential, publicKey).userId, userId)) {
    throw new Unauthentic("a key package of another device");
  }
  if (!(await verifyKeyPackage(keyPackage, device.suite.signature))) {
    throw new Unauthentic("a key package with a false signature");
  }
  return keyPackage;
}

/** Names (hex) of the key packages a Welcome was made for. */
export function welcomeRefs(welcomeBytes) {
  return parseMessage("mls_welcome", welcomeBytes).secrets.map((secret) => toHex(secret.newMember));
}
