// Every parser against whatever comes: any bytes give a value or a named refusal; what is taken is written just so.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import fc from "fast-check";

import { concat, fromHex, toHex } from "../../../static/js/bytes.js";
import * as bodies from "../../../static/js/protocol/bodies.js";
import { CODES } from "../../../static/js/protocol/errors.js";
import { Invite } from "../../../static/js/protocol/invite.js";
import { DiscoverySecret, IdentityPublic, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { KeyLimits, ServerParameters } from "../../../static/js/protocol/parameters.js";
import { Revoked, RevocationList } from "../../../static/js/protocol/revocation_list.js";
import { SuccessorStatement } from "../../../static/js/protocol/succession.js";
import { PARSERS, verdict } from "./parsers.js";

const CORPUS = JSON.parse(readFileSync(new URL("../../vectors/protocol_corpus.json", import.meta.url), "utf8"));
const ofFiles = ["not_yet_valid", "replayed", "forked", "unknown_peer"];
const NAMES = new Set(["ok", ...ofFiles, ...Object.values(CODES).map(({ code }) => code)]);
// Bytes that other parsers have stumbled over: byte order mark, surrogate, lengths that lie, numbers at the edge.
const STONES = ["efbbbf", "eda080", "ffff", "00", "80", "bf", "4005", "bfffffff", "1b0020000000000000", "f93c00", "a0"]
  .map(fromHex)
  .concat(["\\ud800", "1.0", "1e400", "-0", "9007199254740992", "null", '"__proto__":1,', "[[[[[[[[["].map(latin));

function latin(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

const change = fc.record({
  kind: fc.nat(3),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  size: fc.integer({ min: 1, max: 40 }),
  octet: fc.integer({ min: 1, max: 255 }),
  stone: fc.constantFrom(...STONES),
});

/** The bytes with one change: a byte, a piece gone, a piece twice, something that lies. */
function spoil(data, { kind, at, size, octet, stone }) {
  const place = Math.floor(at * data.length);
  const [before, after] = [data.subarray(0, place), data.subarray(place)];
  if (kind === 0) return data.map((each, index) => (index === place ? each ^ octet : each));
  if (kind === 1) return concat(before, after.subarray(size));
  return kind === 2 ? concat(before, after.subarray(0, size), after) : concat(before, stone, after.subarray(size % 4));
}

for (const name of Object.keys(PARSERS)) {
  const right = Object.entries(CORPUS[name])
    .filter(([, outcome]) => outcome === "ok")
    .map(([encoded]) => new Uint8Array(Buffer.from(encoded, "base64")));

  test(`${name}: spoiled bytes and any bytes are a value or a named refusal`, async () => {
    const spoiled = fc
      .tuple(fc.constantFrom(...right), fc.array(change, { minLength: 1, maxLength: 3 }))
      .map(([data, changes]) => changes.reduce(spoil, data));
    const isNamed = async (data) => assert.ok(NAMES.has(await verdict(name, data)));
    await fc.assert(fc.asyncProperty(spoiled, isNamed), { numRuns: 60 });
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), isNamed), { numRuns: 30 });
  });
}

// What is made comes back

