import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "../../../static/js/bytes.js";
import { Channel } from "../../../static/js/net/channel.js";
import {
  Ack, ChatDelivery, ChatSend, CloseNotify, ErrorBody, Failure, FileChunk, parseExchange, Request, Response,
} from "../../../static/js/protocol/bodies.js";
import { MessageType } from "../../../static/js/protocol/frame.js";
import { newMessageId, randomBytes } from "../../../static/js/protocol/primitives.js";
import { sessionPair } from "../fakes/sessions.js";

const ROOM = new Uint8Array(16).fill(1);
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

/** A channel whose wire ends in this test. */
async function open(t, more = {}) {
  const { client, server, identity, device } = await sessionPair();
  const heard = [];
  const sent = [];
  const closed = [];
  const note = (name) => (_channel, ...values) => heard.push([name, ...values]);
  const names = ["delivery", "ack", "refusal", "notice", "announcement"];
  const handlers = { ...Object.fromEntries(names.map((name) => [name, note(name)])), ...more };
  const wire = { send: (frame) => sent.push(frame), close: (code) => closed.push(code) };
  const sign = async (message) => device.sign(message);
  const channel = new Channel({ wire, session: client, serverPublic: identity.public, sign, handlers });
  // What came last is open, or refused; a turn later the channel has acted on it.
  const openFrame = client.open.bind(client);
  let opening = null;
  client.open = (frame) => (opening = openFrame(frame));
  const hear = (frame) => (channel.receive(frame), opening.then(settle, settle));
  t.after(() => channel.ended(1000));
  return {
    channel, heard, closed,
    /** What the server reads, in the order it came over the wire: so many frames, and what comes right behind them. */
    read: async (least = 1) => {
      while (sent.length < least) await settle();
      await settle();
      return Promise.all(sent.splice(0).map((frame) => server.open(frame)));
    },
    /** The server says something. */
    tell: async (type, payload) => hear(await server.seal(type, payload, randomBytes(16), 1)),
    raw: server,
  };
}

test("frames reach the server in the order of the calls, however they overlap", async (t) => {
  const { channel, read } = await open(t);
  const ids = Array.from({ length: 20 }, () => newMessageId(Date.now()));

  ids.forEach((id, index) => channel.sendMessage(ROOM, new Uint8Array((20 - index) * 100 + 1), id));

  const frames = await read(ids.length);
  assert.deepEqual(frames.map((frame) => frame.messageId), ids);
  assert.equal(ChatSend.parse(frames[0].payload).message.length, 2001);
});

test("a question gets its own answer, and a refusal tells what the server added", async (t) => {
  const { channel, read, tell } = await open(t);
  const first = channel.request("directory");
  const refused = assert.rejects(
    channel.request("group_info", { room: ROOM }),
    (error) => error.code === "stale_epoch" && error.details.epoch === 4,
  );
  const [one, two] = (await read(2)).map((frame) => parseExchange(frame.payload));

  await tell(MessageType.REQUEST, new Failure(two.id, { code: 13, text: "late", epoch: 4 }).encode());
  await tell(MessageType.REQUEST, new Response(one.id, { members: [], more: false }).encode());

  assert.deepEqual(await first, { members: [], more: false });
  await refused;
  assert.equal(two.body.op, "group_info");
});

test("no more questions are open at once than the server takes", async (t) => {
  const { channel, read, tell } = await open(t);
  const asked = Array.from({ length: 30 }, () => channel.request("directory"));
  asked.forEach((question) => question.catch(() => {}));
  const sent = await read(24);

  await tell(MessageType.REQUEST, new Response(parseExchange(sent[0].payload).id, {}).encode());

  assert.equal(sent.length, 24);
  assert.equal((await read()).length, 1);
});

test("what was asked fails when the session ends, and nothing can be asked after it", async (t) => {
  const { channel } = await open(t);
  const question = channel.request("directory");

  channel.ended(1006);

  await assert.rejects(question, { code: "closed" });
  await assert.rejects(channel.request("directory"), { code: "closed" });
  assert.deepEqual(await channel.closed, { farewell: null, cause: null });
  assert.equal(channel.hasWindow, false);
});

test("what the server says reaches its handler, in its order", async (t) => {
  const { heard, tell } = await open(t);
  const id = newMessageId(1);
  const row = new ChatDelivery(ROOM, 7, 8, ROOM, utf8("message"));

  await tell(MessageType.CHAT, row.encode());
  await tell(MessageType.ACK, new Ack(id, ROOM, 7).encode());
  await tell(MessageType.ERROR, new ErrorBody(13, "", id).encode());
  await tell(MessageType.PORT_ROTATION, utf8("file"));

  assert.deepEqual(heard.map(([name]) => name), ["delivery", "ack", "refusal", "announcement"]);
  assert.deepEqual(heard[0][1], row);
  assert.equal(heard[2][2].code, "stale_epoch");
});

