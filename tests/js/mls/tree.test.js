// Ratchet trees: how they are read, how they change, and which of them somebody made.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat } from "../../../static/js/bytes.js";
import { Reader, vector, vectorOf } from "../../../static/js/mls/codec.js";
import { UpdatePath, UpdatePathNode } from "../../../static/js/mls/commit.js";
import { encodeNode, Extension, LeafNode, LeafNodeSource, ParentNode } from "../../../static/js/mls/nodes.js";
import { RatchetTree } from "../../../static/js/mls/ratchet_tree.js";
import { ROOM_SUITE } from "../../../static/js/mls/suite.js";
import { rootHash, treeHash, withPath } from "../../../static/js/mls/tree_hash.js";
import { deriveKeys, keysIn, makeUpdatePath, mergePath, openPath } from "../../../static/js/mls/tree_kem.js";
import { checkMembers, verifyTree } from "../../../static/js/mls/tree_validation.js";
import { flipped, refuses } from "../protocol/people.js";
import { dice } from "./members.js";
import { devices, Room, ROOM_ID } from "./room.js";

const NOTHING = new Uint8Array();

/** A group of eight where three have committed since they came, one came later, and one has gone. */
async function grown() {
  const people = devices(8);
  const room = await Room.of(people[0], ...people.slice(1, 7));
  for (const device of [people[1], people[4]]) await room.commit(device);
  await room.add(people[0], people[7]);
  await room.remove(people[0], people[3]);
  return { room, people, tree: room.at(people[0]).tree };
}

const { room, people, tree } = await grown();

/** The tree with something else in one place. */
const altered = (index, change) => tree.changed(new Map([[index, change(tree.node(index))]]));

async function refusedFor(reason, attempt) {
  await assert.rejects(
    async () => attempt(),
    (error) => error.reason === reason || assert.fail(`${error.reason ?? error.stack}, not ${reason}`),
  );
}

test("a tree reads back from its bytes, with the same hash, and verifies", async () => {
  const again = RatchetTree.parse(ROOM_SUITE, tree.encode());

  assert.deepEqual(again.encode(), tree.encode());
  assert.deepEqual(await rootHash(again), await rootHash(tree));
  await verifyTree(again, ROOM_ID);
  assert.ok(tree.nodes.some((node) => node instanceof ParentNode && node.unmergedLeaves.length > 0));
});

test("a tree that ends in no leaf, has no node, or leaves out of place is malformed", async () => {
  const [leaf, parent] = [tree.node(0), new ParentNode(NOTHING, NOTHING, [])];
  for (const nodes of [[], [null], [leaf, null], [leaf, parent], [leaf, leaf], [parent], [leaf, parent, parent]]) {
    await refuses("malformed", () => RatchetTree.parse(ROOM_SUITE, vectorOf(nodes.map(encodeNode))));
  }
  await refuses("malformed", () => RatchetTree.parse(ROOM_SUITE, concat(tree.encode(), Uint8Array.of(0))));
  await refuses("malformed", () => RatchetTree.parse(ROOM_SUITE, vector(Uint8Array.of(1, 3))));
});

test("a tree grows by a doubling and shrinks by its empty half", async () => {
  const leaf = tree.leaf(0);
  let small = RatchetTree.ofOne(ROOM_SUITE, leaf);
  for (let index = 1; index < 5; index += 1) {
    const [grownTree, place] = small.add(leaf);
    assert.equal(place, index);
    small = grownTree;
  }
  assert.deepEqual([small.leafCount, small.root, small.nodes.length], [8, 7, 15]);

  const shrunk = small.remove(4).remove(1);

  assert.deepEqual([shrunk.leafCount, shrunk.leaf(1), shrunk.add(leaf)[1]], [4, null, 1]);
  assert.equal(small.leafCount, 8);
});

