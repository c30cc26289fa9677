import assert from "node:assert/strict";
import { test } from "node:test";

import { Credentials, dial } from "../../../static/js/net/dial.js";
import { ClientHello } from "../../../static/js/protocol/handshake_messages.js";
import { Invite } from "../../../static/js/protocol/invite.js";
import { gateKey } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey, DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { FakeServer } from "../fakes/server.js";

function credentialsFor(server, changes = {}) {
  const invite = Invite.parse(server.makeInvite());
  const device = DeviceKey.generate();
  return new Credentials({
    serverPublic: invite.serverPublic,
    gateKey: gateKey(changes.discoverySecret ?? server.discoverySecret),
    pskId: invite.inviteId,
    psk: invite.invitePsk,
    devicePublic: device.public,
    sign: async (message) => device.sign(message),
    ...changes.parts,
  });
}

function call(server, credentials, options = {}) {
  const [url] = server.ports.keys();
  return dial({ url, credentials, handlers: {}, openWire: (...wire) => server.accept(...wire), ...options });
}

test("the right credentials give a session, and both sides have the same exporter", async () => {
  const server = new FakeServer();
  const { channel, handshake } = await call(server, credentialsFor(server));

  assert.equal(channel.isOpen, true);
  assert.equal(handshake.exporter.length, 32);
  channel.close();
});

test("a server that does not know the secret closes without a word", async () => {
  const server = new FakeServer();

  const wrongPsk = credentialsFor(server, { parts: { psk: PreSharedKey.generate() } });
  await assert.rejects(call(server, wrongPsk), { name: "DialFailed", code: "refused" });
});

test("without the gate key nobody answers", async () => {
  const server = new FakeServer();

  const stranger = credentialsFor(server, { discoverySecret: DiscoverySecret.generate() });
  await assert.rejects(call(server, stranger), { code: "unavailable" });
});

test("a server that cannot prove the pinned identity gets no answer", async () => {
  const server = new FakeServer();
  const impostor = new FakeServer();
  impostor.discoverySecret = server.discoverySecret;
  const credentials = credentialsFor(server);
  const pinned = new Credentials({ ...credentials, serverPublic: IdentityKey.generate().public });

  // The gate value binds the identity too, so the impostor's gate is closed to what was meant for the pinned server.
  await assert.rejects(call(impostor, credentials), { code: "unavailable" });
  await assert.rejects(call(server, pinned), { code: "unavailable" });
});

test("a tripwire says that the port has moved", async () => {
  const server = new FakeServer();
  const openWire = async (_url, { onEnd }) => ({ send: () => queueMicrotask(() => onEnd(4409)), close: () => {} });

  await assert.rejects(call(server, credentialsFor(server), { openWire }), { code: "rediscover" });
});

test("a server whose database is away has not refused anybody", async () => {
  const server = new FakeServer();
  const openWire = async (_url, { onEnd }) => ({ send: () => queueMicrotask(() => onEnd(4414)), close: () => {} });

  await assert.rejects(call(server, credentialsFor(server), { openWire }), { code: "unavailable" });
});

test("a port that accepts and stays silent is given up", async () => {
  const server = new FakeServer();
  const closed = [];
  const openWire = async () => ({ send: () => {}, close: (code) => closed.push(code) });

  await assert.rejects(call(server, credentialsFor(server), { openWire, timeoutMs: 30 }), { code: "unavailable" });

  assert.deepEqual(closed, [4008]);
});

/** What the page offers when the file in force lists these suites; null when it opens no connection. */
async function offered(suites) {
  const server = new FakeServer();
  let suitesOfHello = null;
  const openWire = async (_url, { onEnd }) => {
    const send = (record) => {
      suitesOfHello = ClientHello.parse(record).suites;
      queueMicrotask(() => onEnd(1006));
    };
    return { send, close: () => {} };
  };
  const failure = await call(server, credentialsFor(server), { openWire, suites }).catch(({ code }) => code);
  return { suites: suitesOfHello, failure };
}

test("the page offers nothing below its floor, whatever the file lists", async () => {
  for (const listed of [undefined, [2], [2, 1], [1, 2, 9]]) {
    assert.deepEqual(await offered(listed), { suites: [2], failure: "unavailable" });
  }
});

test("a server whose file lists no suite that the page takes is not dialled", async () => {
  for (const listed of [[1], [9], []]) {
    assert.deepEqual(await offered(listed), { suites: null, failure: "unsupported_version" });
  }
});
