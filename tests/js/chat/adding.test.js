import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeServer } from "../fakes/server.js";
import { closeAll, enrolled, enrolledKnownTo, until } from "./people.js";

afterEach(closeAll);

/** Alice with a room, bob whom she knows, and what the server has of his key packages. */
async function aboutToAdd() {
  const server = new FakeServer();
  const alice = await enrolled(server, "alice");
  const bob = await enrolledKnownTo(alice.app, server, "bob");
  const carol = await enrolledKnownTo(alice.app, server, "carol");
  const roomId = await alice.app.createRoom("Garden");
  const stockOf = ({ userId }) => {
    const [device] = server.service.members.get(userId).devices.keys();
    return server.service.packages.get(device);
  };
  for (const person of [bob, carol]) await until(person.app, () => stockOf(person)?.once.length > 20);
  return { server, alice, bob, carol, roomId, hers: stockOf(carol), his: stockOf(bob) };
}

const flipped = (bytes, position) => bytes.map((octet, index) => (index === position ? octet ^ 1 : octet));

test("key packages that are spoilt, forged or somebody else's are passed over, and the next one serves", async () => {
  const { alice, bob, roomId, his, hers } = await aboutToAdd();
  const sound = his.once[0];
  his.once.unshift(
    new Uint8Array(), new Uint8Array(1500), flipped(sound, sound.length - 1), sound.slice(0, -1), hers.once[0],
  );

  await alice.app.addPeople(roomId, [bob.userId]);

  await until(bob.app, () => bob.app.rooms[0]?.name === "Garden");
});

test("who has left nothing sound cannot be added, and the room stays as it was", async (t) => {
  const { alice, bob, roomId, his } = await aboutToAdd();
  const sound = his.once[0];
  Object.assign(his, { once: [], lastResort: flipped(sound, 100) });
  const { now } = Date;
  let ahead = 0;
  t.mock.method(Date, "now", () => now() + (ahead += 500));

  await assert.rejects(alice.app.addPeople(roomId, [bob.userId]), { code: "no_package" });

  assert.deepEqual(alice.app.rooms[0].members, [alice.app.me.userId]);
});

test("a key package out of its time is none, however sound", async (t) => {
  const { alice, bob, roomId } = await aboutToAdd();
  const { now } = Date;
  let ahead = 40 * 86_400_000;
  t.mock.method(Date, "now", () => now() + (ahead += 500));

  await assert.rejects(alice.app.addPeople(roomId, [bob.userId]), { code: "no_package" });
});

test("a commit whose blobs the server let go, for its clock was set forward, stages them again", async () => {
  const { server, alice, bob, roomId } = await aboutToAdd();
  let commits = 0;
  server.beforeAnswer = (_session, op) => {
    if (op === "room.commit" && ++commits === 1) server.service.blobs.clear();
  };

  await alice.app.addPeople(roomId, [bob.userId]);

  await until(bob.app, () => bob.app.rooms[0]?.name === "Garden");
  assert.equal(commits, 2);
});
