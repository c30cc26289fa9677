import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, fromHex, toHex, utf8 } from "../../../static/js/bytes.js";
import * as primitives from "../../../static/js/protocol/primitives.js";
import { flipped, refuses } from "./people.js";

test("HKDF gives the values of RFC 5869", () => {
  const prk = primitives.hkdfExtract(fromHex("000102030405060708090a0b0c"), fromHex("0b".repeat(22)));

  assert.equal(toHex(prk), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  assert.equal(
    toHex(primitives.hkdfExpand(prk, fromHex("f0f1f2f3f4f5f6f7f8f9"), 42)),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
  assert.equal(
    toHex(primitives.hkdfExtract(new Uint8Array(), fromHex("0b".repeat(22)))),
    "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
  );
});

test("HKDF agrees with Web Crypto's for every length", async () => {
  const [salt, secret, info] = [utf8("salt"), utf8("secret"), utf8("info")];
  const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  for (const length of [1, 31, 32, 33, 128, 255, 8160]) {
    const theirs = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, length * 8);

    assert.deepEqual(primitives.hkdfExpand(primitives.hkdfExtract(salt, secret), info, length), new Uint8Array(theirs));
  }
  for (const length of [0, 8161]) await refuses("usage", () => primitives.hkdfExpand(new Uint8Array(32), info, length));
});

test("HMAC takes a key of any length, as RFC 4231 has it", () => {
  const long = primitives.hmacSha256(
    fromHex("aa".repeat(131)),
    utf8("Test Using Larger Than Block-Size Key - Hash Key First"),
  );

  assert.equal(
    toHex(primitives.hmacSha256(utf8("Jefe"), utf8("what do ya want for nothing?"))),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  assert.equal(toHex(long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
});

test("SHA-256 joins its parts", () => {
  assert.equal(toHex(primitives.sha256()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert.deepEqual(primitives.sha256(utf8("a"), utf8("bc")), primitives.sha256(utf8("abc")));
});

test("a seal opens with its key, nonce and associated data only", async () => {
  const [key, nonce] = [await primitives.aeadKey(new Uint8Array(32)), new Uint8Array(12)];
  const sealed = await primitives.aeadSeal(key, nonce, utf8("plain"), utf8("data"));

  assert.equal(sealed.length, 21);
  assert.deepEqual(await primitives.aeadOpen(key, nonce, sealed, utf8("data")), utf8("plain"));
  const other = await primitives.aeadKey(new Uint8Array(32).fill(1));
  await refuses("unauthentic", () => primitives.aeadOpen(other, nonce, sealed, utf8("data")));
  await refuses("unauthentic", () => primitives.aeadOpen(key, flipped(nonce, 3), sealed, utf8("data")));
  await refuses("unauthentic", () => primitives.aeadOpen(key, nonce, sealed, utf8("date")));
  await refuses("unauthentic", () => primitives.aeadOpen(key, nonce, new Uint8Array(15), utf8("")));
  for (let index = 0; index < sealed.length; index += 1) {
    await refuses("unauthentic", () => primitives.aeadOpen(key, nonce, flipped(sealed, index), utf8("data")));
  }
  await refuses("usage", () => primitives.aeadSeal(key, new Uint8Array(16), utf8(""), utf8("")));
  await refuses("usage", () => primitives.aeadKey(new Uint8Array(16)));
});

test("an AEAD key cannot be taken out again", async () => {
  await assert.rejects(crypto.subtle.exportKey("raw", await primitives.aeadKey(new Uint8Array(32))));
});

test("X25519 refuses every value of small order", async () => {
  const secret = primitives.randomBytes(32);
  const refused = [
    "00".repeat(32),
    `01${"00".repeat(31)}`,
    `ec${"ff".repeat(30)}7f`,
    `ed${"ff".repeat(30)}7f`,
    `ee${"ff".repeat(30)}7f`,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  ];

  for (const value of refused) await refuses("malformed", () => primitives.x25519(secret, fromHex(value)));
});

test("ML-KEM agrees, and refuses what is no key and no ciphertext", async () => {
  const seed = primitives.randomBytes(64);
  const [secret, ciphertext] = primitives.mlkem768Encapsulate(primitives.mlkem768Public(seed));

  assert.deepEqual(primitives.mlkem768Decapsulate(seed, ciphertext), secret);
  assert.notDeepEqual(primitives.mlkem768Decapsulate(seed, flipped(ciphertext, 0)), secret);
  await refuses("malformed", () => primitives.mlkem768Decapsulate(seed, ciphertext.subarray(1)));
  await refuses("malformed", () => primitives.mlkem768Encapsulate(new Uint8Array(1184).fill(255)));
});

test("Ed25519 makes, verifies a frozen one, refuses a changed one", async () => {
  const seed = fromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const frozen = fromHex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
      "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
  const publicKey = primitives.ed25519Public(seed);

  assert.deepEqual(primitives.ed25519Sign(seed, utf8("")), frozen);
  primitives.ed25519Verify(publicKey, frozen, utf8(""));
  for (let index = 0; index < 64; index += 1) {
    await refuses("unauthentic", () => primitives.ed25519Verify(publicKey, flipped(frozen, index), utf8("")));
  }
  await refuses("unauthentic", () => primitives.ed25519Verify(publicKey, frozen, utf8("x")));
  await refuses("unauthentic", () => primitives.ed25519Verify(publicKey, frozen.subarray(1), utf8("")));
});

test("a key of small order has no valid signature", async () => {
  const identity = concat(Uint8Array.of(1), new Uint8Array(31));
  const signature = concat(identity, new Uint8Array(32));

  for (const y of ["01", "00", "ec", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "ee"]) {
    const key = concat(fromHex(y), new Uint8Array(32)).slice(0, 32);
    if (y === "ec" || y === "ee") key.set(concat(new Uint8Array(30).fill(255), Uint8Array.of(0x7f)), 1);
    await refuses("unauthentic", () => primitives.ed25519Verify(key, signature, utf8("anything")));
  }
});

test("a message id is a UUID of version 7 with the time in front", async () => {
  const id = primitives.uuid7(0x0190_0000_0001, new Uint8Array(10).fill(255));

  assert.equal(toHex(id), "0190000000017fffbfffffffffffffff");
  assert.equal(toHex(primitives.newMessageId(5)).slice(0, 13), "0000000000057");
  assert.notDeepEqual(primitives.newMessageId(5), primitives.newMessageId(5));
  for (const time of [-1, 2 ** 48, 1.5]) await refuses("usage", () => primitives.uuid7(time, new Uint8Array(10)));
});

test("dice give every value below their limit", () => {
  const seen = new Set(Array.from({ length: 200 }, () => primitives.randomBelow(4)));

  assert.deepEqual([...seen].sort(), [0, 1, 2, 3]);
});
