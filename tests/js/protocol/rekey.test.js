import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat, toHex } from "../../../static/js/bytes.js";
import { PeerError, UsageError } from "../../../static/js/protocol/errors.js";
import { FrameHeader, MessageType } from "../../../static/js/protocol/frame.js";
import { KeyLimits } from "../../../static/js/protocol/handshake.js";
import { DecapsulationKey, DeviceKey, ExchangeSecret, IdentityKey } from "../../../static/js/protocol/keys.js";
import { ClientRekey, RekeyRequest, ServerRekey } from "../../../static/js/protocol/rekey.js";
import { deliverAll, rekey, rekeyingPair, settle } from "../fakes/rekeying.js";
import { flipped, refuses } from "./people.js";

const REQUEST = new RekeyRequest().encode();

test("both ends have new keys in both directions, again and again", async () => {
  const pair = await rekeyingPair();
  const { client, server } = pair;
  const exporters = [toHex(client.session.exporter)];

  for (let epoch = 1; epoch <= 5; epoch += 1) {
    await rekey(pair);
    assert.deepEqual([client.session.epoch, server.session.epoch], [epoch, epoch]);
    assert.deepEqual(client.session.exporter, server.session.exporter);
    assert.deepEqual([client.session.sentFrames, client.session.receivedFrames], [0, 0]);
    exporters.push(toHex(client.session.exporter));
    await Promise.all([client.say(`to ${epoch}`), server.say(`from ${epoch}`)]);
    await deliverAll(pair);
  }

  assert.equal(new Set(exporters).size, 6);
  assert.deepEqual([client.heard, server.heard], [server.said, client.said]);
});

test("what is sealed in one moment with the answer stands before or after it, never between two epochs", async () => {
  const pair = await rekeyingPair();
  const { client, server, clock } = pair;
  for (const end of [client, server]) end.beside = () => end.say("in the same moment");
  await client.begin();
  await client.say("after INIT");
  server.say("before INIT came");
  for (const frame of client.wire.splice(0)) server.take(frame);

  // Both speak at every turn of the event loop while RESP and DONE are made, sealed and opened.
  for (let turn = 0; turn < 60; turn += 1) {
    for (let call = 0; call < 3; call += 1) {
      client.say(`${turn}.${call}`);
      server.say(`${turn}.${call}`);
      await Promise.resolve();
    }
    for (const frame of server.wire.splice(0)) client.take(frame);
    for (const frame of client.wire.splice(0)) server.take(frame);
    if (turn % 5 === 0) await settle();
  }
  await deliverAll(pair);

  assert.deepEqual([client.failure, server.failure], [null, null]);
  assert.deepEqual([client.heard, server.heard], [server.said, client.said]);
  assert.deepEqual([client.session.epoch, server.session.epoch], [1, 1]);
});

test("frames under way in both directions open under the keys they were sealed with", async () => {
  const pair = await rekeyingPair();
  const { client, server, clock } = pair;
  const init = client.machine.init(clock.now);
  await Promise.all(["a", "b"].map((text) => client.say(text)));
  await client.send(MessageType.KEY_ROTATION, await init);
  await Promise.all(["c", "d"].map((text) => client.say(text)));
  await Promise.all(["1", "2"].map((text) => server.say(text)));
  await Promise.all(client.wire.splice(0).map((frame) => server.take(frame)));
  await Promise.all(["3", "4"].map((text) => server.say(text)));
  assert.deepEqual([server.session.sendingEpoch, server.session.epoch], [1, 0]);

  // RESP and what follows it are handed in at once: the later ones wait until the new keys are there.
  const taken = server.wire.splice(0).map((frame) => client.take(frame));
  client.say("e");
  await Promise.all(taken);
  client.say("f");
  await deliverAll(pair);

  assert.deepEqual([client.heard, server.heard], [server.said, client.said]);
  assert.deepEqual([client.session.epoch, server.session.epoch], [1, 1]);
});

