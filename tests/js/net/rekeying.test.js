import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "../../../static/js/bytes.js";
import { Channel } from "../../../static/js/net/channel.js";
import { Ack, parseExchange, Response } from "../../../static/js/protocol/bodies.js";
import { MessageType } from "../../../static/js/protocol/frame.js";
import { KeyLimits, ServerParameters } from "../../../static/js/protocol/handshake.js";
import { newMessageId, randomBytes } from "../../../static/js/protocol/primitives.js";
import { ServerRekey } from "../../../static/js/protocol/rekey.js";
import { sessionPair } from "../fakes/sessions.js";
import { until } from "../fakes/until.js";

const ROOM = new Uint8Array(16).fill(1);
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

/** A channel, and a server that answers a rekey while `answers` is true. Time passes when the test says so. */
async function open(t, { softLimits, hardLimits } = {}) {
  const pair = await sessionPair(new ServerParameters({ softLimits, hardLimits }));
  const { client, server, identity, device } = pair;
  t.mock.timers.enable({ apis: ["setInterval"] });
  let now = 0;
  t.mock.method(performance, "now", () => now * 1000);
  const state = { answers: true, closed: [], heard: [], told: [], failure: null };
  const sign = async (message) => device.sign(message);
  const wire = {
    send: (frame) => server.open(frame).then(({ type, payload }) => state.heard.push([type, payload]), fail),
    close: (code) => state.closed.push(code),
  };
  const handlers = { ack: (_channel, { seq }) => state.told.push(seq) };
  const channel = new Channel({ wire, session: client, serverPublic: identity.public, sign, handlers });
  const fail = (cause) => (state.failure ??= cause);
  const tell = (type, payload) => {
    const sealing = server.seal(type, payload, randomBytes(16), 1);
    return sealing.then((frame) => channel.receive(frame), fail);
  };
  const machine = new ServerRekey(server, device.public, (message) => identity.sign(message), now);
  server.handRekeyTo((payload) => {
    if (!state.answers) return;
    const answer = machine.receive(payload, now);
    if (answer) tell(MessageType.KEY_ROTATION, answer);
  });
  t.after(() => channel.ended(1000));
  return {
    channel, server, state, tell,
    ask: () => tell(MessageType.KEY_ROTATION, machine.request()),
    /** Both ends have reached this epoch. */
    reached: (epoch) => until(() => channel.epoch === epoch && server.epoch === epoch),
    begun: () => state.heard.filter(([type, [kind]]) => type === MessageType.KEY_ROTATION && kind === 1).length,
    async pass(seconds) {
      for (let second = 0; second < seconds; second += 1) {
        now += 1;
        t.mock.timers.tick(1000);
      }
      await settle();
    },
  };
}

const epochs = ({ channel, server }) => [channel.epoch, server.epoch];

test("keys an hour old are replaced, and nothing else happens", async (t) => {
  const line = await open(t);

  await line.pass(3599);
  assert.deepEqual(epochs(line), [0, 0]);
  await line.pass(1);
  await line.reached(1);
  await line.pass(3600);
  await line.reached(2);

  assert.deepEqual([line.channel.isOpen, line.state.closed, line.state.failure], [true, [], null]);
});

test("frames and bytes do not wait for a clock", async (t) => {
  for (const softLimits of [new KeyLimits(3600, 1 << 20, 10), new KeyLimits(3600, 4096, 1000)]) {
    const line = await open(t, { softLimits });
    await line.pass(11);
    for (let index = 0; index < 10; index += 1) line.channel.sendMessage(ROOM, randomBytes(600), newMessageId(index));
    await line.reached(1);

    assert.equal(line.channel.isOpen, true);
    t.mock.reset();
  }
});

