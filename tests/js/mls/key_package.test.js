import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, fromHex, toHex, utf8 } from "../../../static/js/bytes.js";
import { Reader, u16, vector } from "../../../static/js/mls/codec.js";
import { KeyPackage, KeyPackageSecrets, makeKeyPackage } from "../../../static/js/mls/key_package.js";
import { KEY_PACKAGE_TBS } from "../../../static/js/mls/labels.js";
import * as nodes from "../../../static/js/mls/nodes.js";
import { ROOM_SUITE, X25519_SUITE } from "../../../static/js/mls/suite.js";
import { flipped, refuses } from "../protocol/people.js";
import { dice, member, NOW } from "./members.js";

const { LeafNode, LeafNodeSource, Lifetime } = nodes;
const NOTHING = new Uint8Array();
const SUITE = X25519_SUITE;
const ADA = member("ada", SUITE);

const made = () => makeKeyPackage(ADA, NOW, dice());

/** The package with some fields replaced, signed again by its owner. */
async function changed(keyPackage, changes) {
  const { version, cipherSuite, initKey, leafNode, extensions } = { ...keyPackage, ...changes };
  const unsigned = new KeyPackage(version, cipherSuite, initKey, leafNode, extensions, NOTHING);
  const tbs = unsigned.encode().slice(0, -1);
  const signature = await SUITE.signWithLabel(ADA.sign, KEY_PACKAGE_TBS, tbs);
  return new KeyPackage(version, cipherSuite, initKey, leafNode, extensions, signature);
}

async function refusesWith(reason, attempt) {
  await assert.rejects(attempt, (error) => error.code === "invalid" && error.reason === reason);
}

test("a key package verifies, and reads back to the same bytes", async () => {
  for (const suite of [ROOM_SUITE, X25519_SUITE]) {
    const secrets = await makeKeyPackage(member("ada", suite), NOW, dice());
    const encoded = secrets.package.encode();
    const again = KeyPackage.read(new Reader(encoded));

    await again.verify(suite);
    assert.deepEqual(again, secrets.package);
    assert.equal((await again.ref(suite)).length, suite.Nh);
  }
});

test("it lasts thirty days, and speaks the profile", async () => {
  const { leafNode, extensions } = (await made()).package;

  assert.deepEqual(leafNode.lifetime, new Lifetime(BigInt(NOW - 3600), BigInt(NOW + 30 * 86400)));
  assert.equal(toHex(leafNode.capabilities.encode()), "020001" + "020001" + "04f0c1f0c2" + "00" + "020001");
  assert.deepEqual([extensions, leafNode.extensions], [[], []]);
});

test("the same dice give the same keys, and both of its keys differ", async () => {
  const [one, same, other] = [await made(), await made(), await makeKeyPackage(ADA, NOW, dice("others"))];

  assert.deepEqual(one.initSecret, same.initSecret);
  assert.notDeepEqual(one.initSecret, other.initSecret);
  assert.notDeepEqual(one.initSecret, one.leafSecret);
  assert.deepEqual(SUITE.hpke.kem.publicKey(one.initSecret), one.package.initKey);
  assert.deepEqual(SUITE.hpke.kem.publicKey(one.leafSecret), one.package.leafNode.encryptionKey);
});

test("secrets are stored in one form and show in no log", async () => {
  const secrets = await made();
  const encoded = secrets.encode();

  assert.deepEqual(KeyPackageSecrets.parse(encoded).encode(), encoded);
  assert.deepEqual(Object.keys(secrets), ["package"]);
  await refuses("unsupported_version", () => KeyPackageSecrets.parse(encoded.with(0, 2)));
  await refuses("malformed", () => KeyPackageSecrets.parse(concat(encoded, Uint8Array.of(0))));
  await refuses("malformed", () => KeyPackageSecrets.parse(encoded.slice(0, -1)));
});

test("a package of another version, suite or source, or with one key for both uses, is invalid", async () => {
  const { package: good } = await made();
  const leaf = await ADA.leaf(LeafNodeSource.UPDATE, good.leafNode.encryptionKey);

  await refusesWith("package-version", async () => (await changed(good, { version: 2 })).verify(SUITE));
  await refusesWith("package-suite", async () => (await changed(good, { cipherSuite: 2 })).verify(SUITE));
  await refusesWith("package-suite", () => good.verify(ROOM_SUITE));
  await refusesWith("package-source", async () => (await changed(good, { leafNode: leaf })).verify(SUITE));
  const initKey = good.leafNode.encryptionKey;
  await refusesWith("init-key", async () => (await changed(good, { initKey })).verify(SUITE));
});

