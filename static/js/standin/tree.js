// Reading a ratchet tree: who sits on which leaf.

import { sameBytes } from "../bytes.js";
import { LeafIdentity } from "../protocol/credential.js";
import { Malformed, Unauthentic } from "../protocol/errors.js";
import { decodeRatchetTree } from "../../vendor/ts_mls.js";

/**
 * The members of a tree whose leaves were checked when they came in.
 * @returns {{index: number, signatureKey: Uint8Array, identity: LeafIdentity}[]}
 */
export function membersOf(tree) {
  return tree.flatMap((node, position) =>
    node?.nodeType === "leaf"
      ? [{ index: position / 2, signatureKey: node.leaf.signaturePublicKey, identity: parseIdentity(node.leaf) }]
      : [],
  );
}

/** The member that signs with this key. Raises: unauthentic. */
export function memberWithKey(tree, signatureKey) {
  const found = membersOf(tree).find((member) => sameBytes(member.signatureKey, signatureKey));
  if (!found) throw new Unauthentic("signed by nobody in the tree");
  return found;
}


/** The tree a GroupInfo carries. Whether it is the group's is proven by its hash, when the group is joined. */
export function treeIn(groupInfo) {
  const extension = groupInfo.extensions.find((each) => each.extensionType === "ratchet_tree");
  const tree = extension && decodeRatchetTree(extension.extensionData, 0);
  if (!tree) throw new Malformed("a GroupInfo without its tree");
  return tree[0];
}

function parseIdentity(leaf) {
  return LeafIdentity.parse(leaf.credential.identity);
}