test("however calls, frames and rekeys overlap, all arrives once, in order, under a nonce of its own", async () => {
  const action = fc.constantFrom("client says", "server says", "to server", "to client", "begin", "ask", "wait");
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 120 }), async (actions) => {
      const pair = await rekeyingPair();
      const { client, server, clock } = pair;
      const ivs = { client: [], server: [] };
      const note = (name, frame) => (ivs[name].push(toHex(FrameHeader.parse(frame).iv)), frame);
      const steps = {
        "client says": () => client.say(`${client.said.length}`),
        "server says": () => server.say(`${server.said.length}`),
        "to server": () => client.wire.length && server.take(note("client", client.wire.shift())),
        "to client": () => server.wire.length && client.take(note("server", server.wire.shift())),
        begin() {
          clock.now += 20;
          client.begin();
        },
        ask() {
          const request = server.machine.request();
          if (request) server.send(MessageType.KEY_ROTATION, request);
        },
        wait: () => settle(),
      };
      for (const name of actions) {
        const done = steps[name]();
        if (name === "wait") await done;
        else await Promise.resolve();
      }
      await deliverAll(pair);
      await rekey(pair);

      assert.deepEqual([client.failure, server.failure], [null, null]);
      assert.deepEqual([client.heard, server.heard], [server.said, client.said]);
      assert.equal(client.session.epoch, server.session.epoch);
      for (const each of Object.values(ivs)) assert.equal(new Set(each).size, each.length);
    }),
    { numRuns: 60 },
  );
});

// mallory

test("INIT with any one byte changed is refused, and the right one is still good", async () => {
  const { client, server, clock } = await rekeyingPair();
  const init = await client.machine.init(clock.now);

  for (let index = 0; index < init.length; index += 1) {
    assert.throws(() => server.machine.receive(flipped(init, index), clock.now), {
      code: /^(malformed|out_of_order|unauthentic)$/,
    });
  }

  assert.equal(server.session.epoch, 0);
  assert.equal(server.machine.receive(init, clock.now).length, 1191);
});

test("RESP with any one byte changed is refused, and the right one is still good", async () => {
  const { client, server, clock } = await rekeyingPair();
  const resp = server.machine.receive(await client.machine.init(clock.now), clock.now);

  for (let index = 0; index < resp.length; index += 1) {
    assert.throws(() => client.machine.receive(flipped(resp, index), clock.now), {
      code: /^(malformed|out_of_order|unauthentic)$/,
    });
  }

  assert.equal(client.machine.receive(resp, clock.now).length, 33);
});

test("DONE with any one byte changed is refused", async () => {
  const { client, server, clock } = await rekeyingPair();
  const resp = server.machine.receive(await client.machine.init(clock.now), clock.now);
  server.send(MessageType.KEY_ROTATION, resp);
  const done = client.machine.receive(resp, clock.now);

  for (let index = 0; index < done.length; index += 1) {
    assert.throws(() => server.machine.receive(flipped(done, index), clock.now), {
      code: /^(malformed|out_of_order|unauthentic)$/,
    });
  }

  assert.equal(server.machine.receive(done, clock.now), null);
  assert.equal(server.session.epoch, 1);
});

test("messages cut anywhere, or with a byte too many, are refused", async () => {
  const { client, server, clock } = await rekeyingPair();
  const init = await client.machine.init(clock.now);
  for (let end = 0; end < init.length; end += 1) {
    await refuses("malformed", () => server.machine.receive(init.subarray(0, end), clock.now));
  }
  await refuses("malformed", () => server.machine.receive(concat(init, Uint8Array.of(0)), clock.now));
  await refuses("malformed", () => client.machine.receive(concat(REQUEST, Uint8Array.of(0)), clock.now));
  await refuses("malformed", () => client.machine.receive(Uint8Array.of(4), clock.now));
});

