import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { checkConnection } from "../../../static/js/chat/connection_check.js";
import { browserEnvironment } from "../../../static/js/chat/environment.js";
import { OwnDevice } from "../../../static/js/chat/own_device.js";
import { utf8 } from "../../../static/js/bytes.js";
import { Credentials } from "../../../static/js/net/dial.js";
import { DialFailed } from "../../../static/js/net/failures.js";
import { Revoked } from "../../../static/js/protocol/errors.js";
import { gateKey } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey, DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { FakeServer } from "../fakes/server.js";
import { closeAll, enrolled, openApp, until } from "./people.js";

afterEach(closeAll);

const codes = ({ steps }) => steps.flatMap((step) => step.lines.map((line) => line.code));

/** Alice's app, opened anew where the server has been changed meanwhile. */
async function reopened(server, change, environment = {}) {
  const { app, storageName } = await enrolled(server, "alice");
  await app.close();
  await change();
  return openApp(server, storageName, "", environment);
}

test("with a session everything is well, and each step is shown as it is done", async () => {
  const { app } = await enrolled(new FakeServer(), "alice");
  const seen = [];

  const found = await app.checkConnection((sofar) => seen.push(codes(sofar).length));

  assert.deepEqual(codes(found), [
    "clock_well", "context_well", "place_well", "signature_well", "fresh_well", "port_well", "tls_local", "gate_well",
    "device_well",
  ]);
  assert.deepEqual(found.verdict, { code: "well", sentence: "All is well on the way to the server.", remedy: "" });
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("without a session the ports are tried, and one handshake lets the device in", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  await app.close();
  server.openPort();
  const environment = { ...browserEnvironment(), ...server.environment };
  const device = await OwnDevice.open(storageName, null, environment);
  const found = await checkConnection({ device, connection: { status: "offline" }, environment });
  device.close();

  assert.equal(found.verdict.code, "well");
  assert.equal(codes(found).filter((code) => code === "port_well").length, 2);
  assert.equal(codes(found).filter((code) => code === "device_well").length, 1);
});

test("the clock is held against that of the server which proved itself just now", async () => {
  const server = new FakeServer();
  const app = await reopened(server, () => {
    server.refuseOwnKeys = true;
    server.clockAheadMs = 2.5 * 3_600_000;
  });

  const found = await app.checkConnection(() => {});

  assert.ok(codes(found).includes("clock_off"), codes(found));
  assert.ok(codes(found).includes("gate_well"));
  assert.match(found.steps.find((step) => step.name === "clock").lines[0].sentence, /2 h away/);
});

test("a server that is down is told from a network that is away", async () => {
  const server = new FakeServer();
  const app = await reopened(server, () => server.kill());

  const found = await app.checkConnection(() => {});

  assert.equal(found.verdict.code, "port_refused");
  assert.match(found.verdict.sentence, /Port 50000/);
});

test("when no place answers either, that is the reason, and the kept address is tried all the same", async () => {
  const server = new FakeServer();
  const fetchBytes = async () => Promise.reject(new DialFailed("unavailable"));
  const app = await reopened(server, () => server.kill(), { fetchBytes });

  const found = await app.checkConnection(() => {});

  assert.equal(found.verdict.code, "place_unreadable");
  assert.match(found.verdict.sentence, /mirror\.example/);
  assert.ok(codes(found).includes("place_kept"));
  assert.ok(codes(found).includes("port_refused"));
});

test("a place that answers and has nothing is told from one that could not be read", async () => {
  const server = new FakeServer();
  const fetchBytes = async () => Promise.reject(new DialFailed("not_there"));
  const app = await reopened(server, () => server.kill(), { fetchBytes });

  const found = await app.checkConnection(() => {});

  assert.equal(found.verdict.code, "place_missing");
  assert.match(found.verdict.sentence, /mirror\.example answers, and has no address/);
});

test("a device without a network is told so", async () => {
  const server = new FakeServer();
  const fetchBytes = async () => Promise.reject(new DialFailed("unavailable"));
  const app = await reopened(server, () => server.kill(), { fetchBytes, isOnline: () => false });

  assert.equal((await app.checkConnection(() => {})).verdict.code, "offline");
});

test("a page without a secure connection is told so", async () => {
  const server = new FakeServer();
  const app = await reopened(server, () => server.kill(), { isSecure: () => false });

  assert.equal((await app.checkConnection(() => {})).verdict.code, "context_insecure");
});

test("a login page in place of the file is noise, and what was kept is used", async () => {
  const server = new FakeServer();
  const app = await reopened(server, () => {}, { fetchBytes: async () => utf8("<!doctype html>Log in") });

  const found = await app.checkConnection(() => {});

  assert.ok(codes(found).includes("place_noise"));
  assert.equal(found.verdict.code, "well");
  assert.match(found.verdict.sentence, /no address of any server/);
});

test("another server's file is named with its host, and not used", async () => {
  const server = new FakeServer();
  const app = await reopened(server, () => {
    server.kill();
    server.identity = IdentityKey.generate();
    server.serial += 1;
  });

  const found = await app.checkConnection(() => {});

  assert.ok(codes(found).includes("signature_foreign"), codes(found));
  assert.match(found.steps.find((step) => step.name === "signature").lines[0].sentence, /mirror\.example/);
});

test("a file for other devices is named", async () => {
  const server = new FakeServer();
  const app = await reopened(server, () => {
    server.kill();
    server.psks.clear();
    server.discoverySecret = DiscoverySecret.generate();
    server.serial += 1;
  });

  assert.ok(codes(await app.checkConnection(() => {})).includes("signature_sealed"));
});

test("a door that has another key by now is told from a dead port", async () => {
  const server = new FakeServer();
  const file = { now: null };
  const app = await reopened(server, async () => {
    file.now = await server.file();
    server.discoverySecret = DiscoverySecret.generate();
  }, { fetchBytes: async () => file.now });

  const found = await app.checkConnection(() => {});

  assert.equal(found.verdict.code, "gate_closed");
  assert.ok(codes(found).includes("port_well"));
});

test("a server that forgot the device says so after it has proved itself", async () => {
  const server = new FakeServer();
  const app = await reopened(server, () => (server.refuseOwnKeys = true));

  const found = await app.checkConnection(() => {});

  assert.equal(found.verdict.code, "device_refused");
  assert.ok(codes(found).includes("gate_well"));
});

for (const [closeCode, code] of [[1008, "device_refused"], [1006, "device_later"], [4414, "device_later"]]) {
  test(`a server that closes with ${closeCode} after its proof: ${code}`, async () => {
    const server = new FakeServer();
    const app = await reopened(server, () => {
      const accept = server.accept.bind(server);
      // The second message is the device's proof.
      server.accept = async (url, handlers) => {
        const wire = await accept(url, handlers);
        let sent = 0;
        const send = (data) => ((sent += 1) === 2 ? handlers.onEnd(closeCode) : wire.send(data));
        return { ...wire, send };
      };
    });

    const found = await app.checkConnection(() => {});

    assert.equal(found.verdict.code, code);
    assert.ok(codes(found).includes("gate_well"));
  });
}

const ENDS = [
  ["says 11", (session) => session.leave(11), "device_full"],
  ["says 10", (session) => session.leave(10), "device_revoked"],
  ["is cut off", (session) => session.cut(1006), "device_later"],
  ["is cut off with a forged 4410", (session) => session.cut(4410), "device_later"],
];
for (const [how, end, code] of ENDS) {
  test(`a new session that ${how}: ${code}`, async () => {
    const server = new FakeServer();
    const app = await reopened(server, () => {
      server.beforeAnswer = end;
    });

    const found = await app.checkConnection(() => {});

    assert.equal(found.verdict.code, code);
  });
}

/** A device that a server does not know, which believes these identities. */
function strangeDevice({ identity, discoverySecret }, pins = [identity.public]) {
  return {
    isRevoked: false, isEnrolled: true, identities: { pins },
    credentials: ({ serverPublic }) => new Credentials({
      serverPublic, gateKey: gateKey(discoverySecret), pskId: new Uint8Array(16),
      psk: PreSharedKey.generate(), devicePublic: DeviceKey.generate().public, sign: async () => new Uint8Array(64),
    }),
  };
}

test("while one identity hands over to another, a server may know only the one before", async () => {
  for (const [pins, found] of [[1, "gate_closed"], [2, "gate_well"]]) {
    const server = new FakeServer();
    const [url] = server.ports.keys();
    const endpoint = { url, port: 50_000, tls: false };
    const finder = {
      info: { isCurrent: yes, endpoints: [endpoint] }, now: Date.now(), places: [{ host: "a.example", code: null }],
      refresh: async () => {}, endpoints: () => [endpoint],
    };
    const account = strangeDevice(server, [IdentityKey.generate().public, server.identity.public].slice(0, pins));
    const { openWire } = server.environment;
    const environment = { isOnline: yes, isSecure: yes, openWire };
    const way = await checkConnection({ device: { account, finder }, connection: { status: "offline" }, environment });

    assert.ok(codes(way).includes(found), `${codes(way)}`);
  }
});

test("over TLS, a port that is turned away may be a certificate, which a browser does not tell", async () => {
  const tls = { url: "wss://chat.example:50000/x", port: 50_000, tls: true };
  const finder = {
    info: { isCurrent: yes, endpoints: [tls] }, now: Date.now(), places: [{ host: "a.example", code: null }],
    refresh: async () => {}, endpoints: () => [tls],
  };
  const account = strangeDevice(new FakeServer());
  const openWire = async () => Promise.reject(new DialFailed("unavailable"));
  const environment = { isOnline: yes, isSecure: yes, openWire };
  const found = await checkConnection({ device: { account, finder }, connection: { status: "offline" }, environment });

  assert.equal(found.verdict.code, "port_refused");
  assert.ok(codes(found).includes("tls_unknown"));
  assert.ok(codes(found).includes("clock_unknown"));
});

test("with an invitation the way is gone up to the server's proof, and the invitation stays unused", async () => {
  const server = new FakeServer();
  const app = await openApp(server, "carol", server.makeInvite());
  await until(app, () => app.invitation?.serverName === "Fake");

  const found = await app.checkConnection(() => {});

  assert.equal(found.verdict.code, "well");
  assert.ok(codes(found).includes("clock_well"));
  assert.ok(!codes(found).includes("device_well"));
  assert.ok([...server.psks.values()].every(({ device }) => device === null));
});

test("a device that the revocation list names is told so, and dials nobody", async () => {
  const finder = {
    info: null, now: Date.now(), places: [{ host: "a.example", code: null }],
    refresh: async () => Promise.reject(new Revoked()), endpoints: () => assert.fail("dialled"),
  };
  const found = await checkConnection({
    device: { account: { isRevoked: false }, finder }, connection: { status: "offline" },
    environment: { isOnline: yes, isSecure: yes },
  });

  assert.equal(found.verdict.code, "device_revoked");
});

test("a page without an invitation says what is missing", async () => {
  const app = await openApp(new FakeServer(), "nobody");

  assert.equal((await app.checkConnection(() => {})).verdict.code, "device_none");
});

test("a clock that is off explains a file that ran out", async () => {
  const info = { isCurrent: () => false, validFrom: 0, validUntil: Date.now() / 1000 - 7200, endpoints: [] };
  const finder = {
    info, now: Date.now() - 7_200_000, places: [{ host: "a.example", code: null }], refresh: async () => {},
    endpoints: () => [],
  };
  const environment = { isOnline: yes, isSecure: yes };
  const found = await checkConnection({
    device: { account: { isRevoked: false }, finder }, connection: { status: "offline" }, environment,
  });

  assert.equal(found.verdict.code, "clock_off");
  assert.match(found.verdict.sentence, /2 h away/);
});

const yes = () => true;

test("the server's clock is learnt in the handshake, above 300 s a warning, and nobody is refused", async () => {
  for (const [ahead, code] of [[-302, "clock_off"], [-299, "clock_well"], [299, "clock_well"], [302, "clock_off"]]) {
    const server = new FakeServer();
    server.clockAheadMs = ahead * 1000;
    const { app } = await enrolled(server, "alice");
    const found = await app.checkConnection(() => {});

    assert.equal(app.connection.status, "connected");
    assert.ok(codes(found).includes(code), `${ahead}: ${codes(found)}`);
  }
});
