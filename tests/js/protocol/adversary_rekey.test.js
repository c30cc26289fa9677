// Mallory in a rekey: every byte of its messages flipped, and every message in every state of both machines.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, toHex, utf8 } from "../../../static/js/bytes.js";
import { MessageType } from "../../../static/js/protocol/frame.js";
import { deriveSessionKeys, EpochKeys } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey, ExchangePublic, IdentityKey } from "../../../static/js/protocol/keys.js";
import { ClientRekey, ServerRekey } from "../../../static/js/protocol/rekey.js";
import { Role, Session } from "../../../static/js/protocol/session.js";
import { SUITE_X25519, SUITE_X25519_MLKEM768 } from "../../../static/js/protocol/suites.js";
import { flipped, refuses } from "./people.js";

const ID = new Uint8Array(16).fill(7);
const REQUEST = Uint8Array.of(0);
const STEPS = ["idle", "ask", "begin", "answer", "takeAnswer", "finish", "idle", "begin", "answer"];
// After so many steps: a name for the state the machines are in.
const STATES = ["new epoch", "idle", "asked", "INIT sent", "RESP sent", "RESP taken", "second epoch"].concat(
  "second epoch, idle",
  "second INIT sent",
  "second RESP sent",
);
const DUE = { INIT: [3, 8], RESP: [4, 9], DONE: [5] };
const SUITES = { hybrid: SUITE_X25519_MLKEM768, x25519: SUITE_X25519 };

function epochKeys(octet) {
  const [ours, theirs] = [1, 2].map((each) => new ExchangePublic(new Uint8Array(32).fill(each)));
  return EpochKeys.derive(deriveSessionKeys(new Uint8Array(32).fill(octet), ours, theirs), new Uint8Array(32).fill(4));
}

/** A session on its way through two rekeys; what was sent stays to be sent again. */
class Line {
  now = 0;
  sent = {};

  constructor(suite, octet = 3) {
    [this.device, this.identity] = [DeviceKey.generate(), IdentityKey.generate()];
    const session = (role) => {
      const limits = [undefined, undefined, undefined];
      const made = new Session(role, new Uint8Array(16).fill(octet), epochKeys(octet), ...limits, suite);
      made.handRekeyTo(() => {});
      return made;
    };
    [this.client, this.server] = [session(Role.CLIENT), session(Role.SERVER)];
    const sign = async (message) => this.device.sign(message);
    this.clientRekey = new ClientRekey(this.client, this.identity.public, sign, 0);
    this.serverRekey = new ServerRekey(this.server, this.device.public, (message) => this.identity.sign(message), 0);
  }

  async carry(sender, payload, type = MessageType.KEY_ROTATION) {
    const receiver = sender === this.client ? this.server : this.client;
    return (await receiver.open(await sender.seal(type, payload, ID, 0))).payload;
  }

  async start() {
    await this.carry(this.server, new Uint8Array(), MessageType.AUTH_OK);
  }

  async idle() {
    this.now += 20;
  }

  async ask() {
    this.clientRekey.receive(await this.carry(this.server, this.serverRekey.request()), this.now);
  }

  async begin() {
    this.sent.INIT = await this.clientRekey.init(this.now);
  }

  async answer() {
    this.sent.RESP = this.serverRekey.receive(await this.carry(this.client, this.sent.INIT), this.now);
    this.frame = await this.server.seal(MessageType.KEY_ROTATION, this.sent.RESP, ID, 0);
  }

  async takeAnswer() {
    this.sent.DONE = this.clientRekey.receive((await this.client.open(this.frame)).payload, this.now);
  }

  async finish() {
    assert.equal(this.serverRekey.receive(await this.carry(this.client, this.sent.DONE), this.now), null);
    this.sent = Object.fromEntries(Object.entries(this.sent).map(([name, payload]) => [`old ${name}`, payload]));
  }

  /** All of both sessions and machines that can be seen. */
  get seen() {
    const counts = ["epoch", "sendingEpoch", "sentFrames", "sentBytes", "receivedFrames", "receivedBytes"];
    const shown = (session) => [...counts.map((name) => session[name]), toHex(session.exporter)];
    const sessions = [this.client, this.server].map(shown);
    const later = [0, 15, 25, 35, 4000, 90_000].map((wait) => this.now + wait);
    const machines = [this.clientRekey, this.serverRekey].map((each) =>
      later.map((now) => [each.isDue(now), each.isOverdue(now)]),
    );
    return JSON.stringify([sessions, machines]);
  }

  /** It is refused by this code, and nothing that can be seen changes. */
  async refuses(code, machine, payload) {
    const before = this.seen;
    await refuses(code, () => machine.receive(payload, this.now));
    assert.equal(this.seen, before);
  }
}

async function lineAt(steps, suite = SUITE_X25519_MLKEM768, octet = 3) {
  const line = new Line(suite, octet);
  await line.start();
  for (const step of STEPS.slice(0, steps)) await line[step]();
  return line;
}

/** The same shape, with kind, epoch and length, and nothing but zeros in it. */
function emptied(payload) {
  if (payload.length === 33) return concat(payload.subarray(0, 1), new Uint8Array(32));
  const head = concat(payload.subarray(0, 5), new Uint8Array(32), payload.subarray(37, 39));
  return concat(head, new Uint8Array(payload.length - 39));
}

