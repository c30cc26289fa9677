import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { concat, fromHex, toHex, utf8 } from "../../../static/js/bytes.js";
import { expand, XWING_PUBLIC_BYTES, XWingKem } from "../../../static/js/mls/hpke.js";
import { ROOM_SUITE, X25519_SUITE } from "../../../static/js/mls/suite.js";
import { SUITES } from "../../../static/js/mls/vector_suites.js";
import { ed25519Public, ed25519Sign } from "../../../static/js/protocol/primitives.js";
import sodium from "../../../static/vendor/sodium.js";
import { flipped, refuses } from "../protocol/people.js";

const TWO_SUITES = [ROOM_SUITE, X25519_SUITE];
const NOTHING = new Uint8Array();
// The u-coordinates of small order (RFC 7748 6.1), and two of them in their other spelling.
const SMALL_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

test("X-Wing gives the values of its draft (draft-connolly-cfrg-xwing-kem, appendix C)", async () => {
  const seed = fromHex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
  const dice = [
    "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2",
    "35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
  ];
  const kem = new XWingKem();
  const publicKey = kem.publicKey(seed);
  const { ciphertext } = sodium.crypto_kem_xwing_enc_deterministic(publicKey, fromHex(dice.join("")));

  assert.equal(toHex(publicKey.slice(0, 16)), "e2236b35a8c24b39b10aa1323a96a919");
  assert.equal(
    toHex(await kem.decapsulate(seed, ciphertext)),
    "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
  );
});

test("a key pair of the room's suite comes from SHAKE256 of the material", async () => {
  const pair = await ROOM_SUITE.deriveKeyPair(NOTHING);

  // FIPS 202: SHAKE256 of nothing.
  assert.equal(toHex(pair.secret), "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f");
  assert.deepEqual(pair.public, new XWingKem().publicKey(pair.secret));
  assert.equal(JSON.stringify(pair).includes("secret"), false);
});

test("sizes are those of the suites", () => {
  const sizes = (suite) => [suite.number, suite.Nh, suite.Nk, suite.Nn];

  assert.deepEqual(sizes(ROOM_SUITE), [0xf04e, 48, 32, 12]);
  assert.deepEqual(sizes(X25519_SUITE), [1, 32, 16, 12]);
});

test("HKDF-Expand gives the first block of RFC 5869 and refuses a second", async () => {
  const key = fromHex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  const block = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";

  assert.equal(toHex(await expand("SHA-256", key, fromHex("f0f1f2f3f4f5f6f7f8f9"), 32)), block);
  for (const length of [1, 7]) {
    const short = await expand("SHA-256", key, fromHex("f0f1f2f3f4f5f6f7f8f9"), length);
    assert.equal(toHex(short), block.slice(0, 2 * length));
  }
  for (const length of [0, -1, 33, Number.NaN]) await refuses("usage", () => expand("SHA-256", key, key, length));
  await refuses("usage", () => ROOM_SUITE.expandWithLabel(key, "key", NOTHING, 49));
});

test("an empty HMAC key is one of zeros", async () => {
  for (const suite of TWO_SUITES) {
    assert.deepEqual(await suite.mac(NOTHING, utf8("a")), await suite.mac(new Uint8Array(suite.Nh), utf8("a")));
  }
});

test("HMAC takes a key of any length", async () => {
  for (const length of [0, 1, 47, 48, 200]) {
    const key = new Uint8Array(length).fill(5);
    const expected = createHmac("sha384", key).update("message").digest("hex");

    assert.equal(toHex(await ROOM_SUITE.mac(key, utf8("message"))), expected);
  }
});

test("a tag is checked to its last bit", async () => {
  for (const suite of TWO_SUITES) {
    const tag = await suite.mac(utf8("key"), utf8("message"));

    await suite.checkMac(utf8("key"), utf8("message"), tag);
    for (const wrong of [flipped(tag, tag.length - 1), tag.slice(1), concat(tag, NOTHING, Uint8Array.of(0))]) {
      await refuses("unauthentic", () => suite.checkMac(utf8("key"), utf8("message"), wrong));
    }
  }
});

test("what is sealed to a key opens with its secret, label, context and nothing else", async () => {
  for (const suite of Object.values(SUITES)) {
    const [pair, other] = await Promise.all([utf8("one"), utf8("other")].map((each) => suite.deriveKeyPair(each)));
    const [enc, sealed] = await suite.encryptWithLabel(pair.public, "Welcome", utf8("context"), utf8("plain"));
    const open = (secret, label, context, ciphertext) =>
      suite.decryptWithLabel(secret, label, utf8(context), enc, ciphertext);

    assert.equal(sealed.length, 21);
    assert.deepEqual(await open(pair.secret, "Welcome", "context", sealed), utf8("plain"));
    await refuses("unauthentic", () => open(other.secret, "Welcome", "context", sealed));
    await refuses("unauthentic", () => open(pair.secret, "UpdatePathNode", "context", sealed));
    await refuses("unauthentic", () => open(pair.secret, "Welcome", "contexu", sealed));
    await refuses("unauthentic", () => open(pair.secret, "Welcome", "context", flipped(sealed, 3)));
    await refuses("unauthentic", () => open(pair.secret, "Welcome", "context", NOTHING));
  }
});

