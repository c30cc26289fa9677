import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { fromHex } from "../../../static/js/bytes.js";
import { SignalBoard, WRITING_MS } from "../../../static/js/chat/signal_board.js";
import { Signals } from "../../../static/js/chat/signals.js";
import { Transcript } from "../../../static/js/chat/transcript.js";
import { PresenceBody, SealedSignal } from "../../../static/js/protocol/bodies.js";
import { FakeServer } from "../fakes/server.js";
import { ANNA, BERT, Room as MlsRoom } from "../mls/room.js";
import { closeAll, pairInRoom, texts, until } from "./people.js";

afterEach(closeAll);

const ROOM = "0a".repeat(16);
const ME = { userId: "me", deviceId: new Uint8Array(16) };
const said = (seq, sender) => ({ id: `m${seq}`, seq, sender, kind: "text", text: "", own: false });
const roomWith = (...entries) => ({ id: ROOM, transcript: new Transcript(entries) });

test("who writes does so for six seconds, longer when told again, and until their message is there", () => {
  const board = new SignalBoard();
  const room = roomWith(said(1, "bob"));
  board.wrote(room, "bob", 1, 1000);
  board.wrote(room, "ada", 1, 2000);
  assert.deepEqual(board.writers(room, 2000), ["bob", "ada"]);
  board.wrote(room, "bob", 1, 5000);
  assert.deepEqual(board.writers(room, 5000), ["bob", "ada"], "the order is that of their beginning");
  assert.deepEqual(board.writers(room, 2000 + WRITING_MS), ["bob"]);
  room.transcript.append(said(2, "ada"));
  assert.deepEqual(board.writers(room, 5500), ["bob"]);
  room.transcript.append(said(3, "bob"));
  assert.deepEqual(board.writers(room, 5500), []);
  board.wrote(room, "bob", 2, 5500);
  assert.deepEqual(board.writers(room, 5500), [], "told before the message that is there already");
  board.wrote(room, "bob", 3, 5600);
  assert.deepEqual(board.writers(room, 5600), ["bob"], "the next one, within the six seconds");
  assert.deepEqual(board.writers({ ...room, id: "another" }, 5600), []);
});

test("a read mark never goes back, and is for one room", () => {
  const board = new SignalBoard();
  board.hasRead(ROOM, "bob", 5);
  board.hasRead(ROOM, "bob", 3);
  board.hasRead(ROOM, "ada", 4);
  assert.deepEqual(board.readers(ROOM, 4), ["bob", "ada"]);
  assert.deepEqual(board.readers(ROOM, 5), ["bob"]);
  assert.deepEqual(board.readers(ROOM, 6), []);
  assert.deepEqual(board.readers("another", 1), []);
});

test("two people see that the other one writes, and has read; nothing of it is a message", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  await alice.app.send(roomId, "hello");
  await until(bob.app, () => texts(bob.app, roomId).length === 1);
  await until(alice.app, () => alice.app.messages(roomId).at(-1).seq !== null);
  const rows = server.service.log(roomId).length;

  bob.app.signals.typing(roomId);
  await until(alice.app, () => alice.app.signals.writers(roomId).length === 1);
  bob.app.signals.seen(roomId);
  const { seq } = alice.app.messages(roomId).at(-1);
  await until(alice.app, () => alice.app.signals.readers(roomId, seq).length === 1);

  assert.deepEqual(alice.app.signals.writers(roomId), [bob.userId]);
  assert.deepEqual(alice.app.signals.readers(roomId, seq), [bob.userId]);
  assert.deepEqual(bob.app.signals.writers(roomId), []);
  assert.equal(server.service.log(roomId).length, rows);
  await bob.app.send(roomId, "written");
  await until(alice.app, () => texts(alice.app, roomId).length === 2);
  assert.deepEqual(alice.app.signals.writers(roomId), []);
});

