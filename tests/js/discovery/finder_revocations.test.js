import assert from "node:assert/strict";
import { test } from "node:test";

import { Identities } from "../../../static/js/discovery/identities.js";
import { keyId } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey, DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { CLOCK_SKEW_SECONDS } from "../../../static/js/protocol/limits.js";
import { RevocationKind, Revoked, revokedId, signIdentityRevocation } from "../../../static/js/protocol/revocation_list.js";
import { signSuccession } from "../../../static/js/protocol/succession.js";
import { LIST, MIRROR, NOW, setUp } from "../fakes/publishing.js";
import { until } from "../fakes/until.js";

const revoked = (kind, key, statement) => new Revoked({ kind, id: revokedId(key), since: NOW, reason: "lost", statement });

test("a list that was kept and is none any more is asked for again", async () => {
  const { finder, publish, publishList, mirrors, lists } = setUp();
  const { file, head } = await publishList(3, []);
  mirrors[LIST] = file;

  await finder.restore(null, { file: new TextEncoder().encode("{}"), serial: 3, digest: head.sha256 });
  await finder.accept(await publish(7, undefined, { revocations: head }), MIRROR);

  await until(() => lists.length === 1);
});

test("who has closed asks for no list", async () => {
  const asked = [];
  const fetchBytes = async (url) => asked.push(url) && Promise.reject(new Error("away"));
  const { finder, publish, publishList } = setUp({ fetchBytes });
  const { head } = await publishList(3, []);

  finder.close();
  await finder.accept(await publish(7, undefined, { revocations: head }), MIRROR);
  await new Promise((resolve) => setTimeout(resolve, 20));

  assert.deepEqual(asked, []);
});

test("a list by which the server ends itself ends this client, and nothing is believed after it", async () => {
  const { finder, publish, publishList, mirrors, lists, identity } = setUp();
  let told = 0;
  finder.whenRevoked = () => (told += 1);
  const statement = signIdentityRevocation(identity);
  const { file, head } = await publishList(3, [revoked(RevocationKind.IDENTITY, identity.public.bytes, statement)]);
  mirrors[LIST] = file;

  await finder.accept(await publish(7, undefined, { revocations: head }), MIRROR);
  await until(() => told === 1);

  assert.equal(lists[0].serial, 3);
  await assert.rejects(finder.refresh(), { code: "revoked" });
  await assert.rejects(finder.accept(await publish(8), null), { code: "revoked" });
});

test("a list that says the same without the server's own word ends nothing; other identities do not matter", async () => {
  const { finder, publish, publishList, mirrors, lists, identity } = setUp();
  const other = IdentityKey.generate();
  const { file, head } = await publishList(3, [
    revoked(RevocationKind.IDENTITY, identity.public.bytes, signIdentityRevocation(other)),
    revoked(RevocationKind.IDENTITY, other.public.bytes, signIdentityRevocation(other)),
  ]);
  mirrors[LIST] = file;

  await finder.accept(await publish(7, undefined, { revocations: head }), MIRROR);
  await until(() => lists.length === 1);

  await finder.accept(await publish(8), null);
  assert.equal(finder.info.serial, 8);
});

/** A finder of a device that was told who follows, and how that device stands. */
async function whileHandingOver(more = {}) {
  const [successor, device] = [IdentityKey.generate(), {}];
  const save = async (changes) => void (device.kept = { ...device.kept, ...changes });
  const options = { ...more, identities: new Identities(() => device.kept, save) };
  const made = setUp(options);
  device.kept = { public_key: made.identity.public.bytes };
  const statement = signSuccession(made.identity, successor, NOW, NOW + 3600).encode();
  await options.identities.learn(statement, NOW);
  return { ...made, ...options, successor, device };
}

test("while one identity hands over, files of both are believed, and of nobody else", async () => {
  const { finder, publish, identity, successor, identities } = await whileHandingOver();
  await finder.accept(await publish(7), null);
  await assert.rejects(finder.accept(await publish(8, undefined, { signer: IdentityKey.generate() }), null), {
    code: "unauthentic",
  });
  assert.equal(identities.pins.length, 2);
  await finder.accept(await publish(8, undefined, { signer: successor }), null);

  assert.deepEqual(identities.pins.map(String), [String(successor.public)]);
  await assert.rejects(finder.accept(await publish(9, undefined, { signer: identity }), null), { code: "unauthentic" });
});

