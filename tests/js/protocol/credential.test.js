import assert from "node:assert/strict";
import { test } from "node:test";

import {
  deviceId,
  DeviceKind,
  LeafIdentity,
  openRootBlob,
  sealRootBlob,
  signIdentity,
  userId,
} from "../../../static/js/protocol/credential.js";
import { DeviceKey, RecoveryKey, RootKey } from "../../../static/js/protocol/keys.js";
import { flipped, refuses } from "./people.js";

const [ROOT, DEVICE] = [RootKey.generate(), DeviceKey.generate()];
const identity = () => signIdentity(ROOT, DEVICE.public, DeviceKind.HUMAN, 1000, 2000);

test("a certified device is recognised by its root alone", () => {
  const data = identity().encode();
  const read = LeafIdentity.parse(data);

  assert.equal(data.length, 146);
  read.verify(DEVICE.public);
  assert.deepEqual([read.userId, read.deviceId], [userId(ROOT.public), deviceId(DEVICE.public)]);
  assert.deepEqual([read.kind, read.notBefore, read.notAfter], [DeviceKind.HUMAN, 1000, 2000]);
});

test("an identity with any byte changed, or of another device, is refused", async () => {
  const data = identity().encode();
  for (let index = 0; index < data.length; index += 1) {
    await assert.rejects(
      async () => LeafIdentity.parse(flipped(data, index)).verify(DEVICE.public),
      (error) => ["unauthentic", "malformed", "unsupported_version"].includes(error.code),
      `byte ${index}`,
    );
  }
  await refuses("unauthentic", () => identity().verify(DeviceKey.generate().public));
  await refuses("malformed", () => LeafIdentity.parse(data.subarray(0, 145)));
  await refuses("malformed", () => LeafIdentity.parse(flipped(data, 33, 2)));
});

test("mallory's own root does not certify under bob's id", async () => {
  const bobs = identity();
  const mallorys = signIdentity(RootKey.generate(), DEVICE.public, DeviceKind.HUMAN, 0, 9);

  await refuses("unauthentic", () => new LeafIdentity({ ...mallorys, userId: bobs.userId }).verify(DEVICE.public));
});

test("a root blob opens with its recovery key only", async () => {
  const recovery = RecoveryKey.generate();
  const blob = await sealRootBlob(ROOT, recovery);

  assert.equal(blob.length, 77);
  assert.ok((await openRootBlob(blob, recovery)).equals(ROOT));
  await refuses("unauthentic", () => openRootBlob(blob, RecoveryKey.generate()));
  await refuses("unsupported_version", () => openRootBlob(flipped(blob, 0), recovery));
  for (const index of [1, 16, 17, 28, 29, 76])
    await refuses("unauthentic", () => openRootBlob(flipped(blob, index), recovery));
  await refuses("malformed", () => openRootBlob(blob.subarray(0, 76), recovery));
});
