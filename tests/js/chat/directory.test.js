import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { Directory } from "../../../static/js/chat/directory.js";
import { DeviceKind, signIdentity, userId } from "../../../static/js/protocol/credential.js";
import { DeviceKey, RootKey } from "../../../static/js/protocol/keys.js";

const store = { rows: new Map(), read: async () => undefined, write: async () => {} };

function person(name) {
  const [root, key] = [RootKey.generate(), DeviceKey.generate()];
  const identity = signIdentity(root, key.public, DeviceKind.HUMAN, 0, 2 ** 40);
  const device = { device_id: identity.deviceId, device_public: key.public.bytes, identity: identity.encode() };
  return { user_id: userId(root.public), root_public: root.public.bytes, name, devices: [device] };
}

async function directoryOf(...pages) {
  const directory = new Directory(store);
  const asked = [];
  await directory.refresh(async (_op, members) => {
    asked.push(members);
    return { members: pages[asked.length - 1], more: asked.length < pages.length };
  });
  return { directory, asked };
}

test("people are listed by name, however many pages the server needs", async () => {
  const [bob, alice] = [person("bob"), person("alice")];
  const { directory, asked } = await directoryOf([bob], [alice]);

  assert.deepEqual(directory.people.map(({ name, deviceCount }) => [name, deviceCount]), [["alice", 1], ["bob", 1]]);
  assert.deepEqual(asked, [{}, { after: bob.user_id }]);
  assert.equal(directory.nameOf(toHex(bob.user_id)), "bob");
  assert.equal(directory.nameOf("00"), null);
});

test("a device counts only when its person's root key has certified it for that person", async () => {
  const [alice, bob] = [person("alice"), person("bob")];
  const [hers, his] = [alice.devices[0], bob.devices[0]];
  alice.devices.push(his, { ...hers, device_public: his.device_public }, { ...hers, identity: new Uint8Array(146) });
  const { directory } = await directoryOf([alice]);

  const devices = directory.devicesOf(toHex(alice.user_id));

  assert.deepEqual(devices, [{ deviceId: hers.device_id, publicKey: hers.device_public, userId: alice.user_id }]);
});