test("an identity that handed over and ends itself costs nobody the server, also when the page ends there", async () => {
  const { finder, publish, publishList, mirrors, lists, saved, identity, successor, identities, device } =
    await whileHandingOver();
  const before = device.kept;
  const statement = signIdentityRevocation(identity);
  const { file, head } = await publishList(3, [revoked(RevocationKind.IDENTITY, identity.public.bytes, statement)]);
  mirrors[LIST] = file;
  await finder.accept(await publish(7, undefined, { revocations: head }), MIRROR);
  await until(() => lists.length === 1 && identities.pins.length === 1);

  assert.deepEqual(identities.pins.map(String), [String(successor.public)]);
  await finder.accept(await publish(8, undefined, { signer: successor }), null);
  device.kept = before;
  await finder.restore(saved[0], lists[0]);
  assert.deepEqual(identities.pins.map(String), [String(successor.public)]);
  assert.equal((await finder.pins()).length, 1);
});

test("only the server tells that a handover is over; what was kept from its time still opens", async (t) => {
  const { finder, publish, saved, successor } = await whileHandingOver();
  await finder.accept(await publish(7), null);
  const { now } = Date;
  t.mock.method(Date, "now", () => now() + 7200 * 1000);
  assert.equal((await finder.pins()).length, 2);
  finder.clockOffsetMs = -7200 * 1000;
  assert.equal((await finder.pins()).length, 2);
  finder.clockOffsetMs = 0;
  assert.deepEqual((await finder.pins()).map(String), [String(successor.public)]);

  await finder.restore(saved[0]);
  assert.equal(finder.info.serial, 7);
  await assert.rejects(finder.accept(await publish(8), null), { code: "unauthentic" });
});

test("a list from before a handover was over still holds after a reload", async () => {
  const devicePublic = DeviceKey.generate().public;
  const { finder, publish, publishList, mirrors, lists, saved, identities } = await whileHandingOver({ devicePublic });
  const { file, head } = await publishList(3, [revoked(RevocationKind.DEVICE, devicePublic.bytes)]);
  mirrors[LIST] = file;
  await finder.accept(await publish(7, undefined, { revocations: head }), MIRROR);
  await until(() => lists.length === 1);
  await identities.end(NOW + 3600);

  await finder.restore(saved[0], lists[0]);

  await assert.rejects(finder.pins(), { code: "revoked" });
});

test("files from before their secret was revoked count no more, also after a reload", async () => {
  const [former, psk] = [DiscoverySecret.generate(), PreSharedKey.generate()];
  const { finder, publish, publishList, mirrors, lists, learned } = setUp({ psks: () => [psk] });
  const { file, head } = await publishList(3, [revoked(RevocationKind.DISCOVERY, keyId(former))]);
  mirrors[LIST] = file;
  await finder.accept(await publish(7, undefined, { revocations: head }), MIRROR);
  await until(() => lists.length === 1);

  await finder.restore(null, lists[0]);

  const psks = [psk];
  const old = await publish(9, undefined, { secret: former, psks, timestamp: NOW + CLOCK_SKEW_SECONDS });
  await assert.rejects(finder.accept(old, null), { code: "unknown_peer", message: /revoked/ });
  // Only a server that was restored from a backup signs one later.
  const restored = await publish(9, undefined, { secret: former, psks, timestamp: NOW + CLOCK_SKEW_SECONDS + 1 });
  await finder.accept(restored, null);
  assert.ok(learned.at(-1).equals(former));
});

test("a device on the list is shut out", async () => {
  const device = DeviceKey.generate();
  const { finder, publish, publishList, mirrors } = setUp({ devicePublic: device.public });
  let told = false;
  finder.whenRevoked = () => (told = true);
  const { file, head } = await publishList(3, [revoked(RevocationKind.DEVICE, device.public.bytes)]);
  mirrors[LIST] = file;

  await finder.accept(await publish(7, undefined, { revocations: head }), MIRROR);

  await until(() => told);
});

test("another list than the file names, and an older one, are not taken", async () => {
  const { finder, publish, publishList, mirrors, lists } = setUp();
  const [first, second, third] = await Promise.all([5, 4, 6].map((serial) => publishList(serial, [])));
  mirrors[LIST] = first.file;
  await finder.accept(await publish(7, undefined, { revocations: first.head }), MIRROR);
  await until(() => lists.length === 1);

  mirrors[LIST] = second.file;
  await finder.accept(await publish(8, undefined, { revocations: second.head }), MIRROR);
  await finder.accept(await publish(9, undefined, { revocations: third.head }), MIRROR);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(lists.length, 1);
  mirrors[LIST] = third.file;
  await finder.accept(await publish(10, undefined, { revocations: third.head }), MIRROR);

  await until(() => lists.length === 2);
  assert.equal(lists[1].serial, 6);
});

test("a list that no place has yet is asked for again", async () => {
  const { finder, publish, publishList, mirrors, lists } = setUp();
  const { file, head } = await publishList(5, []);
  await finder.accept(await publish(7, undefined, { revocations: head }), MIRROR);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(lists.length, 0);
  mirrors[LIST] = file;

  await until(() => lists.length === 1);
});
