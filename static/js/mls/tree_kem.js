/**
 * TreeKEM: a committer makes new keys from its leaf to the root, and everybody else learns those above themselves.
 *
 * A member's private keys are a Map from node index to KEM secret: its leaf, and the nodes above it that it knows.
 * RFC 9420 7.4, 7.5, 7.6
 */

import { sameBytes } from "../bytes.js";
import { wipe } from "../sodium.js";
import { HPKECiphertext, UpdatePath, UpdatePathNode } from "./commit.js";
import { Invalid } from "./errors.js";
import { NODE, PATH, UPDATE_PATH_NODE } from "./labels.js";
import { withPath } from "./tree_hash.js";
import * as treeMath from "./tree_math.js";

/**
 * @typedef {import("./ratchet_tree.js").RatchetTree} RatchetTree
 * @typedef {Map<number, Uint8Array>} PrivateKeys
 */

/** A path of ours: what is sent, the tree with it, our keys in that tree, and the path secret of each node. */
export class MadePath {
  /** @param {{path: UpdatePath, tree: RatchetTree, keys: PrivateKeys, pathSecrets: Map<number, Uint8Array>,
   *          commitSecret: Uint8Array}} fields */
  constructor(fields) {
    Object.assign(this, fields);
    Object.freeze(this);
  }
}

/**
 * Fresh keys on our filtered direct path.
 *
 * RFC 9420 7.5, 12.4.1
 * @param {RatchetTree} tree with the commit's proposals applied
 * @param {number} leafIndex
 * @param {(encryptionKey: Uint8Array, parentHash: Uint8Array) => Promise<object>} makeLeaf our signed leaf
 * @param {(tree: RatchetTree) => Promise<Uint8Array>} encodeContext the provisional group context for a tree
 * @param {number[]} added leaf indices that get a Welcome instead
 * @param {(count: number) => Uint8Array} random
 */
export async function makeUpdatePath(tree, leafIndex, makeLeaf, encodeContext, added, random) {
  const { suite } = tree;
  const filtered = tree.filteredDirectPath(leafIndex);
  const material = random(suite.Nh);
  const leafPair = await suite.deriveKeyPair(material);
  wipe(material);
  const [keys, pathSecrets, publicKeys] = [new Map([[2 * leafIndex, leafPair.secret]]), new Map(), []];
  let secret = random(suite.Nh);
  for (const [index] of filtered) {
    const pair = await nodePair(suite, secret);
    pathSecrets.set(index, secret);
    keys.set(index, pair.secret);
    publicKeys.push(pair.public);
    secret = await suite.deriveSecret(secret, PATH);
  }
  const [withParents, parentHash] = await withPath(tree, leafIndex, publicKeys);
  const leaf = await makeLeaf(leafPair.public, parentHash);
  const changed = withParents.changed(new Map([[2 * leafIndex, leaf]]));
  const context = await encodeContext(changed);
  const nodes = await Promise.all(
    filtered.map(async ([index, other], place) => {
      const sealed = receivers(tree, other, added).map((node) =>
        encryptPathSecret(tree, node, context, pathSecrets.get(index)),
      );
      return new UpdatePathNode(publicKeys[place], await Promise.all(sealed));
    }),
  );
  const path = new UpdatePath(leaf, nodes);
  return new MadePath({ path, tree: changed, keys, pathSecrets, commitSecret: secret });
}

/**
 * The tree with another member's path in it; the leaf's signature and its place in the group are checked elsewhere.
 *
 * Raises: invalid (path-length, parent-hash); malformed (a key).
 * RFC 9420 7.5, 12.4.2
 * @param {RatchetTree} tree with the commit's proposals applied
 * @param {number} sender leaf index
 * @param {UpdatePath} path
 * @param {number[]} added leaf indices
 */