test("a package with a key nobody may seal to is malformed", async () => {
  const { package: good } = await made();
  const leafNode = await ADA.leaf(LeafNodeSource.KEY_PACKAGE, new Uint8Array(32), { lifetime: new Lifetime(0n, 1n) });

  await refuses("malformed", async () => (await changed(good, { initKey: new Uint8Array(32) })).verify(SUITE));
  await refuses("malformed", async () => (await changed(good, { leafNode })).verify(SUITE));
});

test("a package is signed by its leaf, and the leaf by itself", async () => {
  const { package: good } = await made();
  const { version, cipherSuite, initKey, leafNode, extensions, signature } = good;
  const forged = new KeyPackage(version, cipherSuite, initKey, leafNode, extensions, flipped(signature, 1));
  const encoded = leafNode.encode();
  const otherLeaf = LeafNode.read(new Reader(flipped(encoded, encoded.length - 1)));

  await refuses("unauthentic", () => forged.verify(SUITE));
  await refuses("unauthentic", async () => (await changed(good, { leafNode: otherLeaf })).verify(SUITE));
});

test("a leaf of a commit is signed for its place, one of a key package for any", async () => {
  const [group, key] = [utf8("group"), (await SUITE.deriveKeyPair(utf8("key"))).public];
  const place = { groupId: group, leafIndex: 3, parentHash: utf8("hash") };
  const leaf = await ADA.leaf(LeafNodeSource.COMMIT, key, place);

  await leaf.verify(SUITE, group, 3);
  await refuses("unauthentic", () => leaf.verify(SUITE, group, 2));
  await refuses("unauthentic", () => leaf.verify(SUITE, utf8("grouq"), 3));
  await (await made()).package.leafNode.verify(SUITE, utf8("any"), 7);
});

test("a leaf has what its source asks for", async () => {
  await refuses("usage", () => ADA.leaf(LeafNodeSource.KEY_PACKAGE, NOTHING));
  await refuses("usage", () => ADA.leaf(LeafNodeSource.COMMIT, NOTHING));
});

test("sources, credentials and nodes of unknown types are malformed", async () => {
  const leaf = (await made()).package.leafNode.encode();
  const sourceAt = leaf.length - 1 - 16 - 1 - 66;
  assert.equal(leaf[sourceAt], LeafNodeSource.KEY_PACKAGE);
  for (const source of [0, 4]) await refuses("malformed", () => LeafNode.read(new Reader(leaf.with(sourceAt, source))));
  await refuses("malformed", () => nodes.Credential.read(new Reader(concat(u16(3), vector(NOTHING)))));
  for (const type of ["00", "03"]) {
    await refuses("malformed", () => nodes.readNode(new Reader(concat(fromHex(`01${type}`), leaf))));
  }
});

test("certificates are read, and encode back", async () => {
  const chain = concat(u16(2), vector(concat(vector(utf8("one")), vector(utf8("two")))));

  assert.deepEqual(nodes.Credential.read(new Reader(chain)).encode(), chain);
  await refuses("malformed", () => nodes.Credential.read(new Reader(concat(u16(2), vector(fromHex("0561"))))));
});

test("an extension stands once, and is found by its type", async () => {
  const list = (...types) => vector(concat(...types.map((type) => new nodes.Extension(type, u16(type)).encode())));
  const extensions = nodes.readExtensions(new Reader(list(7, 3)));

  assert.deepEqual(nodes.findExtension(extensions, 3), u16(3));
  assert.equal(nodes.findExtension(extensions, 4), null);
  await refuses("malformed", () => nodes.readExtensions(new Reader(list(7, 3, 7))));
});

test("a node of the tree is blank, a leaf or a parent with ascending unmerged leaves", async () => {
  const { leafNode } = (await made()).package;
  const parent = new nodes.ParentNode(utf8("key"), utf8("hash"), [1, 5]);
  for (const node of [null, leafNode, parent]) {
    const encoded = nodes.encodeNode(node);
    assert.deepEqual(nodes.readNode(new Reader(encoded)), node);
  }
  for (const unmerged of [[5, 1], [1, 1]]) {
    const wrong = nodes.encodeNode(new nodes.ParentNode(utf8("key"), utf8("hash"), unmerged));
    await refuses("malformed", () => nodes.readNode(new Reader(wrong)));
  }
});