test("neither side takes another's signature", async () => {
  const { client, server, clock } = await rekeyingPair();
  const sign = (message) => DeviceKey.generate().sign(message);
  const impostor = new ClientRekey(client.session, IdentityKey.generate().public, sign, 0);

  const init = await impostor.init(clock.now);
  await refuses("unauthentic", () => server.machine.receive(init, clock.now));

  const resp = server.machine.receive(await client.machine.init(clock.now), clock.now);
  await refuses("unauthentic", () => impostor.receive(resp, clock.now));
});

test("a step that is not due closes", async () => {
  const { client, server, clock } = await rekeyingPair();
  const init = await client.machine.init(clock.now);
  const resp = server.machine.receive(init, clock.now);

  await refuses("out_of_order", () => server.machine.receive(init, clock.now + 50));
  await refuses("out_of_order", () => server.machine.receive(resp, clock.now));
  await refuses("out_of_order", () => server.machine.receive(REQUEST, clock.now));
  await refuses("out_of_order", () => client.machine.receive(init, clock.now));
  client.machine.receive(resp, clock.now);
  await refuses("out_of_order", () => client.machine.receive(resp, clock.now));
});

test("an INIT sooner than 10 s after the epoch began is refused by the server and not made by the client", async () => {
  const pair = await rekeyingPair();
  const { client, server, clock } = pair;
  await rekey(pair);
  clock.now += 9;
  // A client of mallory's, that keeps no time.
  const hasty = new ClientRekey(client.session, pair.identity.public, (message) => pair.device.sign(message), 0);

  const init = await hasty.init(clock.now);
  await refuses("too_fast", () => server.machine.receive(init, clock.now));
  await refuses("usage", () => client.machine.init(clock.now));
});

test("one rekey after the other", async () => {
  const { client, clock } = await rekeyingPair();
  const first = client.machine.init(clock.now);

  await refuses("usage", () => client.machine.init(clock.now));
  assert.equal((await first).length, 1287);
});

test("a machine belongs to its own end of a session", async () => {
  const { client, server, identity, device } = await rekeyingPair();

  await refuses("usage", () => new ClientRekey(server.session, identity.public, () => {}, 0));
  await refuses("usage", () => new ServerRekey(client.session, device.public, () => {}, 0));
});

// When

const SOFT = new KeyLimits(600, 100_000, 40);

test("a client begins at each soft limit, in either direction", async () => {
  const loads = ["client", "server"].flatMap((who) => [[who, 40, 1], [who, 2, 60_000]]);
  for (const [who, count, size] of loads) {
    const pair = await rekeyingPair({ softLimits: SOFT });
    const { client, clock } = pair;
    assert.equal(client.machine.isDue(clock.now), false);

    for (let index = 0; index < count; index += 1) pair[who].say("x".repeat(size));
    await deliverAll(pair);

    assert.equal(client.machine.isDue(clock.now), true, `${who} ${count} ${size}`);
    await rekey(pair);
    assert.equal(client.machine.isDue(clock.now + 11), false);
  }
  const { client } = await rekeyingPair({ softLimits: SOFT });
  assert.deepEqual([599, 600].map((now) => client.machine.isDue(now)), [false, true]);
});

test("a request is granted once: not while an INIT is out, and not before the epoch is 11 s old", async () => {
  const pair = await rekeyingPair();
  const { client, clock } = pair;
  const init = await client.machine.init(clock.now);
  client.machine.receive(REQUEST, clock.now);
  client.send(MessageType.KEY_ROTATION, init);
  await deliverAll(pair);
  assert.equal(client.machine.isDue(clock.now + 100), false);

  client.machine.receive(REQUEST, clock.now + 1);

  const dues = [5, 10, 11, 100].map((after) => client.machine.isDue(clock.now + after));
  assert.deepEqual(dues, [false, false, true, true]);
  await rekey(pair);
  assert.equal(client.machine.isDue(clock.now + 100), false);
});