test("a notice is answered and passed on, a ping is echoed", async (t) => {
  const { heard, read, tell } = await open(t);

  await tell(MessageType.REQUEST, new Request(5, { op: "welcome" }).encode());
  await tell(MessageType.PING, utf8("echo"));

  const [answer, pong] = await read(2);
  assert.deepEqual(parseExchange(answer.payload), new Response(5, {}));
  assert.deepEqual([pong.type, pong.payload], [MessageType.PONG, utf8("echo")]);
  assert.deepEqual(heard, [["notice", "welcome", { op: "welcome" }]]);
});

test("a notice is answered once what it says is kept, and with a failure when it could not be", async (t) => {
  for (const [settleWith, answered] of [["resolve", Response], ["reject", Failure]]) {
    let kept;
    const { read, tell, channel } = await open(t, {
      notice: () => new Promise((resolve, reject) => (kept = { resolve, reject })),
    });
    await tell(MessageType.REQUEST, new Request(6, { op: "psk_renew" }).encode());
    await tell(MessageType.PING, utf8("echo"));
    const [pong, ...others] = await read();
    assert.deepEqual([pong.type, others], [MessageType.PONG, []]);

    kept[settleWith](new Error("the disk is full"));

    const [answer] = await read();
    assert.ok(parseExchange(answer.payload) instanceof answered);
    assert.ok(channel.isOpen);
  }
});

test("a notice of another shape is answered as malformed, and nobody acts on it", async (t) => {
  const { channel, heard, read, tell } = await open(t);
  const wrong = [
    {},
    { op: "room.create", room: ROOM, scheme: 1 },
    { op: "toString" },
    { op: "secret", kid: new Uint8Array(8) },
    { op: "successor" },
    { op: "successor", statement: new Uint8Array(207) },
  ];

  for (const [id, body] of wrong.entries()) await tell(MessageType.REQUEST, new Request(id, body).encode());

  const answers = (await read(wrong.length)).map((frame) => parseExchange(frame.payload));
  assert.ok(answers.every((answer) => answer instanceof Failure));
  assert.deepEqual(answers.map(({ id, body }) => [id, body.code]), wrong.map((_, id) => [id, 1]));
  assert.deepEqual(heard, []);
  assert.ok(channel.isOpen);
});

test("an answer of another shape is malformed where it was asked, and the session goes on", async (t) => {
  const { channel, read, tell } = await open(t);
  const acted = [];
  const hooks = { answered: async (body) => void acted.push(body) };
  const asked = [["room.create", {}], ["directory", { members: [], more: 0 }], ["room.create", { epoch: 3, later: 1 }]];
  const answers = asked.map(([op]) => channel.request(op, {}, hooks).catch((cause) => cause.code));

  for (const [at, frame] of (await read(asked.length)).entries()) {
    await tell(MessageType.REQUEST, new Response(parseExchange(frame.payload).id, asked[at][1]).encode());
  }

  assert.deepEqual(await Promise.all(answers), ["malformed", "malformed", { epoch: 3, later: 1 }]);
  assert.deepEqual(acted, [{ epoch: 3, later: 1 }]);
  assert.ok(channel.isOpen);
});

test("no more messages are under way than the window has room for", async (t) => {
  const { channel, tell } = await open(t);
  const ids = Array.from({ length: 48 }, () => newMessageId(Date.now()));
  for (const id of ids) channel.sendMessage(ROOM, Uint8Array.of(1), id);
  assert.equal(channel.hasWindow, false);

  await tell(MessageType.ACK, new Ack(ids[0], ROOM, 1).encode());

  assert.equal(channel.hasWindow, true);
});

test("mallory's frame closes the session, and what follows it is not believed", async (t) => {
  const { channel, closed, heard, tell } = await open(t);
  const forged = randomBytes(80);
  forged[0] = 1;

  channel.receive(forged);
  await tell(MessageType.PORT_ROTATION, utf8("after"));

  assert.deepEqual(heard, []);
  assert.deepEqual(closed, [4404]);
  assert.equal((await channel.closed).cause.code, "out_of_order");
});

test("what came before the end is still handled", async (t) => {
  const { channel, heard, raw } = await open(t);
  const frame = await raw.seal(MessageType.ACK, new Ack(newMessageId(1), ROOM, 1).encode(), randomBytes(16), 1);

  channel.receive(frame);
  channel.ended(1006);
  await channel.closed;

  assert.deepEqual(heard.map(([name]) => name), ["ack"]);
});

