import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, toHex, utf8 } from "../../../static/js/bytes.js";
import { FrameHeader, MessageType } from "../../../static/js/protocol/frame.js";
import { deriveSessionKeys, EpochKeys } from "../../../static/js/protocol/key_schedule.js";
import { ExchangePublic } from "../../../static/js/protocol/keys.js";
import { KeyLimits } from "../../../static/js/protocol/parameters.js";
import { Role, Session } from "../../../static/js/protocol/session.js";
import { flipped, refuses } from "./people.js";

const SESSION_ID = new Uint8Array(16).fill(9);
const MESSAGE_ID = new Uint8Array(16).fill(7);

function epochKeys() {
  const [ours, theirs] = [1, 2].map((octet) => new ExchangePublic(new Uint8Array(32).fill(octet)));
  return EpochKeys.derive(deriveSessionKeys(new Uint8Array(32).fill(3), ours, theirs), new Uint8Array(32).fill(4));
}

/** Both ends after AUTH_OK. */
async function pair(maxFrameBytes) {
  const client = new Session(Role.CLIENT, SESSION_ID, epochKeys(), maxFrameBytes);
  const server = new Session(Role.SERVER, SESSION_ID, epochKeys(), maxFrameBytes);
  await client.open(await server.seal(MessageType.AUTH_OK, utf8("ok"), MESSAGE_ID, 1));
  return { client, server };
}

const ping = (session, text = "hello") => session.seal(MessageType.PING, utf8(text), MESSAGE_ID, 2);

test("a frame arrives with all that was put into it", async () => {
  const { client, server } = await pair();

  const frame = await server.open(await ping(client));

  assert.deepEqual(
    { ...frame },
    { type: MessageType.PING, messageId: MESSAGE_ID, timestampMs: 2, payload: utf8("hello") },
  );
  assert.deepEqual([client.sentFrames, server.receivedFrames, client.sentBytes], [1, 1, server.receivedBytes]);
});

test("a hundred seals at once repeat no nonce and come out in the order of the calls", async () => {
  const { client, server } = await pair();
  const finished = [];

  const sealed = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      // Long ones first: without the queue the short ones would overtake them.
      const payload = concat(utf8(`${index} `), new Uint8Array(100_000 - index * 1000));
      const frame = await client.seal(MessageType.CHAT, payload, MESSAGE_ID, index);
      finished.push(index);
      return frame;
    }),
  );

  assert.deepEqual(
    finished,
    Array.from({ length: 100 }, (_, index) => index),
  );
  assert.equal(new Set(sealed.map((frame) => toHex(FrameHeader.parse(frame).iv))).size, 100);
  for (const [index, frame] of sealed.entries()) assert.equal((await server.open(frame)).timestampMs, index);
});

test("a seal takes its payload as it is at the call", async () => {
  const { client, server } = await pair();
  const payload = utf8("before");

  const sealing = client.seal(MessageType.CHAT, payload, MESSAGE_ID, 0);
  payload.fill(0);

  assert.deepEqual((await server.open(await sealing)).payload, utf8("before"));
});

test("a refused seal uses up no counter", async () => {
  const { client, server } = await pair(1024);

  await refuses("too_large", () => client.seal(MessageType.CHAT, new Uint8Array(1024), MESSAGE_ID, 0));
  await refuses("usage", () => client.seal(MessageType.CHAT, new Uint8Array(1), new Uint8Array(15), 0));

  assert.equal(client.sentFrames, 0);
  assert.equal((await server.open(await ping(client))).payload.length, 5);
});

test("a frame with any one byte changed is refused", async () => {
  const length = (await ping((await pair()).client)).length;
  for (let index = 0; index < length; index += 1) {
    const { client, server } = await pair();
    const frame = flipped(await ping(client), index);
    const code = index === 0 ? "unsupported_version" : index >= 26 && index < 38 ? "out_of_order" : "unauthentic";

    await refuses(code, () => server.open(frame));
  }
});

test("a frame cut anywhere is refused", async () => {
  const length = (await ping((await pair()).client)).length;
  for (let end = 0; end < length; end += 1) {
    const { client, server } = await pair();
    const frame = (await ping(client)).subarray(0, end);

    await refuses(end < 55 ? "malformed" : "unauthentic", () => server.open(frame));
  }
});

test("a replay, a gap and a reflection are refused", async () => {
  const first = await pair();
  const frame = await ping(first.client);
  await first.server.open(frame);
  await refuses("out_of_order", () => first.server.open(frame));

  const second = await pair();
  await ping(second.client);
  await refuses("out_of_order", async () => second.server.open(await ping(second.client)));

  const third = await pair();
  await refuses("out_of_order", async () => third.client.open(await ping(third.client)));
});

test("after a refusal every later frame is refused, even a good one", async () => {
  const { client, server } = await pair();
  const [bad, good] = [await ping(client), await ping(client)];

  const attempts = [flipped(bad, 60), bad, good].map((frame) => server.open(frame));

  for (const attempt of attempts) await refuses("unauthentic", () => attempt);
  assert.equal(server.receivedFrames, 0);
});

test("frames handed in at once open in their order", async () => {
  const { client, server } = await pair();
  const frames = await Promise.all(["a", "b", "c"].map((text) => ping(client, text)));

  const opened = await Promise.all(frames.map((frame) => server.open(frame)));

  assert.deepEqual(
    opened.map((frame) => frame.payload),
    ["a", "b", "c"].map(utf8),
  );
});

test("AUTH_OK is the server's first frame and no other", async () => {
  const { client, server } = await pair();
  const fresh = new Session(Role.SERVER, SESSION_ID, epochKeys());

  await refuses("usage", () => client.seal(MessageType.AUTH_OK, utf8(""), MESSAGE_ID, 0));
  await refuses("usage", () => server.seal(MessageType.AUTH_OK, utf8(""), MESSAGE_ID, 0));
  await refuses("usage", () => ping(fresh));
});

test("a session has no clock, and the frames that may be agreed on", async () => {
  const brief = new KeyLimits(0, 2 ** 20, 10);
  const make = (role, limit) => new Session(role, SESSION_ID, epochKeys(), limit, undefined, brief);
  const [client, server] = [make(Role.CLIENT, 2 ** 20), make(Role.SERVER, 2 ** 20)];

  await client.open(await server.seal(MessageType.AUTH_OK, utf8("ok"), MESSAGE_ID, 1));
  assert.equal(client.hardLimitReached(0), true);
  assert.equal(make(Role.CLIENT, 55).maxFrameBytes, 55);
  for (const limit of [54, 2 ** 20 + 1]) await refuses("usage", () => make(Role.CLIENT, limit));
});

test("a session shows no secret", () => {
  const session = new Session(Role.CLIENT, SESSION_ID, epochKeys());

  assert.equal(JSON.stringify(session), "{}");
  assert.equal(JSON.stringify(epochKeys()), "{}");
  assert.equal(String(session), "[object Object]");
});
