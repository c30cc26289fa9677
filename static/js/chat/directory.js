// The people on the server, their names and devices, as the server tells and as their root keys prove.
//
// Spec: 3.14, 4.4

import { toHex } from "../bytes.js";
import { LeafIdentity } from "../protocol/credential.js";
import { DevicePublic } from "../protocol/keys.js";

const ROW = ["account", "people"];

export class Directory {
  #store;
  #people = new Map();

  constructor(store) {
    this.#store = store;
  }

  /** Whom we knew when the page was last open. */
  async load() {
    this.#replace((await this.#store.read(...ROW)) ?? []);
  }

  /** Ask the server for everybody. @param {(op: string, members: object) => Promise<object>} ask */
  async refresh(ask) {
    const members = [];
    for (let page = await ask("directory", {}); ; page = await ask("directory", { after: members.at(-1).user_id })) {
      members.push(...page.members);
      if (!page.more || page.members.length === 0) break;
    }
    await this.#store.write([[...ROW, members]]);
    this.#replace(members);
  }

  /** @returns {string | null} the display name of a user (hex) */
  nameOf(userId) {
    return this.#people.get(userId)?.name ?? null;
  }

  /** @returns {{userId: string, name: string, deviceCount: number}[]} by name */
  get people() {
    return [...this.#people.values()]
      .map(({ userId, name, devices }) => ({ userId, name, deviceCount: devices.length }))
      .sort((left, right) => left.name.localeCompare(right.name));
  }

  /**
   * A user's devices that their root key has certified; the server's word alone is not enough.
   * @returns {{deviceId: Uint8Array, publicKey: Uint8Array, userId: Uint8Array}[]}
   */
  devicesOf(userId) {
    const person = this.#people.get(userId);
    return (person?.devices ?? []).flatMap((device) => (isCertified(device, userId) ? [describe(device)] : []));
  }

  #replace(members) {
    this.#people = new Map(
      members.map(({ user_id, name, devices }) => [toHex(user_id), { userId: toHex(user_id), name, devices }]),
    );
  }
}

function isCertified(device, userId) {
  try {
    const identity = LeafIdentity.parse(device.identity);
    identity.verify(DevicePublic.fromBytes(device.device_public));
    return toHex(identity.userId) === userId;
  } catch {
    return false;
  }
}

function describe({ identity, device_public }) {
  const { userId, deviceId } = LeafIdentity.parse(identity);
  return { deviceId, publicKey: device_public, userId };
}