test("the server's farewell is told with the end", async (t) => {
  const { channel, tell } = await open(t);

  await tell(MessageType.CLOSE_NOTIFY, new CloseNotify(9, "moved").encode());
  channel.ended(1000);

  assert.equal((await channel.closed).farewell.number, 9);
});

test("a session that retires waits for its answers and says goodbye", async (t) => {
  const { channel, closed, read, tell } = await open(t);
  const id = newMessageId(Date.now());
  channel.sendMessage(ROOM, Uint8Array.of(1), id);
  const retired = channel.retire();
  await settle();
  assert.equal(channel.isOpen, true);

  await tell(MessageType.ACK, new Ack(id, ROOM, 1).encode());
  await retired;
  while (closed.length === 0) await settle();

  const frames = await read(2);
  assert.deepEqual(frames.map((frame) => frame.type), [MessageType.CHAT, MessageType.CLOSE_NOTIFY]);
  assert.deepEqual(closed, [1000]);
});

test("what was asked too fast is asked again after the time the server says, and nothing overtakes it", async (t) => {
  const { channel, read, tell } = await open(t);
  const first = channel.request("name.set", { name: "Alice" });
  const [asked] = (await read()).map((frame) => parseExchange(frame.payload));

  const began = Date.now();
  await tell(MessageType.REQUEST, new Failure(asked.id, { code: 7, text: "1 seconds until a next try" }).encode());
  const second = channel.request("file.drop");
  const again = (await read(2)).map((frame) => parseExchange(frame.payload));

  assert.ok(Date.now() - began >= 950);
  assert.deepEqual(again.map(({ body }) => body.op), ["name.set", "file.drop"]);
  for (const { id } of again) await tell(MessageType.REQUEST, new Response(id, {}).encode());
  assert.deepEqual([await first, await second], [{}, {}]);
});

test("a longer wait is for the person to decide", async (t) => {
  const { channel, read, tell } = await open(t);
  const refused = assert.rejects(channel.request("directory"), { code: "too_fast", text: "60 seconds" });
  const [asked] = (await read()).map((frame) => parseExchange(frame.payload));

  await tell(MessageType.REQUEST, new Failure(asked.id, { code: 7, text: "60 seconds" }).encode());

  await refused;
});

test("chunks of a file are answered for themselves, not as messages", async (t) => {
  const { channel, heard, read, tell } = await open(t);
  const chunk = new FileChunk(ROOM, 0, true, new Uint8Array(17));

  const [stored, refused] = [channel.files.send(chunk), assert.rejects(channel.files.send(chunk), { code: "not_member" })];
  const frames = await read(2);
  await tell(MessageType.ACK, new Ack(frames[0].messageId, ROOM, 1).encode());
  await tell(MessageType.ERROR, new ErrorBody(12, "", frames[1].messageId).encode());

  assert.deepEqual(frames.map(({ type }) => type), [MessageType.FILE, MessageType.FILE]);
  assert.deepEqual(FileChunk.parse(frames[0].payload), chunk);
  assert.equal(await stored, 1);
  await refused;
  assert.deepEqual(heard, []);
});

test("a file's chunks come to who asked for them, before the answer", async (t) => {
  const { channel, read, tell } = await open(t);

  const reading = channel.files.read(ROOM, new Uint8Array(16), 3);
  const [asked] = await read();
  const { id, body } = parseExchange(asked.payload);
  await tell(MessageType.FILE, new FileChunk(new Uint8Array(16), 3, true, new Uint8Array(20)).encode());
  await tell(MessageType.FILE, new FileChunk(ROOM, 3, true, new Uint8Array(18)).encode());
  await tell(MessageType.REQUEST, new Response(id, { size: 99 }).encode());

  assert.deepEqual([body.op, body.index, body.count], ["file.read", 3, 16]);
  assert.deepEqual(await reading, { size: 99, chunks: [new FileChunk(ROOM, 3, true, new Uint8Array(18))] });
});

test("a session that ends tells whoever has chunks on it, and takes no further ones", async (t) => {
  const { channel } = await open(t);
  const chunk = new FileChunk(ROOM, 0, true, new Uint8Array(17));

  const lost = Array.from({ length: 8 }, () => assert.rejects(channel.files.send(chunk), { code: "closed" }));
  const [isFull, isIdle] = [!channel.files.hasWindow, channel.files.isIdle];
  channel.ended(1006);

  await Promise.all(lost);
  assert.deepEqual([isFull, isIdle, channel.files.hasWindow], [true, false, false]);
  await assert.rejects(channel.files.send(chunk), { code: "closed" });
});
