// Our primitives against the Wycheproof project's cases. They are not part of the repository: name their folder in
// WYCHEPROOF_DIR to run them.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { concat, fromHex, toHex } from "../../static/js/bytes.js";
import { DecapsulationKey, EncapsulationKey } from "../../static/js/protocol/keys.js";
import * as primitives from "../../static/js/protocol/primitives.js";

const DIRECTORY = process.env.WYCHEPROOF_DIR ?? "";

// Each gives what the library makes of a case, to be compared with what the file says; a refusal throws.
const RUNS = {
  aes_gcm_test: {
    takes: ({ ivSize, keySize }) => ivSize === 96 && keySize === 256,
    async run({ key, iv, aad, msg, ct, tag }) {
      const ready = await primitives.aeadKey(key);
      assert.equal(toHex(await primitives.aeadOpen(ready, iv, concat(ct, tag), aad)), toHex(msg));
      return [await primitives.aeadSeal(ready, iv, msg, aad), concat(ct, tag)];
    },
  },
  ed25519_test: {
    takes: () => true,
    run({ msg, sig }, { publicKey }) {
      primitives.ed25519Verify(fromHex(publicKey.pk), sig, msg);
      return [sig, sig];
    },
  },
  hkdf_sha256_test: {
    takes: () => true,
    run: ({ ikm, salt, info, size, okm }) => [
      primitives.hkdfExpand(primitives.hkdfExtract(salt, ikm), info, size),
      okm,
    ],
  },
  hmac_sha256_test: {
    takes: () => true,
    run: ({ key, msg, tag }) => [primitives.hmacSha256(key, msg).subarray(0, tag.length), tag],
  },
  mlkem_768: {
    takes: () => true,
    run({ seed, ek, c, K }) {
      const key = DecapsulationKey.fromBytes(seed);
      if (ek !== undefined) EncapsulationKey.fromBytes(ek).encapsulate();
      return [key.decapsulate(c), K];
    },
  },
  x25519_test: {
    takes: () => true,
    run: ({ public: theirs, private: ours, shared }) => [primitives.x25519(ours, theirs), shared],
  },
};

const HEX = [
  "key",
  "iv",
  "aad",
  "msg",
  "ct",
  "tag",
  "sig",
  "ikm",
  "salt",
  "info",
  "okm",
  "seed",
  "ek",
  "c",
  "K",
  "public",
  "private",
  "shared",
];

function bytesOf(given) {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      HEX.includes(name) && typeof value === "string" ? fromHex(value) : value,
    ]),
  );
}

/** Whether our code accepts the case and makes the file's value of it. */
async function accepts(run, given, group) {
  let made, expected;
  try {
    [made, expected] = await run(bytesOf(given), group);
  } catch (error) {
    if (error.code === undefined) throw error;
    return false;
  }
  return toHex(made) === toHex(expected);
}

for (const [name, { takes, run }] of Object.entries(RUNS)) {
  const path = join(DIRECTORY, `${name}.json`);
  const skip =
    DIRECTORY !== "" && existsSync(path) ? false : "outside the repository: WYCHEPROOF_DIR names no such folder";

  test(`${name} is judged as the project has it`, { skip }, async () => {
    let judged = 0;
    for (const group of JSON.parse(readFileSync(path, "utf8")).testGroups.filter(takes)) {
      for (const given of group.tests) {
        judged += 1;
        const accepted = await accepts(run, given, group);
        // "acceptable" are the values of small order and second spellings, which a library may refuse.
        if (given.result === "acceptable") continue;
        assert.equal(accepted, given.result === "valid", `case ${given.tcId}: ${given.comment ?? given.flags}`);
      }
    }
    assert.ok(judged > 50, `${judged} cases`);
  });
}