test("what is not of this epoch, room and sender is dropped, and the session goes on", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const passOn = server.passOn.bind(server);
  let caught = null;
  server.passOn = (from, body) => (caught = { from, body });
  bob.app.signals.typing(roomId);
  await until(bob.app, () => caught !== null);
  const { from, body: { roomId: room, signal } } = caught;
  const aliceDevice = [...server.sessions].find((session) => session !== from).device;
  const changed = (changes) => {
    const { sender, epoch, nonce, sealed } = { ...signal, ...changes };
    return new PresenceBody(room, new SealedSignal(sender, epoch, nonce, sealed));
  };

  const flipped = signal.sealed.slice();
  flipped[0] ^= 1;
  passOn(from, changed({ epoch: signal.epoch + 1 }));
  passOn(from, changed({ sender: aliceDevice }));
  passOn(from, changed({ sender: new Uint8Array(16) }));
  passOn(from, changed({ sealed: flipped }));
  await bob.app.send(roomId, "after them");
  await until(alice.app, () => texts(alice.app, roomId).length === 1);
  assert.deepEqual(alice.app.signals.writers(roomId), []);

  passOn(from, caught.body);
  await until(alice.app, () => alice.app.signals.writers(roomId).length === 1);
  assert.equal(alice.app.connection.status, "connected");
});

test("writing is told every four seconds, reading once a second and only when it changed", async () => {
  const sent = [];
  const rooms = await roomOf(sent);
  let now = 10_000;
  const signals = new Signals({ rooms, me: ME, changed() {}, now: () => now });
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    for (let typed = 0; typed < 90; typed += 1) {
      signals.typing(ROOM);
      now += 100;
    }
    await settled();
    assert.equal(sent.length, 3);
    signals.typed(ROOM);
    signals.typing(ROOM);
    await settled();
    assert.equal(sent.length, 4);

    for (let seq = 2; seq < 30; seq += 1) {
      rooms.get(ROOM).transcript.append(said(seq, "bob"));
      signals.seen(ROOM);
      signals.seen(ROOM);
    }
    // Sent before its turn came: nobody writes any more.
    signals.typed(ROOM);
    signals.typing(ROOM);
    signals.typed(ROOM);
    await settled();
    assert.equal(sent.length, 4);
    now += 1000;
    mock.timers.tick(1000);
    await settled();
    assert.equal(sent.length, 5);
    signals.typing(ROOM);
    await settled();
    assert.equal(sent.length, 5);
    now += 1000;
    mock.timers.tick(1000);
    await settled();
    assert.equal(sent.length, 6);
    now += 5000;
    signals.seen(ROOM);
    mock.timers.tick(5000);
    await settled();
    assert.equal(sent.length, 6);
  } finally {
    signals.close();
    mock.timers.reset();
  }
});

test("where nothing may be sent, nothing is, and what was seen meanwhile is told later", async () => {
  const sent = [];
  const rooms = await roomOf(sent);
  const room = rooms.get(ROOM);
  const channel = room.readyChannel;
  let now = 10_000;
  const signals = new Signals({ rooms, me: ME, changed() {}, now: () => now });
  room.transcript.append(said(7, "bob"));
  room.readyChannel = null;
  signals.typing(ROOM);
  now += 5000;
  signals.seen(ROOM);
  now += 5000;
  signals.typing("no such room");
  room.readyChannel = channel;
  room.isAble = false;
  await settled();
  now += 5000;
  signals.seen(ROOM);
  await settled();
  assert.equal(sent.length, 0);

  room.isAble = true;
  now += 5000;
  signals.seen(ROOM);
  await settled();
  assert.equal(sent.length, 1);
  signals.close();
});

/** A room as Signals sees one, of two people, whose session keeps what it is given. */
async function roomOf(sent) {
  const group = (await MlsRoom.of(ANNA, BERT)).groups.get(ANNA);
  const readyChannel = { sendSignal: (payload) => sent.push(payload) };
  const room = { ...roomWith(said(1, "bob")), roomId: fromHex(ROOM), group, isAble: true, readyChannel };
  return { get: (id) => (id === ROOM ? room : null) };
}

/** Long enough for a signal to be sealed. */
async function settled() {
  for (let round = 0; round < 20; round += 1) await globalThis.crypto.subtle.digest("SHA-256", new Uint8Array(1));
}
