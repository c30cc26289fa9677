import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "../../../static/js/bytes.js";
import { Channel } from "../../../static/js/net/channel.js";
import { dial } from "../../../static/js/net/dial.js";
import { DialFailed } from "../../../static/js/net/failures.js";
import { CloseNotify, ErrorBody, parseExchange, Response } from "../../../static/js/protocol/bodies.js";
import { MessageType } from "../../../static/js/protocol/frame.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";
import { reasonOf } from "../../../static/js/rotation/endings.js";
import { sessionPair } from "../fakes/sessions.js";

const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

async function open(t) {
  const { client, server, identity, device } = await sessionPair();
  const [heard, sent, closed] = [[], [], []];
  const note = (name) => (_channel, ...values) => void heard.push([name, ...values]);
  const names = ["delivery", "ack", "refusal", "notice", "announcement"];
  const handlers = Object.fromEntries(names.map((name) => [name, note(name)]));
  const wire = { send: (frame) => sent.push(frame), close: (code) => closed.push(code) };
  const sign = async (message) => device.sign(message);
  const channel = new Channel({ wire, session: client, serverPublic: identity.public, sign, handlers });
  t.after(() => channel.ended());
  // When a frame is opened is the machine's to say, so a frame told is waited for; one behind the end opens nothing.
  const openFrame = client.open.bind(client);
  let opening = null;
  client.open = (frame) => (opening = openFrame(frame));
  return {
    channel, heard, closed,
    read: async (least = 0) => {
      while (sent.length < least) await settle();
      await settle();
      return Promise.all(sent.splice(0).map((frame) => server.open(frame)));
    },
    tell: async (type, payload) => {
      const frame = await server.seal(type, payload, randomBytes(16), 1);
      opening = null;
      channel.receive(frame);
      await settle();
      await opening?.catch(() => {});
      await settle();
    },
  };
}

test("a wire that closes says nothing, whatever its code", async (t) => {
  for (const code of [1000, 1006, 1008, 4403, 4409, 4410, 4411, 4499]) {
    const { channel } = await open(t);
    channel.ended(code);
    const end = await channel.closed;
    assert.deepEqual(end, { farewell: null, cause: null });
    assert.equal(reasonOf(end), null);
  }
});

test("what is said in the session counts, and nothing after it is looked at", async (t) => {
  const { channel, heard, closed, read, tell } = await open(t);
  await tell(MessageType.CLOSE_NOTIFY, new CloseNotify(10, "put out").encode());
  await tell(MessageType.PORT_ROTATION, utf8("late"));
  await tell(MessageType.PING, utf8("late"));
  channel.ended(1000);

  assert.equal(reasonOf(await channel.closed), "revoked");
  assert.deepEqual([heard, closed, await read()], [[], [1000], []]);
});

test("before AUTH_OK 1008 is a refusal and 4409 a tripwire; no other code says anything", async () => {
  const credentials = { begin: () => ({ hello: () => new Uint8Array(1) }) };
  const codes = [...Array.from({ length: 16 }, (_, index) => 1000 + index), 4403, 4408, 4409, 4410, 4411, 4414, 4499];
  for (const code of codes) {
    const openWire = async (_url, { onEnd }) => ({ send: () => queueMicrotask(() => onEnd(code)), close: () => {} });
    const expected = { 1008: "refused", 4409: "rediscover" }[code] ?? "unavailable";
    const failure = await dial({ url: "", credentials, handlers: {}, openWire }).catch((cause) => cause);
    assert.ok(failure instanceof DialFailed);
    assert.equal(failure.code, expected, `${code}`);
  }
});

test("pings of 0 to 64 bytes are echoed exactly, and one of 65 ends the session", async (t) => {
  const { channel, closed, read, tell } = await open(t);
  const sizes = [0, 1, 64];
  const bytes = (size) => Uint8Array.from({ length: size }, (_, index) => index);
  for (const size of sizes) await tell(MessageType.PING, bytes(size));
  const pongs = await read(sizes.length);
  assert.deepEqual(pongs.map(({ type, payload }) => [type, payload]), sizes.map((size) => [MessageType.PONG, bytes(size)]));

  await tell(MessageType.PING, bytes(65));
  assert.equal((await channel.closed).cause.code, "too_large");
  assert.deepEqual([closed, await read()], [[4406], []]);
});

test("a pong that nobody asked for is passed over", async (t) => {
  const { channel, heard, read, tell } = await open(t);
  for (const size of [0, 64, 1000]) await tell(MessageType.PONG, new Uint8Array(size));
  assert.deepEqual([channel.isOpen, heard, await read()], [true, [], []]);
});

test("an error frame of no message, or with a number of a later version, does not end the session", async (t) => {
  const { channel, heard, tell } = await open(t);
  const id = randomBytes(16);
  for (const body of [new ErrorBody(1, "x"), new ErrorBody(60_000, "x"), new ErrorBody(60_000, "x", id)]) {
    await tell(MessageType.ERROR, body.encode());
  }
  assert.ok(channel.isOpen);
  assert.deepEqual(heard.map(([name, messageId, cause]) => [name, messageId, cause.code]), [["refusal", id, "internal"]]);
});

test("an error frame that is none ends the session", async (t) => {
  for (const payload of [[], [0, 1], [0, 1, 0, 5, 104], [0, 1, 0, 0, 1], [0, 1, 0, 1, 255]]) {
    const { channel, closed, tell } = await open(t);
    await tell(MessageType.ERROR, Uint8Array.from(payload));
    assert.equal((await channel.closed).cause.code, "malformed");
    assert.deepEqual(closed, [4401]);
  }
});

test("a type that is not known, or not a server's, is told in an error frame before the close", async (t) => {
  for (const type of [0x7f, 0x00]) {
    const { channel, closed, read, tell } = await open(t);
    await tell(type, new Uint8Array());
    const [said, ...others] = await read(1);
    assert.deepEqual([said.type, ErrorBody.parse(said.payload).number, others], [MessageType.ERROR, 5, []]);
    assert.equal((await channel.closed).cause.code, "unknown_type");
    assert.deepEqual(closed, [4405]);
  }
});

test("text is no frame: the wire hands on empty bytes, which end the session", async (t) => {
  const { channel, closed } = await open(t);
  channel.receive(new Uint8Array());
  assert.equal((await channel.closed).cause.code, "malformed");
  assert.deepEqual(closed, [4401]);
});

test("what is kept on an answer is kept before the next frame is looked at", async (t) => {
  const { channel, heard, read, tell } = await open(t);
  const order = [];
  let keep;
  const hooks = {
    sent: () => order.push(`sent ${channel.exporter.length}`),
    answered: () => new Promise((resolve) => (keep = resolve)).then(() => order.push("kept")),
  };
  const asked = channel.request("psk_renew", {}, hooks).then(() => order.push("answered"));
  const [{ payload }] = await read(1);
  await tell(MessageType.REQUEST, new Response(parseExchange(payload).id, {}).encode());
  await tell(MessageType.PORT_ROTATION, utf8("next"));
  assert.deepEqual([order, heard], [["sent 32"], []]);

  keep();
  await asked;
  await settle();
  assert.deepEqual([order, heard.length], [["sent 32", "kept", "answered"], 1]);
});
