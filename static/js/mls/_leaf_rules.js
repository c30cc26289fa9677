// What holds for a leaf, a key package and a group context by themselves; the inner part of validity.js.
// Spec: 4.4, 4.10

import { sameBytes } from "../bytes.js";
import { IDENTITY_BYTES, LeafIdentity } from "../protocol/credential.js";
import { Malformed, Unauthentic, UnsupportedVersion } from "../protocol/errors.js";
import { DevicePublic } from "../protocol/keys.js";
import { INTEGER_MAX } from "../protocol/limits.js";
import { Invalid } from "./errors.js";
import { CredentialType, ExtensionType } from "./nodes.js";
import {
  REQUIRED_CAPABILITIES,
  Roles,
  ROLES_EXTENSION,
  ROOM_CAPABILITIES,
  ROOM_ID_BYTES,
  VOUCHER_BYTES,
  VOUCHER_EXTENSION,
} from "./profile.js";
import { ROOM_SUITE } from "./suite.js";

/** Bytes as what a Set and a Map compare. */
export function text(bytes) {
  // `apply` reads the buffer; a spread would walk it by its iterator, ten times as long.
  return String.fromCharCode.apply(null, bytes);
}

export function checkContext({ cipherSuite, groupId, epoch, extensions }) {
  if (cipherSuite !== ROOM_SUITE.number) throw new Invalid("suite");
  if (groupId.length !== ROOM_ID_BYTES) throw new Invalid("group-id");
  // The epoch after it could not be written down, and the room would end there.
  if (epoch === INTEGER_MAX) throw new Invalid("epoch");
  checkExtensions(extensions);
}

/** The roles in a group context's complete list of extensions. */
export function checkExtensions(extensions) {
  const types = extensions.map((each) => each.extensionType);
  const isOurs = sameBytes(types, [ExtensionType.REQUIRED_CAPABILITIES, ROLES_EXTENSION]);
  if (!isOurs || !sameBytes(extensions[0].encode(), REQUIRED_CAPABILITIES.encode())) {
    throw new Invalid("context-extensions");
  }
  return rolesOf(extensions);
}

export function rolesOf(extensions) {
  return refusing([Malformed], "roles", () => Roles.of(extensions));
}

export function checkPackage({ cipherSuite, extensions, initKey, leafNode }) {
  if (cipherSuite !== ROOM_SUITE.number) throw new Invalid("suite");
  if (extensions.length) throw new Invalid("package-extensions");
  ROOM_SUITE.checkPublicKey(initKey);
  ROOM_SUITE.checkPublicKey(leafNode.encryptionKey);
  checkLeaf(leafNode);
  if (leafNode.extensions.length) throw new Invalid("leaf-extensions", "only who comes by a voucher carries one");
}

/** The leaf rules of 4.4, for every leaf that a commit puts into the tree. */
export function checkLeaf(leaf) {
  identityOf(leaf);
  if (!sameBytes(leaf.capabilities.encode(), ROOM_CAPABILITIES.encode())) throw new Invalid("capabilities");
  const { extensions } = leaf;
  if (extensions.length > 1) throw new Invalid("leaf-extensions");
  for (const { extensionType, extensionData } of extensions) {
    if (extensionType !== VOUCHER_EXTENSION || extensionData.length !== VOUCHER_BYTES) {
      throw new Invalid("leaf-extensions");
    }
  }
}

/** Who a leaf says it is, certified. */
export function identityOf({ credential, signatureKey }) {
  if (credential.credentialType !== CredentialType.BASIC || credential.identity.length !== IDENTITY_BYTES) {
    throw new Invalid("identity");
  }
  const parse = () => LeafIdentity.parse(credential.identity);
  const identity = refusing([Malformed, UnsupportedVersion], "identity", parse);
  refusing([Malformed, Unauthentic], "certificate", () => identity.verify(DevicePublic.fromBytes(signatureKey)));
  return identity;
}

/** The user id of a leaf that was judged before. */
export function userOf(leaf) {
  return leaf.credential.identity.slice(1, 17);
}

/** Whether a new leaf is the same device's: all but keys and dates stays. */
export function isSameOwner(one, other) {
  const owner = (leaf) => leaf.credential.identity.slice(0, 66);
  const extensions = (leaf) => leaf.extensions.map((each) => text(each.encode())).join();
  return (
    sameBytes(one.signatureKey, other.signatureKey) &&
    sameBytes(owner(one), owner(other)) &&
    extensions(one) === extensions(other)
  );
}

/** The public key of the voucher by which this leaf's device came, or null. */
export function voucherOf(leaf) {
  return leaf.extensions[0]?.extensionData ?? null;
}

/** The leaf that a Remove hits. */
export function removedBy(judged, proposed) {
  return judged.oldTree.member(proposed.proposal.removed);
}

/** What the call gives; errors of these kinds become an Invalid of this reason. */
export function refusing(kinds, reason, call) {
  try {
    return call();
  } catch (error) {
    throw kinds.some((kind) => error instanceof kind) ? new Invalid(reason) : error;
  }
}