test("a change touches nothing but its own path", async () => {
  await rootHash(tree);
  const index = tree.leaves().at(-1).index;

  const changed = tree.update(index, tree.leaf(0));

  const stale = new Set([2 * index, ...tree.directPath(index)]);
  for (const node of tree.nodes.keys()) assert.equal(changed.hashes[node] === null, stale.has(node), String(node));
  assert.notDeepEqual(await rootHash(changed), await rootHash(tree));
  const fresh = RatchetTree.parse(ROOM_SUITE, changed.encode());
  for (const node of tree.nodes.keys()) assert.deepEqual(await treeHash(changed, node), await treeHash(fresh, node));
});

test("whatever nobody made is refused", async () => {
  const parents = tree.nodes.flatMap((node, index) => (node instanceof ParentNode ? [index] : []));
  const unmerged = parents.find((index) => tree.node(index).unmergedLeaves.length > 0);
  const retold = (changes) => (node) =>
    new ParentNode(
      changes.encryptionKey ?? node.encryptionKey,
      changes.parentHash ?? node.parentHash,
      changes.unmergedLeaves ?? node.unmergedLeaves,
    );
  const key = (await ROOM_SUITE.deriveKeyPair(new Uint8Array(48))).public;

  for (const index of parents) {
    await refusedFor("parent-hash", () => verifyTree(altered(index, retold({ encryptionKey: key })), ROOM_ID));
  }
  const hash = new Uint8Array(48);
  await refusedFor("parent-hash", () => verifyTree(altered(tree.root, retold({ parentHash: hash })), ROOM_ID));
  for (const [unmergedLeaves, index] of [
    [[], unmerged],
    [[99], unmerged],
    [[7, 7], unmerged],
    [[7], parents[0]],
  ]) {
    const lie = altered(index, retold({ unmergedLeaves }));
    await assert.rejects(verifyTree(lie, ROOM_ID), (error) => /^(unmerged-leaves|parent-hash)$/.test(error.reason));
  }
  await refuses("unauthentic", () => verifyTree(tree, ROOM_ID.map((octet) => octet ^ 1)));
  const moved = tree.changed(new Map([[2, tree.node(0)], [0, tree.node(2)]]));
  await refuses("unauthentic", () => verifyTree(moved, ROOM_ID));

  const unfit = altered(tree.root, retold({ encryptionKey: new Uint8Array(1216).fill(255) }));
  await refuses("malformed", () => verifyTree(unfit, ROOM_ID));
});

test("who came later is unmerged all the way up", async () => {
  const [first, ...others] = devices(6);
  const small = await Room.of(first, ...others.slice(0, 4));
  await small.remove(first, others[2]);
  const { package: newcomer } = await small.keyPackage(others[4]);
  const [honest] = small.at(first).tree.add(newcomer.leafNode);
  const { encryptionKey, parentHash } = honest.node(honest.root);

  assert.deepEqual([3, 7].map((index) => honest.node(index).unmergedLeaves), [[3], [3]]);
  await verifyTree(honest, ROOM_ID);
  const merged = new ParentNode(encryptionKey, parentHash, []);
  await refusedFor("parent-hash", () => verifyTree(honest.changed(new Map([[honest.root, merged]])), ROOM_ID));
});

test("no key is there twice, and everybody knows what the group needs", async () => {
  const { extensions } = room.at(people[0]).context;
  checkMembers(tree, extensions);
  const [twice] = tree.add(tree.leaf(0));
  await refusedFor("encryption-key-twice", () => checkMembers(twice, extensions));
  const fields = Object.values({ ...tree.leaf(0), encryptionKey: NOTHING });
  const [signer] = tree.add(new LeafNode(...fields));
  await refusedFor("signature-key-twice", () => checkMembers(signer, extensions));
});

test("required capabilities read to their end", async () => {
  const [required] = room.at(people[0]).context.extensions;
  const longer = new Extension(required.extensionType, concat(required.extensionData, Uint8Array.of(0)));

  await refuses("malformed", () => checkMembers(tree, [longer]));
});

