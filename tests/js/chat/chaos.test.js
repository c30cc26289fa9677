import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { Lane } from "../../../static/js/chat/lane.js";
import { FakeServer } from "../fakes/server.js";
import { closeAll, ids, openApp, pairInRoom, texts, until } from "./people.js";

afterEach(closeAll);

const MESSAGES = 60;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The same faults each time: a small generator instead of the dice. */
function shares(seed) {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

for (const seed of [1, 2, 3]) {
  test(`faults of every kind at every moment lose, double and swap nothing (${seed})`, async () => {
    const server = new FakeServer();
    const people = await pairInRoom(server);
    const { roomId } = people;
    const share = shares(seed);
    for (const who of ["alice", "bob"]) people[who].lane = new Lane();
    let isDone = false;

    const talk = async (who) => {
      for (let number = 0; number < MESSAGES; number += 1) {
        await people[who].lane.run(() => people[who].app.send(roomId, `${who} ${number}`));
        await pause(share() * 30);
      }
    };
    const faults = [
      () => server.kill(),
      () => (server.afterStore = once(server, () => server.kill())),
      () => (server.afterStore = once(server, (session) => session.cut(1006))),
      () => [...server.sessions].at(0)?.cut(1006),
      () => server.announceNewPort(),
      () => server.ports.size > 1 && server.closeOldestPort(),
      () => reload(server, people[share() < 0.5 ? "alice" : "bob"]),
    ];
    const makeTrouble = async () => {
      while (!isDone) {
        await faults[Math.floor(share() * faults.length)]();
        await pause(share() * 150);
        server.restart();
        if (server.ports.size === 0) server.openPort();
        for (const who of ["alice", "bob"]) people[who].app.retryNow();
        await pause(share() * 100);
      }
    };

    const trouble = makeTrouble();
    await Promise.all([talk("alice"), talk("bob")]);
    isDone = true;
    await trouble;
    // A fault that was armed and has not happened would now meet nobody who starts the server again.
    server.afterStore = () => {};
    server.restart();

    const apps = [people.alice.app, people.bob.app];
    for (const app of apps) {
      const isQuiet = () => app.messages(roomId).every((message) => message.seq !== null);
      await until(app, () => texts(app, roomId).length === 2 * MESSAGES && isQuiet(), 60_000);
    }
    const shown = ids(apps[0], roomId);
    assert.deepEqual(ids(apps[1], roomId), shown);
    const known = new Set(shown);
    const logged = server.service.log(roomId).map((row) => toHex(row.messageId));
    assert.deepEqual(logged.filter((id) => known.has(id)), shown);
    for (const who of ["alice", "bob"]) {
      const said = texts(apps[0], roomId).filter((text) => text.startsWith(who));
      assert.deepEqual(said, Array.from({ length: MESSAGES }, (_, number) => `${who} ${number}`));
    }
  });
}

function once(server, act) {
  return (session) => {
    server.afterStore = () => {};
    act(session);
  };
}

/** The page goes and comes again, between two messages. */
function reload(server, person) {
  return person.lane.run(async () => {
    await person.app.close();
    person.app = await openApp(server, person.storageName);
  });
}
