import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, toHex } from "../../../static/js/bytes.js";
import { u16 } from "../../../static/js/protocol/encoding.js";
import { closeHello } from "../../../static/js/protocol/gate.js";
import { ServerHandshake, ServerParameters } from "../../../static/js/protocol/handshake.js";
import { ClientHello } from "../../../static/js/protocol/handshake_messages.js";
import { DecapsulationKey, ExchangeSecret } from "../../../static/js/protocol/keys.js";
import { parseRekey, RekeyInit } from "../../../static/js/protocol/rekey.js";
import { allowedSuites, chooseSuite, suitesToOffer } from "../../../static/js/protocol/suites.js";
import { rekey, rekeyingPair } from "../fakes/rekeying.js";
import { clientOf, flipped, household, meet, refuses } from "./people.js";

/** A meeting of a client that offers these suites with a server of this floor. */
function meetUnder(suites, pqRequired, options = {}) {
  const home = household();
  const server = new ServerHandshake(home.gate, "cc-alice", new ServerParameters(), pqRequired);
  return meet(home, { client: clientOf(home, { suites }), server, ...options });
}

test("a file raises the floor and never lowers it", () => {
  for (const [pqRequired, listed, offered] of [
    [true, [2, 1], [2]],
    [true, [1, 9, 2], [2]],
    [false, [1, 2], [2, 1]],
    [false, [2], [2]],
    [false, [9, 1], [1]],
  ]) {
    assert.deepEqual(suitesToOffer(pqRequired, listed), offered);
  }
});

test("a file without a suite of ours names each side's wish and one remedy", () => {
  for (const [pqRequired, listed] of [[true, [1]], [true, []], [false, [9]]]) {
    assert.throws(() => suitesToOffer(pqRequired, listed), {
      code: "unsupported_version",
      message: /takes (0x000[19]|no suite), .* operator has to update it/,
    });
  }
});

test("a server takes the best that is offered and allowed", async () => {
  for (const [pqRequired, offered, chosen] of [[true, [1, 2], 2], [false, [1, 2], 2], [false, [9, 1], 1]]) {
    assert.equal(chooseSuite(pqRequired, offered), chosen);
  }
  for (const [pqRequired, offered] of [[true, [1]], [true, [9, 1]], [false, [9]]]) {
    await refuses("unsupported_version", () => chooseSuite(pqRequired, offered));
  }
  assert.deepEqual([allowedSuites(true), allowedSuites(false)], [[2], [2, 1]]);
});

test("both ends agree on the suite", async () => {
  const ways = [[[1], false, 1], [[2, 1], false, 2], [[1, 2], true, 2], [undefined, true, 2]];
  for (const [suites, pqRequired, taken] of ways) {
    const { clientSession, serverSession } = await meetUnder(suites, pqRequired);
    assert.deepEqual([clientSession.suite, serverSession.suite], [taken, taken]);
    assert.deepEqual(clientSession.exporter, serverSession.exporter);
  }
});

test("below the server's floor nobody gets a session", async () => {
  // A server that was told nothing keeps its floor, too.
  for (const told of [true, undefined]) await refuses("unsupported_version", () => meetUnder([1], told));
  for (const suites of [[], [3], [2, 3]]) await refuses("usage", () => meetUnder(suites, false));
});

test("a suite that was not offered is refused before anything is opened", async () => {
  const onTheWire = (name, record) => (name === "H2" ? concat(record.slice(0, 6), u16(2), record.slice(8)) : record);

  await refuses("unsupported_version", () => meetUnder([1], false, { onTheWire }));
});

test("whatever byte of an answer in suite 1 is changed, nobody gets a session", async () => {
  const lengths = new Map();
  await meetUnder([1], false, { onTheWire: (name, record) => (lengths.set(name, record.length), record) });
  assert.deepEqual([lengths.get("H1"), lengths.get("H2")], [95, 224]);

  for (const name of ["H2", "H3", "AUTH_OK"]) {
    for (let at = 0; at < lengths.get(name); at += 1) {
      const onTheWire = (each, record) => (each === name ? flipped(record, at) : record);
      const isNamed = ({ code }) => typeof code === "string" && code !== "ERR_ASSERTION";
      await assert.rejects(meetUnder([1], false, { onTheWire }), isNamed, `${name}, byte ${at}`);
    }
  }
});

test("an offer that was stripped on the way is noticed", async () => {
  const home = household();
  const onTheWire = (name, record) => {
    if (name !== "H1") return record;
    const stripped = new ClientHello({ ...ClientHello.parse(record), suites: [1], encapsulation: null });
    return closeHello(home.gate.gateKey, home.gate.serverPublic, stripped.encode());
  };
  const server = new ServerHandshake(home.gate, "cc-alice", new ServerParameters(), false);

  await refuses("unauthentic", () => meet(home, { client: clientOf(home, { suites: [2, 1] }), server, onTheWire }));
});

test("a rekey keeps the session in suite 1", async () => {
  const pair = await rekeyingPair({ suite: 1 });
  const exporters = new Set([toHex(pair.client.session.exporter)]);
  for (let epoch = 1; epoch <= 3; epoch += 1) {
    await rekey(pair);
    assert.deepEqual([pair.client.failure, pair.server.failure], [null, null]);
    assert.equal(pair.client.session.epoch, epoch);
    assert.deepEqual(pair.client.session.exporter, pair.server.session.exporter);
    exporters.add(toHex(pair.client.session.exporter));
  }
  assert.equal(exporters.size, 4);
});

test("a rekey of the other suite does not parse", async () => {
  const [exchange, mlkem] = [ExchangeSecret.generate().public, DecapsulationKey.generate().public];
  const [one, two] = [null, mlkem].map((each) => new RekeyInit(1, exchange, each, new Uint8Array(64)).encode());

  assert.equal(one.length, 103);
  assert.equal(parseRekey(one, 1).encapsulation, null);
  assert.deepEqual(parseRekey(two, 2).encapsulation.bytes, mlkem.bytes);
  await refuses("malformed", () => parseRekey(one, 2));
  await refuses("malformed", () => parseRekey(two, 1));
});
