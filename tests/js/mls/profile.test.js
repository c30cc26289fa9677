// The bytes of the room profile; tests/mls/test_profile.py holds the same ones for Python.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { concat, toHex } from "../../../static/js/bytes.js";
import {
  REQUIRED_CAPABILITIES,
  Roles,
  ROLES_EXTENSION,
  ROOM_CAPABILITIES,
  roomExtensions,
  Vouch,
  VOUCHER_EXTENSION,
  voucherExtension,
} from "../../../static/js/mls/profile.js";
import { Malformed } from "../../../static/js/protocol/errors.js";

const [A, B, C] = [1, 2, 3].map((octet) => new Uint8Array(16).fill(octet));
const [ONE, TWO] = [new Vouch(new Uint8Array(32).fill(1), A), new Vouch(new Uint8Array(32).fill(2), B)];
const octets = (...values) => Uint8Array.from(values);
const VOUCHES = concat(octets(0, 2), ONE.public, A, TWO.public, B);
const ENCODED = concat(octets(1, 1, 0, 2), A, B, VOUCHES);

const WRONG = {
  "another version": concat(octets(2), ENCODED.slice(1)),
  "another who_may_add": concat(octets(1, 2), ENCODED.slice(2)),
  "a byte more": concat(ENCODED, octets(0)),
  "a byte less": ENCODED.slice(0, -1),
  nothing: octets(),
  "administrators that descend": concat(octets(1, 1, 0, 2), B, A, octets(0, 0)),
  "an administrator twice": concat(octets(1, 1, 0, 2), A, A, octets(0, 0)),
  "vouchers that descend": concat(octets(1, 1, 0, 0, 0, 2), TWO.public, B, ONE.public, A),
  "a voucher twice": concat(octets(1, 1, 0, 0, 0, 2), ONE.public, A, ONE.public, B),
};

describe("the room profile", () => {
  it("is its bytes", () => {
    assert.equal(toHex(ROOM_CAPABILITIES.encode()), "02000102f04e04f0c1f0c200020001");
    assert.equal(toHex(REQUIRED_CAPABILITIES.encode()), "00030904f0c1f0c200020001");
    assert.deepEqual([ROLES_EXTENSION, VOUCHER_EXTENSION], [0xf0c1, 0xf0c2]);
    assert.equal(toHex(voucherExtension(ONE.public).encode()), `f0c220${"01".repeat(32)}`);
  });

  it("writes roles in one order, and an administrator who is named twice once", () => {
    const roles = new Roles(true, [B, A, B], [TWO, ONE]);

    assert.deepEqual(roles.encode(), ENCODED);
    assert.deepEqual(Roles.parse(ENCODED), new Roles(true, [A, B], [ONE, TWO]));
  });

  for (const [name, data] of Object.entries(WRONG)) {
    it(`knows no roles with ${name}`, () => assert.throws(() => Roles.parse(data), Malformed));
  }

  it("finds the roles of a context, once", () => {
    const roles = new Roles(false, [A]);

    assert.deepEqual(Roles.of(roomExtensions(roles)), roles);
    for (const extensions of [[], [REQUIRED_CAPABILITIES], [roles.extension(), roles.extension()]]) {
      assert.throws(() => Roles.of(extensions), Malformed);
    }
  });

  it("tells who administers and who may add", () => {
    const [closed, open] = [new Roles(false, [A, B]), new Roles(true, [A, B])];

    assert.deepEqual(
      [closed.administers(A, [A, C]), closed.administers(C, [A, C]), closed.administers(C, [C])],
      [true, false, true],
    );
    assert.deepEqual([closed.mayAdd(A, [A, C]), closed.mayAdd(C, [A, C])], [true, false]);
    assert.deepEqual([open.mayAdd(C, [A, C]), open.administers(C, [A, C])], [true, false]);
  });

  it("finds an open voucher by its key", () => {
    const roles = new Roles(true, [], [ONE, TWO]);

    assert.equal(roles.vouch(TWO.public), TWO);
    assert.equal(roles.vouch(new Uint8Array(32).fill(3)), null);
  });
});