const OTHER = await lineAt(6, SUITE_X25519_MLKEM768, 5);

/** What mallory may send: all there was, what another session had, each kind in bare shape, and nonsense. */
function mallorys(line) {
  const theirs = Object.entries(OTHER.sent);
  return Object.entries({
    ...line.sent,
    ...Object.fromEntries(theirs.map(([name, payload]) => [name.replace("old", "other's"), payload])),
    ...Object.fromEntries(theirs.map(([name, payload]) => [name.replace("old", "bare"), emptied(payload)])),
    unknown: new Uint8Array(41).fill(4),
    empty: new Uint8Array(),
    long: new Uint8Array(2),
  });
}

const isNonsense = (name) => ["unknown", "empty", "long"].includes(name);

for (const [steps, state] of STATES.entries()) {
  test(`${state}: the client takes nothing out of turn`, async () => {
    const line = await lineAt(steps);
    for (const [name, payload] of mallorys(line)) {
      if (name === "RESP" && DUE.RESP.includes(steps)) continue;
      const isForged = name.endsWith("RESP") && (steps === 3 || steps === 4);
      const code = isNonsense(name) ? "malformed" : isForged ? "unauthentic" : "out_of_order";
      await line.refuses(code, line.clientRekey, payload);
    }
    assert.equal(line.clientRekey.receive(REQUEST, line.now), null);
  });

  test(`${state}: the server takes nothing out of turn`, async () => {
    const line = await lineAt(steps);
    const [isAnswered, isEarly] = [[4, 5, 9].includes(steps), [0, 6].includes(steps)];
    // All of mallory's INITs are for epoch 1, which the second half has behind it.
    const ofInit = isAnswered ? "out_of_order" : isEarly ? "too_fast" : steps > 6 ? "out_of_order" : "unauthentic";
    for (const [name, payload] of [...mallorys(line), ["REQUEST", REQUEST]]) {
      if (DUE[name]?.includes(steps) && name !== "RESP") continue;
      const ofOthers = name.endsWith("DONE") && isAnswered ? "unauthentic" : "out_of_order";
      const code = isNonsense(name) ? "malformed" : name.endsWith("INIT") ? ofInit : ofOthers;
      await line.refuses(code, line.serverRekey, payload);
    }
  });

  test(`${state}: after mallory the rekey goes on`, async () => {
    const line = await lineAt(steps);
    for (const [name, payload] of mallorys(line)) {
      if (name in line.sent) continue;
      for (const machine of [line.clientRekey, line.serverRekey]) {
        assert.throws(() => machine.receive(payload, line.now));
      }
    }
    for (const step of [...STEPS.slice(steps), "takeAnswer", "finish"]) await line[step]();

    assert.deepEqual([line.client.epoch, line.server.epoch], [2, 2]);
    assert.deepEqual(await line.carry(line.server, utf8("well"), MessageType.CHAT), utf8("well"));
  });
}

for (const [name, suite] of Object.entries(SUITES)) {
  test(`${name}: every flipped byte of INIT, RESP and DONE is refused by its field, and changes nothing`, async () => {
    const line = await lineAt(3, suite);
    const codeAt = (at) =>
      at === 0 || at === 37 || at === 38 ? "malformed" : at < 5 ? "out_of_order" : "unauthentic";
    for (const at of line.sent.INIT.keys()) {
      await line.refuses(codeAt(at), line.serverRekey, flipped(line.sent.INIT, at, 1 << at % 8));
    }
    await line.answer();
    for (const at of line.sent.RESP.keys()) {
      await line.refuses(codeAt(at), line.clientRekey, flipped(line.sent.RESP, at, 1 << at % 8));
    }
    await line.takeAnswer();
    for (const at of line.sent.DONE.keys()) {
      const code = at === 0 ? "malformed" : "unauthentic";
      await line.refuses(code, line.serverRekey, flipped(line.sent.DONE, at, 1 << at % 8));
    }
    await line.finish();
    assert.deepEqual([line.client.epoch, line.server.epoch], [1, 1]);
  });
}

test("frames of old and future epochs are refused", async () => {
  const attempts = {
    "the next epoch before RESP": async (line) => {
      await line.answer();
      return [line.client, await line.server.seal(MessageType.CHAT, utf8("future"), ID, 0)];
    },
    "the last epoch after RESP": async (line) => {
      const old = await line.server.seal(MessageType.CHAT, utf8("old"), ID, 0);
      await line.client.open(old);
      await line.answer();
      await line.takeAnswer();
      return [line.client, old];
    },
    "RESP's own frame again": async (line) => {
      await line.answer();
      await line.takeAnswer();
      return [line.client, line.frame];
    },
    "the next epoch before DONE": async (line) => {
      await line.answer();
      await line.takeAnswer();
      await line.client.seal(MessageType.KEY_ROTATION, line.sent.DONE, ID, 0);
      return [line.server, await line.client.seal(MessageType.CHAT, utf8("ahead"), ID, 0)];
    },
  };
  for (const attempt of Object.values(attempts)) {
    const [session, frame] = await attempt(await lineAt(3));
    await refuses("out_of_order", () => session.open(frame));
  }
});

test("a client begins once, also while DONE is still to be sealed", async () => {
  for (const steps of [3, 4, 5]) {
    const line = await lineAt(steps);
    line.now += 100;
    await refuses("usage", () => line.clientRekey.init(line.now));
  }
});