/** A path by `sender` for the same tree, as bytes. */
async function pathOf(sender) {
  const group = room.at(sender);
  const { leafIndex, member } = group;
  const makeLeaf = (encryptionKey, parentHash) =>
    member.leaf(LeafNodeSource.COMMIT, encryptionKey, { groupId: ROOM_ID, leafIndex, parentHash });
  const made = await makeUpdatePath(tree, leafIndex, makeLeaf, async () => NOTHING, [], dice());
  return { leafIndex, made, path: UpdatePath.read(new Reader(made.path.encode())) };
}

test("everybody learns the commit secret of a path, and the keys above", async () => {
  const { leafIndex, made, path } = await pathOf(people[0]);
  const merged = await mergePath(tree, leafIndex, path, []);
  assert.deepEqual(merged.encode(), made.tree.encode());
  await verifyTree(merged, ROOM_ID);

  for (const [device, { leafIndex: receiver, state }] of room.groups) {
    if (device === people[0]) continue;
    const [keys, secret] = await openPath(merged, leafIndex, path, receiver, state.epoch.keys, NOTHING, []);
    assert.deepEqual(secret, made.commitSecret);
    for (const [node, key] of keys) {
      assert.deepEqual(await ROOM_SUITE.hpke.kem.publicKey(key), merged.node(node).encryptionKey);
    }
    assert.deepEqual(keys.get(merged.root), made.keys.get(merged.root));
  }
});

test("a path of another length, another hash or another key is refused", async () => {
  const { leafIndex, path } = await pathOf(people[0]);
  const merge = (leafNode, nodes) => mergePath(tree, leafIndex, new UpdatePath(leafNode, nodes), []);
  const { leafNode, nodes } = path;
  const fewer = new UpdatePathNode(nodes[0].encryptionKey, nodes[0].encryptedPathSecret.slice(1));

  await refusedFor("path-length", () => merge(leafNode, nodes.slice(1)));
  await refusedFor("path-length", () => merge(leafNode, [...nodes, nodes[0]]));
  await refusedFor("path-length", () => merge(leafNode, [fewer, ...nodes.slice(1)]));
  await refusedFor("parent-hash", () => merge(tree.leaf(0), nodes));
  await refusedFor("parent-hash", () => merge(room.at(people[1]).tree.leaf(1), nodes));
  const zeros = new UpdatePathNode(new Uint8Array(1216).fill(255), nodes[0].encryptedPathSecret);
  await refuses("malformed", () => merge(leafNode, [zeros, ...nodes.slice(1)]));

  const merged = await merge(leafNode, nodes);
  const { leafIndex: receiver, state } = room.at(people[2]);
  const open = (keys, context, given = path) => openPath(merged, leafIndex, given, receiver, keys, context, []);
  await refusedFor("path-secret", () => open(new Map(), NOTHING));
  await refuses("unauthentic", () => open(state.epoch.keys, Uint8Array.of(1)));
  const [secret] = [dice()(48)];
  await refusedFor("path-key", () => deriveKeys(merged, [merged.root], secret));
  await refusedFor("path-secret", () => deriveKeys(merged, [merged.root], secret.slice(1)));
});

test("keys of nodes that are gone are dropped", async () => {
  const { state } = room.at(people[0]);

  const kept = keysIn(tree, new Map([...state.epoch.keys, [9999, NOTHING]]), [tree.root]);

  assert.ok(!kept.has(9999) && !kept.has(tree.root) && kept.has(0));
});

test("with a path the rest of the direct path is blank", async () => {
  const alone = RatchetTree.ofOne(ROOM_SUITE, tree.leaf(0));
  assert.deepEqual(await withPath(alone, 0, []), [alone.changed(new Map()), NOTHING]);
  const [wide] = alone.add(tree.leaf(1))[0].add(tree.leaf(2));
  const bare = wide.remove(1);

  const [changed, hash] = await withPath(bare, 0, [flipped(tree.node(tree.root).encryptionKey, 0)]);

  assert.deepEqual([changed.node(1), changed.has(3), hash.length], [null, true, 48]);
});
