/**
 * The secret tree: one key for each message of each member in an epoch (RFC 9420 9).
 *
 * A tree is a value: taking a key gives a new tree in which that key is gone, and what it came from, too.
 */

import { concat, utf8 } from "../bytes.js";
import { Malformed, UsageError } from "../protocol/errors.js";
import { wipe } from "../sodium.js";
import { hide } from "./_hidden.js";
import { Ratchet } from "./_ratchet.js";
import { u8, u32, vectorOf } from "./codec.js";
import * as labels from "./labels.js";
import * as treeMath from "./tree_math.js";

export { KEPT_GENERATIONS, MAX_FORWARD } from "./_ratchet.js";

const GENERATIONS = 2 ** 32;

/** Which of a leaf's two ratchets. */
export const RatchetKind = Object.freeze({ HANDSHAKE: 0, APPLICATION: 1 });

/** Secrets of subtrees nobody below which has sent yet, and the ratchets of those who have. */
export class SecretTree {
  /**
   * @param {import("./suite.js").CipherSuite} suite
   * @param {number} leaves
   * @param {ReadonlyMap<number, Uint8Array>} subtrees by node
   * @param {ReadonlyMap<number, Ratchet>} ratchets by twice the leaf, and one more for the second kind
   */
  constructor(suite, leaves, subtrees, ratchets) {
    this.suite = suite;
    this.leaves = leaves;
    hide(this, { subtrees, ratchets });
    Object.freeze(this);
  }

  /** The tree of an epoch whose ratchet tree has so many places for leaves, a power of two. */
  static make(suite, leaves, encryptionSecret) {
    return new SecretTree(suite, leaves, new Map([[treeMath.root(leaves), encryptionSecret]]), new Map());
  }

  /**
   * The tree without this key, the key (Nk bytes) and its nonce (Nn bytes).
   *
   * Raises: key_used; malformed (a leaf index outside the tree).
   * @param {number} leaf @param {number} kind @param {number} generation
   * @returns {Promise<[SecretTree, Uint8Array, Uint8Array]>}
   */
  async key(leaf, kind, generation) {
    if (leaf >= this.leaves) throw new Malformed(`leaf ${leaf} of ${this.leaves}`);
    const place = 2 * leaf + kind;
    const tree = this.ratchets.has(place) ? this : await this.#withLeaf(leaf);
    const from = tree.ratchets.get(place);
    const [ratchet, key, nonce] = await from.take(this.suite, generation);
    // Nobody has a ratchet that was made for this; one of this value stays as it was.
    if (tree !== this) wipe(from.secret);
    const ratchets = new Map(tree.ratchets).set(place, ratchet);
    return [new SecretTree(this.suite, this.leaves, tree.subtrees, ratchets), key, nonce];
  }

  /**
   * Which generation this sender's next message has.
   *
   * Raises: usage (2**32 messages were sent).
   */
  nextGeneration(leaf, kind) {
    const generation = this.ratchets.get(2 * leaf + kind)?.generation ?? 0;
    if (generation >= GENERATIONS) throw new UsageError("the ratchet is at its end");
    return generation;
  }

  /**
   * u32 leaves | secrets<V> of (u32 node | secret) | ratchets<V> of (u32 leaf | u8 kind | u32 generation
   * | secret | skipped<V> of (u32 generation | key | nonce)); to be stored, sealed.
   */
  encode() {
    const secrets = ascending(this.subtrees).map(([node, secret]) => concat(u32(node), secret));
    const ratchets = ascending(this.ratchets).map(([place, ratchet]) =>
      concat(u32(Math.floor(place / 2)), u8(place % 2), ratchet.encode()),
    );
    return concat(u32(this.leaves), vectorOf(secrets), vectorOf(ratchets));
  }

  /**
   * What `encode` made.
   *
   * Raises: malformed.
   */
  static read(suite, reader) {
    const leaves = reader.u32();
    const subtrees = reader.vectorOf((inner) => [inner.u32(), inner.take(suite.Nh)]);
    const ratchets = reader.vectorOf((inner) => readRatchet(suite, inner));
    return new SecretTree(suite, leaves, new Map(subtrees), new Map(ratchets));
  }

  /** The very buffers, for who erases them. @returns {Uint8Array[]} */
  secrets() {
    return [...this.subtrees.values(), ...[...this.ratchets.values()].flatMap((ratchet) => ratchet.secrets())];
  }

  /** The tree with both ratchets of a leaf, and without the secrets above it. */
  async #withLeaf(leaf) {
    const { suite } = this;
    const subtrees = new Map(this.subtrees);
    const path = [2 * leaf, ...treeMath.directPath(2 * leaf, this.leaves)];
    const held = path.findIndex((node) => subtrees.has(node));
    const top = subtrees.get(path[held]);
    let secret = top;
    subtrees.delete(path[held]);
    // This value stays as it was; what was made on the way leads to all keys of the leaf and is nobody else's.
    const descend = (below) => {
      if (secret !== top) wipe(secret);
      secret = below;
    };
    for (const node of path.slice(0, held).reverse()) {
      const above = treeMath.parent(node);
      const sides = [treeMath.left(above), treeMath.right(above)];
      const secrets = await Promise.all(
        [labels.LEFT, labels.RIGHT].map((side) => suite.expandWithLabel(secret, labels.TREE, utf8(side), suite.Nh)),
      );
      const ours = sides.indexOf(node);
      descend(secrets[ours]);
      subtrees.set(sides[1 - ours], secrets[1 - ours]);
    }
    const [handshake, application] = await Promise.all(
      [labels.HANDSHAKE, labels.APPLICATION].map((label) => suite.deriveSecret(secret, label)),
    );
    descend(null);
    const ratchets = new Map(this.ratchets);
    ratchets.set(2 * leaf + RatchetKind.HANDSHAKE, new Ratchet(0, handshake));
    ratchets.set(2 * leaf + RatchetKind.APPLICATION, new Ratchet(0, application));
    return new SecretTree(suite, this.leaves, subtrees, ratchets);
  }
}

function ascending(map) {
  return [...map].sort(([one], [other]) => one - other);
}

function readRatchet(suite, reader) {
  const [leaf, kind] = [reader.u32(), reader.u8()];
  if (!Object.values(RatchetKind).includes(kind)) throw new Malformed(`ratchet kind ${kind}`);
  return [2 * leaf + kind, Ratchet.read(suite, reader)];
}
