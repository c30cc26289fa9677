/**
 * Entering a group: by a Welcome, or with the GroupInfo that an external commit is made from.
 *
 * RFC 9420 12.4.3
 */

import { sameBytes } from "../bytes.js";
import { Malformed } from "../protocol/errors.js";
import { wipe } from "../sodium.js";
import { findPskSecret } from "./applying.js";
import { Reader } from "./codec.js";
import { beginEpoch, PublicEpoch } from "./epoch.js";
import { Invalid } from "./errors.js";
import { MLSMessage, WireFormat } from "./framing.js";
import { GroupInfo } from "./group_info.js";
import { epochSecret } from "./key_schedule.js";
import { ExtensionType, findExtension } from "./nodes.js";
import { interimTranscriptHash } from "./transcript.js";
import { deriveKeys } from "./tree_kem.js";
import { commonAncestor } from "./tree_math.js";
import { checkMembers, verifyTree } from "./tree_validation.js";
import { Welcome } from "./welcome.js";

/**
 * @typedef {import("./member.js").Member} Member
 * @typedef {import("./rules.js").OpenRules} Rules
 */

/**
 * The state of a member who was added.
 *
 * Raises: invalid; malformed; unauthentic.
 * RFC 9420 12.4.3.1
 * @param {Member} member
 * @param {import("./key_package.js").KeyPackageSecrets} ours
 * @param {Uint8Array} message
 * @param {Uint8Array | null} encodedTree when the Welcome itself has none
 * @param {Rules} rules
 */
export async function joinByWelcome(member, ours, message, encodedTree, rules) {
  const { suite } = member;
  const welcome = parseWelcome(message);
  if (!rules.allowsSuite(welcome.cipherSuite)) throw new Invalid("suite");
  const secrets = await welcome.openSecrets(suite, ours);
  const pskSecret = await findPskSecret(suite, secrets.psks, rules);
  const groupInfo = await welcome.openGroupInfo(suite, secrets.joinerSecret, pskSecret);
  const { groupContext: context, signer, confirmationTag } = groupInfo;
  const tree = await checkGroupInfo(suite, groupInfo, encodedTree, rules);
  const leafIndex = findLeaf(tree, ours.package.leafNode);
  if (leafIndex === signer) throw new Invalid("own-group-info");
  const keys = new Map([[2 * leafIndex, ours.leafSecret.slice()]]);
  if (secrets.pathSecret) {
    const meeting = commonAncestor(2 * leafIndex, 2 * signer);
    const path = tree.filteredDirectPath(signer).map(([index]) => index);
    const [learned, commitSecret] = await deriveKeys(tree, path.slice(path.indexOf(meeting)), secrets.pathSecret);
    wipe(commitSecret);
    for (const [index, key] of learned) keys.set(index, key);
  }
  const secret = await epochSecret(suite, secrets.joinerSecret, pskSecret, context);
  wipe(secrets.joinerSecret);
  return beginEpoch(context, tree, leafIndex, keys, secret, confirmationTag);
}

/**
 * The epoch a GroupInfo tells of, and the key that an external commit to it is made to.
 *
 * Raises: invalid; malformed; unauthentic.
 * RFC 9420 12.4.3.2
 * @param {Member} member @param {Uint8Array} message @param {Rules} rules
 * @returns {Promise<[PublicEpoch, Uint8Array]>}
 */
export async function readPublicEpoch(member, message, rules) {
  const { suite } = member;
  const groupInfo = parseGroupInfo(message);
  const { groupContext: context, confirmationTag } = groupInfo;
  if (!rules.allowsSuite(context.cipherSuite)) throw new Invalid("suite");
  const tree = await checkGroupInfo(suite, groupInfo, null, rules);
  const externalPub = groupInfo.externalPub();
  suite.checkPublicKey(externalPub);
  const interim = await interimTranscriptHash(suite, context.confirmedTranscriptHash, confirmationTag);
  return [new PublicEpoch({ context, tree, interimTranscriptHash: interim }), externalPub];
}

/** The encoded tree that a GroupInfo carries, not judged. Raises: malformed. @returns {Uint8Array | null} */
export function treeIn(message) {
  return findExtension(parseGroupInfo(message).extensions, ExtensionType.RATCHET_TREE);
}

/** The GroupInfo in an MLSMessage, not judged. Raises: malformed. */
export function parseGroupInfo(message) {
  const envelope = MLSMessage.parse(message);
  if (envelope.wireFormat !== WireFormat.GROUP_INFO) throw new Malformed("not a GroupInfo");
  return GroupInfo.parse(envelope.body);
}

/** The Welcome in an MLSMessage, not opened. Raises: malformed. */
export function parseWelcome(message) {
  const envelope = MLSMessage.parse(message);
  if (envelope.wireFormat !== WireFormat.WELCOME) throw new Malformed("not a Welcome");
  const reader = new Reader(envelope.body);
  const welcome = Welcome.read(reader);
  reader.end();
  return welcome;
}

async function checkGroupInfo(suite, groupInfo, encodedTree, rules) {
  const { groupContext: context } = groupInfo;
  if (context.cipherSuite !== suite.number) throw new Invalid("suite");
  const tree = await groupInfo.tree(suite, encodedTree);
  await verifyTree(tree, context.groupId);
  checkMembers(tree, context.extensions);
  rules.checkJoin(tree, context);
  return tree;
}

function findLeaf(tree, leaf) {
  const encoded = leaf.encode();
  const found = tree.leaves().find((member) => sameBytes(member.leaf.encode(), encoded));
  if (!found) throw new Invalid("not-in-tree");
  return found.index;
}
