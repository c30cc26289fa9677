import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { SealedConnectionFile } from "../../../static/js/protocol/connection_file.js";
import { encodeJson, parseJson } from "../../../static/js/protocol/encoding.js";
import { keyId } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey, DiscoverySecret, IdentityKey } from "../../../static/js/protocol/keys.js";
import {
  checkIdentityRevocation,
  entriesThatFit,
  RevocationKind,
  RevocationList,
  Revoked,
  revokedId,
  SealedRevocationList,
  sealRevocationList,
  signIdentityRevocation,
} from "../../../static/js/protocol/revocation_list.js";
import { flipped, refuses } from "./people.js";

const NOW = 1_700_000_000;
const [ALICE, SUCCESSOR, MALLORY] = [1, 2, 3].map(() => IdentityKey.generate());
const SECRET = DiscoverySecret.generate();
const BOBS_PHONE = DeviceKey.generate().public;

const entry = (changes = {}) =>
  new Revoked({ kind: RevocationKind.DEVICE, id: revokedId(BOBS_PHONE.bytes), since: NOW, reason: "lost", ...changes });
const ended = (signer = ALICE, changes = {}) =>
  entry({
    kind: RevocationKind.IDENTITY,
    id: revokedId(ALICE.public.bytes),
    statement: signIdentityRevocation(signer),
    ...changes,
  });
const list = (...entries) => new RevocationList(NOW, NOW, entries);
const publish = (what, more = {}) => sealRevocationList(what, SECRET, ALICE, NOW, more);
const open = (data, secrets = SECRET, pins = [ALICE.public]) => SealedRevocationList.parse(data).open(secrets, pins);

/** The published object with other members. */
const altered = async (changes) => encodeJson({ ...parseJson(await publish(list(entry())), 65_536), ...changes });

test("a list comes back whole, its entries in order", async () => {
  const opened = await open(await publish(list(ended(), entry())));

  assert.deepEqual([opened.serial, opened.issued], [NOW, NOW]);
  assert.deepEqual(
    opened.entries.map(({ kind, since, reason }) => [kind, since, reason]),
    [
      ["device", NOW, "lost"],
      ["identity", NOW, "lost"],
    ],
  );
  assert.equal(opened.find(RevocationKind.DEVICE, revokedId(BOBS_PHONE.bytes)).reason, "lost");
  assert.equal(opened.find(RevocationKind.CERTIFICATE, revokedId(BOBS_PHONE.bytes)), null);
  assert.equal(opened.find(RevocationKind.DEVICE, revokedId(ALICE.public.bytes)), null);
});

test("its size says nothing", async () => {
  for (const count of [0, 1, 50]) {
    const entries = Array.from({ length: count }, (_, at) => entry({ id: revokedId(Uint8Array.of(at)) }));
    assert.equal((await publish(list(...entries))).length % 4096, 0);
  }
});

test("only a pinned server or its successor is believed, and only as a list", async () => {
  const both = await publish(list(entry()), { successor: SUCCESSOR });

  for (const pin of [ALICE.public, SUCCESSOR.public]) assert.equal((await open(both, SECRET, [pin])).serial, NOW);
  await refuses("unauthentic", () => open(both, SECRET, [MALLORY.public]));
  await refuses("usage", () => open(both, SECRET, []));
  await refuses("usage", () => publish(list(), { successor: ALICE }));
  await refuses("unauthentic", () => SealedConnectionFile.parse(both).open(SECRET, [ALICE.public]));
});

test("the former secret opens nothing new", async () => {
  const [data, former] = [await publish(list(entry())), DiscoverySecret.generate()];
  const byKid = new Map([former, SECRET].map((each) => [toHex(keyId(each)), each]));

  assert.equal((await open(data, byKid)).serial, NOW);
  await refuses("unknown_peer", () => open(data, former));
  await refuses("unauthentic", () => open(data, new Map([[toHex(keyId(SECRET)), former]])));
});

test("wraps have no place in a list", async () => {
  assert.equal((await open(await altered({ wraps: "AAAA" }))).serial, NOW);
});

test("what is no list is refused", async () => {
  await refuses("malformed", () => open(new Uint8Array()));
  await refuses("too_large", () => open(new Uint8Array(65_537)));
  await refuses("unsupported_version", () => altered({ v: 3 }).then(open));
  for (const name of ["iv", "ciphertext", "tag", "sig", "kid", "algorithm"]) {
    await refuses("malformed", () => altered({ [name]: 0 }).then(open));
  }
});

test("an identity ends itself, and nobody else does", async () => {
  assert.ok(checkIdentityRevocation(ended(), ALICE.public));
  assert.ok(!checkIdentityRevocation(ended(), MALLORY.public));
  assert.ok(!checkIdentityRevocation(ended(MALLORY), ALICE.public));
  assert.ok(!checkIdentityRevocation(ended(ALICE, { id: revokedId(MALLORY.public.bytes) }), ALICE.public));
  assert.ok(!checkIdentityRevocation(ended(ALICE, { kind: RevocationKind.DEVICE }), ALICE.public));
  assert.ok(!checkIdentityRevocation(ended(ALICE, { statement: new Uint8Array() }), ALICE.public));
  const { statement } = ended();
  for (let index = 0; index < 64; index += 1) {
    assert.ok(!checkIdentityRevocation(ended(ALICE, { statement: flipped(statement, index) }), ALICE.public));
  }
});

test("a list nobody would believe is not published", async () => {
  for (const wrong of [
    new RevocationList(0, NOW, []),
    new RevocationList(2 ** 53, NOW, []),
    list(entry(), entry()),
    list(entry({ reason: "x".repeat(129) })),
    list(entry({ reason: "two\nlines" })),
    list(entry({ id: new Uint8Array(15) })),
    list(entry({ statement: new Uint8Array(64) })),
    list(ended(ALICE, { statement: new Uint8Array() })),
    list(entry({ kind: "person" })),
  ]) {
    await refuses("usage", () => publish(wrong));
  }
});

test("what does not fit is left out: the oldest secrets first", async () => {
  const kinds = ["discovery", "device", "certificate"];
  const many = kinds.flatMap((kind) =>
    Array.from({ length: 200 }, (_, at) => entry({ kind, id: revokedId(Uint8Array.of(at)), since: at, reason: "" })),
  );
  const kept = entriesThatFit([...many, ended()]);

  assert.equal(kept.length, 400);
  assert.deepEqual(
    [...kinds, "identity"].map((kind) => kept.filter((each) => each.kind === kind).length),
    [0, 199, 200, 1],
  );
  assert.ok(!kept.some(({ kind, since }) => kind === "device" && since === 0));
  const long = entriesThatFit(many.map((each) => new Revoked({ ...each, reason: "ß".repeat(128) })));
  assert.ok(long.length < 200 && long.every(({ kind }) => kind === "certificate"));
  assert.ok((await publish(list(...long))).length <= 65_536);
});