test("what the server sends counts too", async (t) => {
  const line = await open(t, { softLimits: new KeyLimits(3600, 1 << 20, 10) });
  await line.pass(11);

  for (let seq = 0; seq < 10; seq += 1) line.tell(MessageType.ACK, new Ack(newMessageId(1), ROOM, seq).encode());
  await line.reached(1);

  assert.deepEqual(line.state.told, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("the server's request is granted on this session", async (t) => {
  const line = await open(t);
  await line.pass(20);

  await line.ask();
  await line.reached(1);

  assert.deepEqual([line.channel.isOpen, line.begun()], [true, 1]);
});

test("a request that comes too early waits until the epoch is old enough", async (t) => {
  const line = await open(t);
  await line.ask();
  await settle();
  await line.pass(10);
  assert.equal(line.begun(), 0);

  await line.pass(1);
  await line.reached(1);

  await line.pass(60);
  assert.equal(line.begun(), 1);
});

test("a request while a rekey is under way is ignored", async (t) => {
  const line = await open(t);
  line.state.answers = false;
  await line.pass(20);
  await line.ask();
  await until(() => line.begun() === 1);
  await line.ask();
  await line.ask();
  await line.pass(15);

  assert.equal(line.begun(), 1);
});

test("a server that does not answer loses the session after 30 s", async (t) => {
  const line = await open(t);
  line.state.answers = false;
  await line.pass(20);
  await line.ask();
  await until(() => line.begun() === 1);
  await line.pass(29);
  assert.equal(line.channel.isOpen, true);

  await line.pass(1);

  assert.deepEqual(line.state.closed, [4408]);
  assert.equal((await line.channel.closed).cause.code, "rekey_overdue");
});

test("keys at a hard limit end the session", async (t) => {
  const frames = await open(t, { hardLimits: new KeyLimits(3600, 1 << 20, 64) });
  for (let index = 0; index < 65; index += 1) frames.channel.request("directory").catch(() => {});
  for (let index = 0; index < 70; index += 1) frames.channel.sendMessage(ROOM, Uint8Array.of(1), newMessageId(index));
  await frames.channel.closed;
  assert.deepEqual(frames.state.closed, [4408]);
  t.mock.reset();

  const [softLimits, hardLimits] = [1000, 60].map((seconds) => new KeyLimits(seconds, 1 << 20, 64));
  const aged = await open(t, { softLimits, hardLimits });
  await aged.pass(60);
  assert.deepEqual(aged.state.closed, [4408]);
});

test("questions and messages go on through a rekey, in their order", async (t) => {
  const line = await open(t, { softLimits: new KeyLimits(3600, 1 << 20, 30) });
  await line.pass(11);
  const ids = Array.from({ length: 40 }, (_, index) => newMessageId(index));
  const asked = line.channel.request("directory");

  for (const [index, id] of ids.entries()) {
    line.channel.sendMessage(ROOM, utf8(`message ${index}`), id);
    line.tell(MessageType.ACK, new Ack(id, ROOM, index).encode());
    if (index % 7 === 0) await settle();
  }
  await line.reached(1);
  await until(() => line.state.heard.length > 42 && line.state.told.length === 40);
  const [, question] = line.state.heard.find(([type]) => type === MessageType.REQUEST);
  await line.tell(MessageType.REQUEST, new Response(parseExchange(question).id, { members: [], more: false }).encode());

  assert.deepEqual(await asked, { members: [], more: false });
  assert.deepEqual(line.state.told, [...ids.keys()]);
  const said = line.state.heard.filter(([type]) => type === MessageType.CHAT);
  const texts = said.map(([, payload]) => new TextDecoder().decode(payload.subarray(16)));
  assert.deepEqual(texts, ids.map((_, index) => `message ${index}`));
  assert.equal(line.channel.isOpen, true);
});

test("a device that cannot sign ends the session, for its keys would wear out", async (t) => {
  const { client, identity } = await sessionPair(new ServerParameters({ softLimits: new KeyLimits(60, 1 << 20, 64) }));
  t.mock.timers.enable({ apis: ["setInterval"] });
  t.mock.method(performance, "now", () => 0);
  const closed = [];
  const wire = { send: () => {}, close: (code) => closed.push(code) };
  const sign = () => Promise.reject(new Error("the key is gone"));
  const channel = new Channel({ wire, session: client, serverPublic: identity.public, sign, handlers: {} });
  t.after(() => channel.ended(1000));

  t.mock.method(performance, "now", () => 60_000);
  t.mock.timers.tick(1000);
  await channel.closed;

  assert.deepEqual(closed, [4416]);
});

test("a closed channel looks no more", async (t) => {
  const line = await open(t);
  line.channel.close();
  await until(() => line.state.closed.length > 0);
  await line.pass(90_000);

  assert.deepEqual([line.begun(), line.state.closed], [0, [1000]]);
});
