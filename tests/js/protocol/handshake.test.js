import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex, utf8 } from "../../../static/js/bytes.js";
import { MessageType } from "../../../static/js/protocol/frame.js";
import { ClientHandshake, findGate, ServerHandshake, ServerParameters } from "../../../static/js/protocol/handshake.js";
import { deviceCredentials, gateKey } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey, DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";
import { clientOf, flipped, household, meet, NOW_MS, refuses } from "./people.js";

test("two machines back to back end in one session", async () => {
  const home = household();

  const { client, server, claimed, clientSession, serverSession } = await meet(home, {
    tlvs: new Map([[16, utf8("x")]]),
  });

  assert.equal(claimed.clientName, "bob's browser");
  assert.deepEqual([client.serverId, client.clockOffsetMs], ["cc-alice", 0]);
  assert.deepEqual(client.finishedTlvs, new Map([[16, utf8("x")]]));
  assert.equal(toHex(clientSession.sessionId), toHex(serverSession.sessionId));
  const frame = await clientSession.seal(MessageType.CHAT, utf8("hello"), randomBytes(16), NOW_MS);
  assert.deepEqual((await serverSession.open(frame)).payload, utf8("hello"));
  const answer = await serverSession.seal(MessageType.ACK, utf8("well"), randomBytes(16), NOW_MS);
  assert.deepEqual((await clientSession.open(answer)).payload, utf8("well"));
  assert.equal(toHex(client.exporter), toHex(server.exporter));
});

test("a client's name has at most 256 bytes, and the id of its PSK 16", () => {
  const { identity, gate, bob } = household();
  const make = (pskId, name) =>
    new ClientHandshake(identity.public, gate.gateKey, pskId, bob.psk, bob.device.public, () => {}, name);

  for (const name of ["", "n".repeat(256), "ü".repeat(128)]) make(new Uint8Array(16), name);
  for (const name of ["n".repeat(257), "ü".repeat(129)]) {
    assert.throws(() => make(new Uint8Array(16), name), { code: "usage" });
  }
  for (const size of [0, 15, 17]) assert.throws(() => make(new Uint8Array(size), ""), { code: "usage" });
});

test("both sides make the same device credentials of an enrolment", async () => {
  const home = household();
  const { client, server } = await meet(home);

  const [ours, theirs] = [client, server].map((side) => deviceCredentials(side.exporter, home.bob.device.public));

  assert.deepEqual(ours[0], theirs[0]);
  assert.ok(ours[1].equals(theirs[1]));
});

for (const name of ["H1", "H2", "H3", "AUTH_OK"]) {
  test(`mallory changes a byte of ${name} and nobody gets a session`, async () => {
    const home = household();
    const lengths = {};
    await meet(home, { onTheWire: (each, record) => ((lengths[each] = record.length), record) });
    for (let index = 0; index < lengths[name]; index += name === "H1" || name === "H2" ? 31 : 3) {
      const onTheWire = (each, record) => (each === name ? flipped(record, index) : record);

      await assert.rejects(
        meet(home, { onTheWire }),
        (error) => error.code !== undefined || error.name === "AssertionError",
      );
    }
  });
}

test("another server's identity is refused, even with the right discovery secret", async () => {
  const home = household();
  const charlie = {
    ...home,
    gate: { ...home.gate, identity: IdentityKey.generate(), serverPublic: home.identity.public },
  };

  await refuses("unauthentic", () => meet(home, { server: new ServerHandshake(charlie.gate, "cc-charlie") }));
});

test("a server without the PSK cannot finish, and a client without it is not let in", async () => {
  const home = household();

  await refuses("unauthentic", () => meet(home, { client: clientOf(home, { psk: PreSharedKey.generate() }) }));
  await refuses("unauthentic", () => meet(home, { client: clientOf(home, { device: DeviceKey.generate() }) }));
});

test("a device that signs with another key is not let in", async () => {
  const home = household();
  const mallory = { sign: (message) => DeviceKey.generate().sign(message), public: home.bob.device.public };

  await refuses("unauthentic", () => meet(home, { client: clientOf(home, { device: mallory }) }));
});

test("the gate knows its own people only", () => {
  const [home, other] = [household(), household()];
  const hello = clientOf(home).hello();

  assert.equal(findGate(hello, [other.gate, home.gate]), home.gate);
  assert.equal(findGate(hello, [other.gate]), null);
  for (const index of [0, 1, 2, 3, 4, 700, hello.length - 1])
    assert.equal(findGate(flipped(hello, index), [home.gate]), null);
  for (const cut of [0, 3, 20, hello.length - 1]) assert.equal(findGate(hello.subarray(0, cut), [home.gate]), null);
  const stranger = clientOf(home, { key: gateKey(DiscoverySecret.generate()) });
  assert.equal(findGate(stranger.hello(), [home.gate]), null);
});

test("each step is taken once and in its order", async () => {
  const home = household();
  const [client, server] = [clientOf(home), new ServerHandshake(home.gate, "cc-alice")];

  await refuses("usage", () => client.receiveServerHello(new Uint8Array(9), NOW_MS));
  await refuses("usage", () => client.receiveFinished(new Uint8Array(99)));
  await refuses("usage", () => client.exporter);
  await refuses("usage", () => server.receiveClientAuth(new Uint8Array(9)));
  await refuses("usage", () => server.finish(new Map(), randomBytes(16), NOW_MS));
  const answer = await server.receiveHello(client.hello(), NOW_MS);
  await refuses("usage", () => client.hello());
  const first = client.receiveServerHello(answer, NOW_MS);
  await refuses("usage", () => client.receiveServerHello(answer, NOW_MS));
  const auth = await first;
  await refuses("usage", () => client.exporter);
  await server.receiveClientAuth(auth);
  await refuses("usage", () => server.receiveClientAuth(auth));
  server.verify(home.bob.psk, home.bob.device.public);
  await refuses("usage", () => server.verify(home.bob.psk, home.bob.device.public));
});

test("one handshake gives one session at each end", async () => {
  const home = household();
  let frame;
  const { client, server } = await meet(home, { onTheWire: (name, record) => (frame = record) });

  await refuses("usage", () => client.receiveFinished(frame));
  await refuses("usage", () => server.finish(new Map(), randomBytes(16), NOW_MS));
});

test("the server's parameters reach the client", async () => {
  const home = household();
  const parameters = new ServerParameters({ maxFrameBytes: 4096, minimumClient: "1.2" });

  const { client, clientSession } = await meet(home, {
    server: new ServerHandshake(home.gate, "cc-alice", parameters),
  });

  assert.deepEqual(client.serverParameters, parameters);
  assert.equal(clientSession.maxFrameBytes, 4096);
});

test("an unknown suite or version is refused by name", async () => {
  const home = household();
  const onTheWire = (index) => (name, record) => (name === "H2" ? flipped(record, index) : record);

  await refuses("unsupported_version", () => meet(home, { onTheWire: onTheWire(5) }));
  await refuses("unsupported_version", () => meet(home, { onTheWire: onTheWire(7) }));
});

test("a handshake shows no secret", async () => {
  const { client, server } = await meet(household());

  assert.deepEqual(Object.keys(server), []);
  assert.deepEqual(Object.keys(client).sort(), ["clockOffsetMs", "finishedTlvs", "serverId", "serverParameters"]);
});