test("an encapsulated key of another size is malformed, one of small order is unauthentic", async () => {
  for (const suite of TWO_SUITES) {
    const pair = await suite.deriveKeyPair(utf8("one"));
    const [enc, sealed] = await suite.hpke.sealBase(pair.public, NOTHING, utf8("plain"));
    for (const wrong of [enc.slice(1), concat(enc, Uint8Array.of(0)), NOTHING]) {
      await refuses("malformed", () => suite.hpke.openBase(pair.secret, wrong, NOTHING, sealed));
    }
    for (const point of SMALL_ORDER) {
      const wrong = concat(enc.slice(0, enc.length - 32), fromHex(point));
      await refuses("unauthentic", () => suite.hpke.openBase(pair.secret, wrong, NOTHING, sealed));
      await refuses("malformed", () => suite.hpke.exportReceiver(pair.secret, wrong, NOTHING, NOTHING, 32));
    }
    await refuses("malformed", () => suite.hpke.openBase(pair.secret.slice(1), enc, NOTHING, sealed));
  }
});

test("both ends export one secret for each context", async () => {
  for (const suite of Object.values(SUITES)) {
    const pair = await suite.deriveKeyPair(utf8("one"));
    const [enc, sent] = await suite.hpke.exportSender(pair.public, utf8("info"), utf8("context"), suite.Nh);
    const received = (context) => suite.hpke.exportReceiver(pair.secret, enc, utf8("info"), utf8(context), suite.Nh);

    assert.deepEqual(await received("context"), sent);
    assert.notDeepEqual(await received("contexu"), sent);
  }
});

test("a public key is refused for its size, a coefficient out of range, and small order", async () => {
  for (const suite of TWO_SUITES) {
    const { public: good } = await suite.deriveKeyPair(utf8("one"));
    suite.checkPublicKey(good);
    for (const wrong of [good.slice(1), concat(good, Uint8Array.of(0)), NOTHING]) {
      await refuses("malformed", () => suite.checkPublicKey(wrong));
      await refuses("malformed", () => suite.hpke.sealBase(wrong, NOTHING, NOTHING));
    }
    for (const point of SMALL_ORDER) {
      const wrong = concat(good.slice(0, good.length - 32), fromHex(point));
      await refuses("malformed", () => suite.checkPublicKey(wrong));
      await refuses("malformed", () => suite.hpke.sealBase(wrong, NOTHING, NOTHING));
    }
  }
});

test("3,328 is the largest coefficient of an X-Wing key, wherever it stands", async () => {
  const { public: good } = await ROOM_SUITE.deriveKeyPair(utf8("one"));
  const withCoefficient = (index, value) => {
    const key = good.slice();
    const at = 3 * Math.floor(index / 2);
    if (index % 2 === 0) [key[at], key[at + 1]] = [value & 255, (key[at + 1] & 0xf0) | (value >> 8)];
    else [key[at + 1], key[at + 2]] = [(key[at + 1] & 0x0f) | ((value & 15) << 4), value >> 4];
    return key;
  };
  assert.equal(good.length, XWING_PUBLIC_BYTES);
  for (const index of [0, 1, 2, 383, 766, 767]) {
    ROOM_SUITE.checkPublicKey(withCoefficient(index, 3328));
    for (const value of [3329, 4095]) {
      await refuses("malformed", () => ROOM_SUITE.checkPublicKey(withCoefficient(index, value)));
      await refuses("malformed", () => ROOM_SUITE.hpke.sealBase(withCoefficient(index, value), NOTHING, NOTHING));
    }
  }
});

test("a signature belongs to its key, label and content", async () => {
  const [seed, content] = [new Uint8Array(32).fill(1), utf8("content")];
  const publicKey = ed25519Public(seed);
  for (const suite of TWO_SUITES) {
    const signature = await suite.signWithLabel(async (message) => ed25519Sign(seed, message), "LeafNodeTBS", content);

    await suite.verifyWithLabel(publicKey, "LeafNodeTBS", content, signature);
    await refuses("unauthentic", () => suite.verifyWithLabel(publicKey, "GroupInfoTBS", content, signature));
    await refuses("unauthentic", () => suite.verifyWithLabel(publicKey, "LeafNodeTBS", utf8("contenu"), signature));
    await refuses("unauthentic", () => suite.verifyWithLabel(publicKey, "LeafNodeTBS", content, flipped(signature, 1)));
    await refuses("unauthentic", () => suite.verifyWithLabel(NOTHING, "LeafNodeTBS", content, signature));
  }
});

test("r = 0 and keys of small order sign nothing", async () => {
  // The identity as key and as R, S = 0: holds for every message where nobody looks at the order.
  const identity = concat(Uint8Array.of(1), new Uint8Array(31));
  const forged = concat(identity, new Uint8Array(32));

  for (const suite of TWO_SUITES) await refuses("unauthentic", () => suite.verify(identity, utf8("any"), forged));
});

test("a seal opens with its key, nonce and associated data, and a key has its size", async () => {
  for (const suite of Object.values(SUITES)) {
    const [key, nonce] = [new Uint8Array(suite.Nk), new Uint8Array(suite.Nn)];
    const sealed = await suite.seal(key, nonce, utf8("plain"), utf8("data"));

    assert.deepEqual(await suite.open(key, nonce, sealed, utf8("data")), utf8("plain"));
    await refuses("unauthentic", () => suite.open(flipped(key, 0), nonce, sealed, utf8("data")));
    await refuses("unauthentic", () => suite.open(key, flipped(nonce, 0), sealed, utf8("data")));
    await refuses("unauthentic", () => suite.open(key, nonce, sealed, utf8("date")));
    await refuses("unauthentic", () => suite.open(key, nonce, flipped(sealed, 20), utf8("data")));
  }
  await refuses("usage", () => ROOM_SUITE.seal(new Uint8Array(16), new Uint8Array(12), NOTHING, NOTHING));
});
