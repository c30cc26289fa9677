// Hostile commits, messages, Welcomes, GroupInfos and key packages: the file of cases that tests/mls/test_hostile.py runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";

import { concat } from "../../../static/js/bytes.js";
import { Reader } from "../../../static/js/mls/codec.js";
import { Group } from "../../../static/js/mls/group.js";
import { KeyPackage, KeyPackageSecrets } from "../../../static/js/mls/key_package.js";
import { Member } from "../../../static/js/mls/member.js";
import { ROOM_SUITE } from "../../../static/js/mls/suite.js";
import { RoomRules } from "../../../static/js/mls/validity.js";
import { PeerError } from "../../../static/js/protocol/errors.js";
import { DeviceKey } from "../../../static/js/protocol/keys.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";

const CONTENT = JSON.parse(readFileSync(new URL("../../vectors/mls_hostile.json", import.meta.url), "utf8"));
const POOL = concat(...CONTENT.pool.map(bytes));
const RULES = new RoomRules();
const NOW = 1_800_000_000;

function bytes(base64) {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

/** The blob of these pieces of the pool: [offset, length], or [offset, 1, times]. */
function joined(pieces) {
  if (pieces === null) return null;
  return concat(
    ...pieces.map(([offset, length, times]) =>
      times ? new Uint8Array(times).fill(POOL[offset]) : POOL.slice(offset, offset + length),
    ),
  );
}

function blobs(parts) {
  return Object.fromEntries(Object.entries(parts).map(([name, pieces]) => [name, joined(pieces)]));
}

/** The device that judges. */
function member(name) {
  const key = new DeviceKey(bytes(CONTENT.devices[name].seed));
  const sign = async (message) => key.sign(message);
  return new Member(ROOM_SUITE, bytes(CONTENT.devices[name].identity), key.public.bytes, sign);
}

const groups = new Map();

/** The state that a case is judged in; one for all of them, so a case that changes it spoils the others. */
function groupOf(name) {
  const { device, rows } = CONTENT.states[name];
  if (!groups.has(name)) groups.set(name, Group.load(member(device), blobs(rows), { rules: RULES }));
  return groups.get(name);
}

/** What becomes of the case's bytes. */
async function judge(testCase) {
  const [parts, own] = [blobs(testCase.parts), member(testCase.device)];
  if (testCase.does === "open") return (await groupOf(testCase.state).open(parts.message)).kind;
  if (testCase.does === "join") {
    const secrets = KeyPackageSecrets.parse(parts.package);
    await Group.join(own, secrets, parts.welcome, parts.group_info ?? null, { rules: RULES });
    return "joined";
  }
  if (testCase.does === "join_externally") {
    const options = { authenticatedData: parts.data, random: randomBytes, now: NOW, rules: RULES };
    await Group.joinExternally(own, parts.group_info, options);
    return "joined";
  }
  const reader = new Reader(parts.package);
  const keyPackage = KeyPackage.read(reader);
  reader.end();
  await keyPackage.verify(ROOM_SUITE);
  await RULES.checkKeyPackage(keyPackage);
  return "good";
}

describe("hostile cases", () => {
  before(() => assert.ok(CONTENT.cases.length > 300, "there are cases to judge"));

  for (const testCase of CONTENT.cases) {
    it(testCase.name, async () => {
      const verdict = await judge(testCase).then(
        (kind) => [kind, undefined],
        (error) => {
          if (!(error instanceof PeerError)) throw error;
          return [error.code, error.reason];
        },
      );

      assert.deepEqual(verdict, [testCase.expect, testCase.reason]);
      if (testCase.state) {
        assert.deepEqual(groupOf(testCase.state).rows(), blobs(CONTENT.states[testCase.state].rows));
      }
    });
  }
});
