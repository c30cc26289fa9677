/** Checks of trees: their hashes, what proposals do to them, and paths of new keys. */

import { Reader, vectorOf } from "../codec.js";
import { UpdatePath } from "../commit.js";
import { GroupContext } from "../key_schedule.js";
import { NODE } from "../labels.js";
import { encodeNode, LeafNode, LeafNodeSource, readNode } from "../nodes.js";
import { Add, readProposal, Remove, Update } from "../proposals.js";
import { RatchetTree } from "../ratchet_tree.js";
import { rootHash, treeHash } from "../tree_hash.js";
import { deriveKeys, makeUpdatePath, mergePath, openPath } from "../tree_kem.js";
import { commonAncestor } from "../tree_math.js";
import { verifyTree } from "../tree_validation.js";
import { signer } from "../vector_suites.js";
import { counted, Mismatch, same, unhex } from "./checking.js";

/** One proposal, applied to a tree. */
export async function checkTreeOperations(each, suite) {
  const tree = await readTree(suite, each.tree_before, each.tree_hash_before);
  const reader = new Reader(unhex(each.proposal));
  const after = applied(tree, readProposal(reader), each.proposal_sender);
  reader.end();
  same("tree_after", after.encode(), each.tree_after);
  same("tree_hash_after", await rootHash(after), each.tree_hash_after);
  await readTree(suite, each.tree_after, each.tree_hash_after);
}

/** Resolution and hash of every node; parent hashes and signatures hold. */
export async function checkTreeValidation(each, suite) {
  const { root } = RatchetTree.parse(suite, unhex(each.tree));
  const tree = await readTree(suite, each.tree, each.tree_hashes[root]);
  for (const index of tree.nodes.keys()) {
    same(`resolution of ${index}`, tree.resolution(index).join(), each.resolutions[index].join());
    same(`tree hash of ${index}`, await treeHash(tree, index), each.tree_hashes[index]);
  }
  await verifyTree(tree, unhex(each.group_id));
}

/** Every member reads every path, and every path of ours. */
export async function checkTreekem(each, suite) {
  const tree = RatchetTree.parse(suite, withoutBlankEnd(unhex(each.ratchet_tree)));
  await verifyTree(tree, unhex(each.group_id));
  const members = new Map();
  for (const leaf of each.leaves_private) members.set(leaf.index, await keysOf(suite, leaf));
  for (const [index, keys] of members) {
    for (const [node, secret] of keys) {
      same(`key of ${index} for ${node}`, await suite.hpke.kem.publicKey(secret), publicKeyAt(tree, node));
    }
  }
  for (const path of each.update_paths) await checkPath(each, tree, members, path);
  for (const leaf of each.leaves_private) await checkPathOfOurs(each, tree, members, leaf);
}

export const CHECKS = Object.freeze({
  "tree-operations": checkTreeOperations,
  "tree-validation": checkTreeValidation,
  treekem: checkTreekem,
});

async function checkPath(each, tree, members, given) {
  const { sender } = given;
  const reader = new Reader(unhex(given.update_path));
  const path = UpdatePath.read(reader);
  reader.end();
  same("update_path", path.encode(), given.update_path);
  await path.leafNode.verify(tree.suite, unhex(each.group_id), sender);
  const merged = await mergePath(tree, sender, path, []);
  same("tree_hash_after", await rootHash(merged), given.tree_hash_after);
  const filtered = merged.filteredDirectPath(sender).map(([index]) => index);
  const context = await encodeContext(each, merged);
  for (const [receiver, keys] of members) {
    if (receiver === sender) continue;
    const [ours, commitSecret] = await openPath(merged, sender, path, receiver, keys, context, []);
    same("commit_secret", commitSecret, given.commit_secret);
    const above = filtered.slice(filtered.indexOf(commonAncestor(2 * sender, 2 * receiver)));
    const [learned] = await deriveKeys(merged, above, unhex(given.path_secrets[receiver]));
    for (const [node, secret] of learned) same("keys of path_secret", ours.get(node), secret);
  }
}

async function checkPathOfOurs(each, tree, members, sender) {
  const { suite } = tree;
  const [groupId, { index }] = [unhex(each.group_id), sender];
  const old = tree.member(index);
  const signs = await signer(suite, unhex(sender.signature_priv));
  const makeLeaf = (encryptionKey, parentHash) => {
    const fields = [encryptionKey, old.signatureKey, old.credential, old.capabilities, LeafNodeSource.COMMIT];
    const unsigned = new LeafNode(...fields, null, parentHash, old.extensions, new Uint8Array());
    return unsigned.sign(suite, signs, groupId, index);
  };
  const made = await makeUpdatePath(tree, index, makeLeaf, (changed) => encodeContext(each, changed), [], counted());
  const merged = await mergePath(tree, index, made.path, []);
  same("tree of ours", merged.encode(), made.tree.encode());
  await verifyTree(merged, groupId);
  const context = await encodeContext(each, merged);
  for (const [receiver, keys] of members) {
    if (receiver === index) continue;
    const [, commitSecret] = await openPath(merged, index, made.path, receiver, keys, context, []);
    same("commit secret of ours", commitSecret, made.commitSecret);
  }
}

/** The tree as RFC 9420 12.4.3.3 wants it; early files of this format wrote the blank nodes at its end, too. */
function withoutBlankEnd(encoded) {
  const reader = new Reader(encoded);
  const nodes = reader.vectorOf(readNode);
  reader.end();
  return vectorOf(nodes.slice(0, nodes.findLastIndex((node) => node !== null) + 1).map(encodeNode));
}

async function encodeContext(each, tree) {
  const hashes = [await rootHash(tree), unhex(each.confirmed_transcript_hash)];
  return new GroupContext(tree.suite.number, unhex(each.group_id), each.epoch, ...hashes, []).encode();
}

async function keysOf(suite, leaf) {
  const keys = new Map([[2 * leaf.index, unhex(leaf.encryption_priv)]]);
  for (const { node, path_secret: pathSecret } of leaf.path_secrets) {
    const pair = await suite.deriveKeyPair(await suite.deriveSecret(unhex(pathSecret), NODE));
    keys.set(node, pair.secret);
  }
  return keys;
}

function publicKeyAt(tree, index) {
  const node = tree.node(index);
  if (node === null) throw new Mismatch(`node ${index} is blank`);
  return node.encryptionKey;
}

function applied(tree, proposal, sender) {
  if (proposal instanceof Add) return tree.add(proposal.keyPackage.leafNode)[0];
  if (proposal instanceof Update) return tree.update(sender, proposal.leafNode);
  if (proposal instanceof Remove) return tree.remove(proposal.removed);
  throw new Mismatch("a proposal that does nothing to a tree");
}

async function readTree(suite, encoded, expectedHash) {
  const tree = RatchetTree.parse(suite, unhex(encoded));
  same("tree", tree.encode(), encoded);
  same("tree hash", await rootHash(tree), expectedHash);
  return tree;
}