const bytes = (minLength, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const text = fc.string({ unit: "grapheme", maxLength: 20 }).filter((each) => !each.startsWith("\ufeff"));
const [id, key] = [bytes(16), bytes(32)];
const number = fc.maxSafeNat();
const [small, code] = [fc.nat(2 ** 32 - 1), fc.nat(65_535)];
const limits = fc.tuple(small, number, number).map((each) => new KeyLimits(...each));
const signal = fc.tuple(id, number, bytes(12), bytes(17, 336)).map((each) => new bodies.SealedSignal(...each));
const locators = fc.array(text.map((each) => `https://${each.replaceAll("\n", "")}`), { maxLength: 3 });
const extensions = fc.array(fc.tuple(fc.nat(9), bytes(0, 9)), { maxLength: 3 });

/** By the class: how its members are drawn. */
const MADE = {
  ChatSend: [bodies.ChatSend, id, bytes(1, 50)],
  ChatDelivery: [bodies.ChatDelivery, id, number, number, id, bytes(1, 50)],
  FileChunk: [bodies.FileChunk, id, small, fc.boolean(), bytes(1, 80)],
  SealedSignal: [bodies.SealedSignal, id, number, bytes(12), bytes(17, 336)],
  PresenceBody: [bodies.PresenceBody, id, signal],
  ErrorBody: [bodies.ErrorBody, code, text, fc.option(id)],
  CloseNotify: [bodies.CloseNotify, code, text],
  Ack: [bodies.Ack, id, id, number],
};

for (const [name, [Kind, ...members]] of Object.entries(MADE)) {
  test(`${name}: parse of encode is what it was`, () => {
    const isSame = (given) => assert.deepEqual(Kind.parse(new Kind(...given).encode()), new Kind(...given));
    fc.assert(fc.property(fc.tuple(...members), isSame));
  });
}

test("parameters come back", () => {
  const isSame = ([maxFrameBytes, softLimits, hardLimits, idleSeconds, minimumClient]) => {
    const made = new ServerParameters({ maxFrameBytes, softLimits, hardLimits, idleSeconds, minimumClient });
    assert.deepEqual(ServerParameters.parse(made.encode()), made);
  };
  fc.assert(fc.property(fc.tuple(fc.integer({ min: 55, max: 1 << 20 }), limits, limits, small, text), isSame));
});

test("invites come back, in both versions", () => {
  const inOrder = extensions.map((pairs) => pairs.sort(([left], [right]) => left - right));
  const isSame = ([secret, pin, inviteId, psk, expires, places, more]) => {
    const made = new Invite({
      discoverySecret: secret && new DiscoverySecret(secret),
      serverPublic: new IdentityPublic(pin),
      inviteId,
      invitePsk: new PreSharedKey(psk),
      expires,
      locators: places,
      extensions: more,
    });
    const read = Invite.parse(made.encode());
    assert.equal(read.encode(), made.encode());
    assert.deepEqual([read.locators, read.extensions, read.expires], [places, more, expires]);
    assert.deepEqual(read.discoverySecret?.bytes ?? null, secret);
  };
  fc.assert(fc.property(fc.tuple(fc.option(key), key, id, key, small, locators, inOrder), isSame));
});

test("revocation lists come back, in order", () => {
  const kind = fc.constantFrom("device", "discovery", "certificate", "identity");
  const statementOf = (of) => (of === "identity" ? { statement: new Uint8Array(64) } : {});
  const ofKind = ([of, name, since]) => new Revoked({ kind: of, id: name, since, reason: "why", ...statementOf(of) });
  const list = fc.uniqueArray(fc.tuple(kind, id, number), { selector: ([of, name]) => `${of} ${name}`, maxLength: 9 });
  const isSame = (serial, issued, given) => {
    const read = RevocationList.parse(new RevocationList(serial, issued, given.map(ofKind)).encode());
    const names = given.map(([of, name]) => `${of} ${toHex(name)}`);
    const back = read.entries.map((entry) => `${entry.kind} ${toHex(entry.id)}`);
    assert.deepEqual(back, names.sort());
    assert.deepEqual([read.serial, read.issued], [serial, issued]);
  };
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 53 - 1 }), number, list, isSame));
});

test("statements come back", () => {
  const isSame = (old, begins, lasts, signed) => {
    const made = new SuccessorStatement({
      old: new IdentityPublic(old),
      new: new IdentityPublic(old.map((octet) => octet ^ 1)),
      begins,
      until: begins + lasts,
      signature: signed.slice(0, 64),
      proof: signed.slice(64),
    });
    assert.deepEqual(SuccessorStatement.parse(made.encode()).encode(), made.encode());
  };
  fc.assert(fc.property(key, fc.nat(2 ** 31 - 1), fc.integer({ min: 1, max: 7_776_000 }), bytes(128), isSame));
});