export async function mergePath(tree, sender, path, added) {
  const filtered = tree.filteredDirectPath(sender);
  const expected = filtered.map(([, other]) => receivers(tree, other, added).length);
  const found = path.nodes.map((node) => node.encryptedPathSecret.length);
  if (found.join() !== expected.join()) throw new Invalid("path-length");
  for (const node of path.nodes) tree.suite.checkPublicKey(node.encryptionKey);
  const keys = path.nodes.map((node) => node.encryptionKey);
  const [withParents, parentHash] = await withPath(tree, sender, keys);
  if (!path.leafNode.parentHash || !sameBytes(path.leafNode.parentHash, parentHash)) throw new Invalid("parent-hash");
  return withParents.changed(new Map([[2 * sender, path.leafNode]]));
}

/**
 * The receiver's keys after another member's path, and the commit secret.
 *
 * Raises: invalid (path-key, path-secret); malformed; unauthentic.
 * RFC 9420 7.6, 12.4.2
 * @param {RatchetTree} tree with the path in it
 * @param {number} sender leaf index
 * @param {UpdatePath} path
 * @param {number} receiver leaf index
 * @param {PrivateKeys} keys
 * @param {Uint8Array} context the encoded provisional group context
 * @param {number[]} added leaf indices
 * @returns {Promise<[PrivateKeys, Uint8Array]>}
 */
export async function openPath(tree, sender, path, receiver, keys, context, added) {
  const filtered = tree.filteredDirectPath(sender);
  const meeting = treeMath.commonAncestor(2 * sender, 2 * receiver);
  const at = filtered.findIndex(([index]) => index === meeting);
  const reached = receivers(tree, filtered[at][1], added);
  const place = reached.findIndex((node) => keys.has(node));
  if (place < 0) throw new Invalid("path-secret", "nothing in the path is encrypted to this member");
  const { kemOutput, ciphertext } = path.nodes[at].encryptedPathSecret[place];
  const key = keys.get(reached[place]);
  const secret = await tree.suite.decryptWithLabel(key, UPDATE_PATH_NODE, context, kemOutput, ciphertext);
  const above = filtered.slice(at).map(([index]) => index);
  const [learned, commitSecret] = await deriveKeys(tree, above, secret);
  return [new Map([...keysIn(tree, keys, tree.directPath(sender)), ...learned]), commitSecret];
}

/**
 * The secrets of these nodes, from the path secret of the first, which is overwritten; and the one after the last.
 *
 * Raises: invalid (path-secret: its size; path-key: the tree has another public key).
 * RFC 9420 7.4
 * @param {RatchetTree} tree @param {number[]} indices @param {Uint8Array} pathSecret
 * @returns {Promise<[PrivateKeys, Uint8Array]>}
 */
export async function deriveKeys(tree, indices, pathSecret) {
  const { suite } = tree;
  if (pathSecret.length !== suite.Nh) throw new Invalid("path-secret");
  const keys = new Map();
  let secret = pathSecret;
  for (const index of indices) {
    const pair = await nodePair(suite, secret);
    const parent = tree.parent(index);
    if (!parent || !sameBytes(parent.encryptionKey, pair.public)) throw new Invalid("path-key");
    keys.set(index, pair.secret);
    const next = await suite.deriveSecret(secret, PATH);
    wipe(secret);
    secret = next;
  }
  return [keys, secret];
}

/** The keys of nodes that are still there. @param {RatchetTree} tree @param {PrivateKeys} keys */
export function keysIn(tree, keys, without = []) {
  return new Map([...keys].filter(([index]) => !without.includes(index) && tree.has(index)));
}

async function nodePair(suite, pathSecret) {
  const material = await suite.deriveSecret(pathSecret, NODE);
  const pair = await suite.deriveKeyPair(material);
  wipe(material);
  return pair;
}

function receivers(tree, index, added) {
  return tree.resolution(index).filter((node) => !added.includes(node / 2));
}

async function encryptPathSecret(tree, node, context, secret) {
  const { encryptionKey } = tree.node(node);
  return new HPKECiphertext(...(await tree.suite.encryptWithLabel(encryptionKey, UPDATE_PATH_NODE, context, secret)));
}
