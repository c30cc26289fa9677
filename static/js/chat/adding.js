// Finding a way to add people: key packages for their certified devices.
//
// Spec: 3.14, 4.5

import { sameBytes, toHex } from "../bytes.js";
import { Problem } from "./problem.js";

/** The server hands out packages for this many devices at once. Spec: 3.14 */
const TAKE_AT_ONCE = 16;

/** Somebody who enrolled a moment ago is in the directory before their first key package is at the server. */
const PATIENCE_MS = 8_000;
const ASK_AGAIN_MS = 500;

/**
 * The devices of these people with a key package each; devices without a sound one are left out.
 * @param {{ask: Function, directory: import("./directory.js").Directory, groups: import("./groups.js").Groups}} parts
 * @param {string[]} userIds
 * @returns {Promise<{deviceId: Uint8Array, publicKey: Uint8Array, userId: Uint8Array, keyPackage: object}[]>}
 * Raises: Problem when one of them has no device that can be added.
 */
export async function devicesToAdd({ ask, directory, groups }, userIds) {
  const devices = userIds.flatMap((userId) => directory.devicesOf(userId));
  const packages = new Map();
  for (const deadline = Date.now() + PATIENCE_MS; ; await pause(ASK_AGAIN_MS)) {
    await take(ask, groups, devices.filter(({ deviceId }) => !packages.has(toHex(deviceId))), packages);
    const reachable = devices.filter(({ deviceId }) => packages.has(toHex(deviceId)));
    const unreachable = userIds.filter((userId) => !reachable.some((device) => toHex(device.userId) === userId));
    if (unreachable.length === 0) {
      return reachable.map((device) => ({ ...device, keyPackage: packages.get(toHex(device.deviceId)) }));
    }
    if (Date.now() >= deadline) throw new Problem("no_package", { userIds: unreachable });
  }
}

async function take(ask, groups, devices, packages) {
  for (let start = 0; start < devices.length; start += TAKE_AT_ONCE) {
    const some = devices.slice(start, start + TAKE_AT_ONCE);
    const answer = await ask("packages.take", { devices: some.map(({ deviceId }) => deviceId) });
    for (const each of answer.packages) {
      const device = some.find(({ deviceId }) => sameBytes(deviceId, each.device));
      const keyPackage = device && (await checked(groups, each.package, device));
      if (keyPackage) packages.set(toHex(each.device), keyPackage);
    }
  }
}

/** What is spoilt, forged or out of its time is as good as none: the next one may be sound. */
async function checked(groups, packageBytes, device) {
  try {
    return await groups.checkKeyPackage(packageBytes, device);
  } catch {
    return null;
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
