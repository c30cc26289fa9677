import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Endpoint } from "../../../static/js/protocol/connection_info.js";
import {
  betterEndpoints, isContent, lookAt, MAX_TIMES, movePause, orderEndpoints, placeOf, rememberTime, slowPlaces,
} from "../../../static/js/protocol/endpoint_choice.js";

const NOW = 1_760_000_000;
const PATH = `/${"A".repeat(22)}`;

const endpoints = fc.uniqueArray(
  fc.record({
    host: fc.constantFrom("a.example", "b.example", "c.example"),
    port: fc.integer({ min: 1, max: 40 }),
    path: fc.constant(PATH),
    tls: fc.boolean(),
    validFrom: fc.constant(NOW - 100),
    validUntil: fc.integer({ min: NOW - 3, max: NOW + 3 }),
    load: fc.double({ min: 0, max: 3, noNaN: true }),
    region: fc.constantFrom("", "eu", "us"),
    retiring: fc.boolean(),
    fixed: fc.boolean(),
  }),
  { maxLength: 12, selector: ({ host, port, tls }) => `${host}:${port}:${tls}` },
).map((all) => all.map((each) => new Endpoint(each)));
const draws = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 12, maxLength: 12 });

test("every endpoint that may be dialled comes once, and by the rules", () => {
  fc.assert(
    fc.property(endpoints, draws, fc.constantFrom("", "eu", "us"), (all, each, region) => {
      const slow = new Set(all.filter(({ port }) => port % 3 === 0).map(placeOf));
      const ordered = orderEndpoints(all, { now: NOW, draws: each, slow, region });
      const rank = (endpoint) => [
        endpoint.validUntil < NOW, endpoint.fixed, endpoint.retiring, slow.has(placeOf(endpoint)),
        region !== "" && endpoint.region !== region,
      ].map(Number).join("");

      assert.deepEqual(new Set(ordered), new Set(all.filter(({ isDialable }) => isDialable)));
      assert.equal(new Set(ordered).size, ordered.length);
      assert.deepEqual(ordered.map(rank), ordered.map(rank).sort());
    }),
  );
});

test("whoever is content has nowhere better to go, and better is never worse", () => {
  fc.assert(
    fc.property(endpoints, fc.nat(11), (all, index) => {
      const own = all[index % Math.max(1, all.length)] ?? { url: "ws://elsewhere" };
      const info = { endpoints: all };
      const better = betterEndpoints(own.url, info);

      if (isContent(own.url, info)) assert.deepEqual(better, []);
      assert.ok(better.every((each) => each.url !== own.url && each.isDialable));
      if (own.fixed && isContent(own.url, info) === false) assert.ok(better.every((each) => !each.fixed));
    }),
  );
});

test("a thousand clients spread over the nodes by what is free there, and over the time there is", () => {
  const loads = [0, 0.25, 0.5, 0.75];
  const nodes = loads.map(
    (load, port) => new Endpoint({ host: "a", port: port + 1, path: PATH, tls: true, validFrom: 0, validUntil: NOW, load }),
  );
  const firsts = new Map();
  const tenths = new Map();
  for (let client = 0; client < 1000; client += 1) {
    const [{ load }] = orderEndpoints(nodes, { now: NOW, draws: [client / 1000, 0, 0, 0] });
    firsts.set(load, (firsts.get(load) ?? 0) + 1);
    const tenth = Math.floor(movePause(300, client / 1000) / 0.4);
    tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
  }

  assert.deepEqual([...firsts], [[0, 400], [0.25, 300], [0.5, 200], [0.75, 100]]);
  assert.equal(tenths.size, 10);
  assert.ok([...tenths.values()].every((count) => count >= 99 && count <= 101));
});

test("a pause is never longer than four seconds, nor than a third of what is left, and a look comes in time", () => {
  const numbers = [fc.double({ min: -1e6, max: 1e9, noNaN: true }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })];
  fc.assert(
    fc.property(...numbers, fc.integer({ min: 1, max: 86_400 }), (left, draw, grace) => {
      const pause = movePause(left, draw);
      const look = lookAt({ validUntil: NOW }, grace, draw);

      assert.ok(pause >= 0 && pause <= 4 && pause <= Math.max(0, left / 3));
      assert.ok(look >= NOW - grace / 2 && look <= NOW - grace / 4);
    }),
  );
});

test("times are few and recent, and the quickest place is never slow", () => {
  const known = fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.nat(5000), fc.integer({ min: -4000, max: 4000 })));
  fc.assert(
    fc.property(known, (all) => {
      const at = (port) => new Endpoint({ host: "a", port, path: PATH, tls: true, validFrom: 0, validUntil: NOW });
      let times = new Map();
      for (const [port, milliseconds, ago] of all) times = rememberTime(times, at(port), milliseconds, NOW - ago);
      const listed = [...new Set(all.map(([port]) => port))].map(at);
      const slow = slowPlaces(listed, times, NOW);

      assert.ok(times.size <= MAX_TIMES);
      assert.ok(listed.length === 0 || slow.size < listed.length);
    }),
  );
});
