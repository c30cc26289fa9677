import assert from "node:assert/strict";
import { test } from "node:test";

import { Identities } from "../../../static/js/discovery/identities.js";
import { IdentityKey } from "../../../static/js/protocol/keys.js";
import { signSuccession } from "../../../static/js/protocol/succession.js";

const NOW = 1_760_000_000;
const UNTIL = NOW + 86_400;

/** A device that believes `old`, and what it has on its disk. */
function setUp() {
  const [old, successor] = [IdentityKey.generate(), IdentityKey.generate()];
  let kept = { public_key: old.public.bytes };
  const save = async (changes) => void (kept = { ...kept, ...changes });
  const statement = signSuccession(old, successor, NOW, UNTIL).encode();
  const load = () => new Identities(() => kept, save);
  return { old, successor, statement, load, identities: load() };
}

const names = (given, people) =>
  given.map((each) => Object.keys(people).find((name) => people[name].public.equals(each)));

test("both are believed while one hands over, the new one first, also after a reload", async () => {
  const { old, successor, statement, identities, load } = setUp();
  assert.deepEqual(names(identities.pins, { old, successor }), ["old"]);
  await identities.learn(statement, NOW);
  await identities.learn(statement, UNTIL + 1);
  assert.deepEqual(names(load().pins, { old, successor }), ["successor", "old"]);
  assert.ok(load().shown.equals(old.public));
});

test("only a pinned identity hands over, in its own name and its own time", async () => {
  const { old, successor, statement, identities, load } = setUp();
  const flipped = (at) => statement.map((byte, index) => (index === at ? byte ^ 1 : byte));
  const stranger = signSuccession(IdentityKey.generate(), successor, NOW, UNTIL).encode();
  const refusals = [
    [statement.slice(1), NOW, "malformed"], [stranger, NOW, "unknown_peer"], [flipped(100), NOW, "unauthentic"],
    [flipped(200), NOW, "unauthentic"], [statement, UNTIL, "expired"], [statement, NOW - 301, "not_yet_valid"],
  ];
  for (const [data, now, code] of refusals) await assert.rejects(identities.learn(data, now), { code });
  assert.deepEqual(names(load().pins, { old }), ["old"]);
});

test("when the time is over, or the file names the new one, the old one opens only what was kept", async () => {
  for (const end of [({ end: over }) => over.end(UNTIL), ({ end: over, successor }) => over.named(successor.public)]) {
    const { old, successor, statement, identities, load } = setUp();
    await identities.learn(statement, NOW);
    await identities.end(UNTIL - 1);
    await identities.named(old.public);
    assert.equal(identities.pins.length, 2);
    await end({ end: identities, successor });
    assert.deepEqual(names(load().pins, { old, successor }), ["successor"]);
    assert.deepEqual(names(load().ofKept, { old, successor }), ["successor", "old"]);
    assert.ok(load().shown.equals(successor.public));
  }
});

test("an identity that ends itself leaves the other; the last one is nobody's to drop", async () => {
  for (const [ended, left] of [["old", "successor"], ["successor", "old"]]) {
    const { old, successor, statement, identities } = setUp();
    await identities.learn(statement, NOW);
    await identities.revoked({ old, successor }[ended].public);
    assert.deepEqual(names(identities.pins, { old, successor }), [left]);
    await identities.revoked({ old, successor }[left].public);
    assert.deepEqual(names(identities.pins, { old, successor }), [left]);
  }
});

test("who follows may hand over in turn", async () => {
  const { old, successor, statement, identities } = setUp();
  const third = IdentityKey.generate();
  await identities.learn(statement, NOW);
  await identities.learn(signSuccession(successor, third, NOW, UNTIL).encode(), NOW);
  assert.deepEqual(names(identities.pins, { old, successor, third }), ["third", "successor"]);
});