test("the server asks once in an epoch, at its soft limit, and not while a rekey is under way", async () => {
  const pair = await rekeyingPair({ softLimits: SOFT });
  const { client, server, clock } = pair;
  for (let index = 0; index < 40; index += 1) server.say(`${index}`);
  await settle();

  assert.equal(server.machine.isDue(clock.now), true);
  assert.deepEqual(server.machine.request(), REQUEST);
  assert.equal(server.machine.isDue(clock.now), false);
  await deliverAll(pair);
  const init = await client.machine.init(clock.now);
  server.machine.receive(init, clock.now);
  assert.equal(server.machine.request(), null);
});

test("a missing answer ends the session after 30 s, on either side", async () => {
  const { client, server, clock } = await rekeyingPair();
  const init = await client.machine.init(clock.now);
  server.machine.receive(init, clock.now);

  for (const { machine } of [client, server]) {
    assert.deepEqual([29, 30].map((after) => machine.isOverdue(clock.now + after)), [false, true]);
  }
});

test("keys that have carried all they may carry nothing more", async () => {
  const hardLimits = new KeyLimits(3600, 1_000_000, 50);
  const pair = await rekeyingPair({ hardLimits });
  const { client, server } = pair;
  for (let index = 0; index < 50; index += 1) await client.say(`${index}`);
  assert.equal(client.machine.isOverdue(101), true);
  assert.deepEqual([3599, 3600].map((now) => server.machine.isOverdue(now)), [false, true]);

  await client.say("one more");

  assert.equal(client.failure.code, "rekey_overdue");
  assert.equal(client.wire.length, 50);
});

test("the age of keys counts from the beginning of their own epoch, to the second", async () => {
  const pair = await rekeyingPair({ softLimits: new KeyLimits(5, 1e9, 1e6), hardLimits: new KeyLimits(60, 1e9, 1e6) });
  const { client, server, clock } = pair;
  await rekey(pair);
  const at = (machine, ask, ages) => ages.map((age) => machine[ask](clock.now + age));

  assert.deepEqual(at(server.machine, "isDue", [9.9, 10]), [false, true]);
  for (const { machine } of [client, server]) assert.deepEqual(at(machine, "isOverdue", [59.9, 60]), [false, true]);
  await refuses("usage", async () => client.session.switchReceiving());
});

test("a limit cannot be higher than the protocol's", async () => {
  const none = new KeyLimits(1e9, 1e15, 1e15);
  const { client } = await rekeyingPair({ softLimits: none, hardLimits: none });

  assert.deepEqual([3599, 3600].map((age) => client.session.softLimitReached(age)), [false, true]);
  assert.deepEqual([86_399, 86_400].map((age) => client.session.hardLimitReached(age)), [false, true]);
});

test("a session in which nobody takes part in a rekey refuses one", async () => {
  const { client, server } = await rekeyingPair();
  client.session.handRekeyTo(null);
  await server.send(MessageType.KEY_ROTATION, REQUEST);

  await client.take(server.wire.shift());

  assert.equal(client.failure.code, "out_of_order");
});

test("a machine shows no secret", async () => {
  const { client, server, clock } = await rekeyingPair();
  server.machine.receive(await client.machine.init(clock.now), clock.now);

  assert.deepEqual([client.machine, server.machine].map((each) => JSON.stringify(each)), ["{}", "{}"]);
});

test("a session that ends erases what its INIT left behind, also while that is being signed", async () => {
  for (const endsWhileSigning of [false, true]) {
    const { client, clock } = await rekeyingPair();
    const [exchange, decapsulation] = [ExchangeSecret.generate(), DecapsulationKey.generate()];
    const theirs = exchange.public;
    const init = client.machine._init(clock.now, exchange, decapsulation);
    if (!endsWhileSigning) await init;
    client.machine.end();
    if (endsWhileSigning) await assert.rejects(init, UsageError);

    assert.throws(() => exchange.exchange(theirs), UsageError);
    assert.throws(() => decapsulation.decapsulate(new Uint8Array(1088)), UsageError);
    assert.throws(() => client.machine.receive(REQUEST.with(0, 2), clock.now), PeerError);
  }
});
