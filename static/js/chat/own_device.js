// This browser as a device: its store, who it is (if anybody yet), and where its server is.

import { Finder } from "../discovery/finder.js";
import { dial } from "../net/dial.js";
import { DevicePublic } from "../protocol/keys.js";
import { Store } from "../store/store.js";
import { Account } from "./account.js";
import { enrol } from "./enrolment.js";

const FILE_ROW = ["account", "connection"];
const LIST_ROW = ["account", "revocations"];

export class OwnDevice {
  #environment;

  constructor(store, account, environment) {
    this.store = store;
    this.account = account;
    this.#environment = environment;
    this.finder = account ? this.#makeFinder() : null;
  }

  /**
   * The device of this name, with the invitation kept when it is the first thing it gets.
   * @param {string} storageName @param {import("../protocol/invite.js").Invite | null} invitation
   * @param {import("./environment.js").Environment} environment
   */
  static async open(storageName, invitation, environment) {
    let store = await Store.open(storageName);
    let account = await Account.load(store);
    if (invitation && account?.isRevoked) {
      // A revoked device key is of no use any more; the invitation is for a device that begins anew.
      store = await store.restart();
      account = null;
    }
    if (invitation && !account?.isEnrolled) account = await Account.invited(store, invitation);
    const device = new OwnDevice(store, account, environment);
    await device.finder?.restore(await store.read(...FILE_ROW), await store.read(...LIST_ROW));
    await device.#recall();
    return device;
  }

  close() {
    this.finder?.close();
    this.store.close();
  }

  /** Use the invitation; `waiting` is told while the server's address does not open to it yet. Raises: Problem. */
  async enrol(name, waiting) {
    const { account, finder } = this;
    const { openWire } = this.#environment;
    await account.makePerson(name, Math.floor(Date.now() / 1000));
    const handlers = {};
    await enrol({
      account,
      finder,
      dial: ({ url }, credentials, proven) => dial({ url, credentials, handlers, openWire, proven }),
      waiting,
    });
  }

  /** A file may have come to a page that was closed before it could use it. */
  async #recall() {
    const kept = this.finder && (await this.#environment.keptFile());
    // Mostly it is the one in hand or an older one, and it counts no more than one from a mirror.
    if (kept) await this.finder.accept(kept.file, kept.mirror).catch(() => {});
  }

  #makeFinder() {
    return new Finder({
      secrets: () => this.account.discoverySecrets,
      learned: (secret, sealed) => this.account.believeSecret(secret, sealed),
      psks: () => this.account.psks,
      pins: [this.account.serverPublic],
      devicePublic: new DevicePublic(this.store.deviceKey.publicKey),
      locators: this.account.locators,
      fetchBytes: this.#environment.fetchBytes,
      region: this.#environment.region,
      save: (kept) => this.store.write([[...FILE_ROW, kept]]),
      saveRevocations: (kept) => this.store.write([[...LIST_ROW, kept]]),
    });
  }
}
