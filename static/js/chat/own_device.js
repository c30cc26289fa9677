// This browser as a device: its store, who it is (if anybody yet), where its server is, and an invitation to spare.

import { Finder } from "../discovery/finder.js";
import { dial } from "../net/dial.js";
import { DevicePublic } from "../protocol/keys.js";
import { Store } from "../store/store.js";
import { Account } from "./account.js";
import { enrol } from "./enrolment.js";
import { SpareInvitation } from "./spare_invitation.js";

const FILE_ROW = ["account", "connection"];
const LIST_ROW = ["account", "revocations"];

export class OwnDevice {
  #environment;

  /** @param {SpareInvitation | null} spare */
  constructor(store, account, spare, environment) {
    this.store = store;
    this.account = account;
    this.spare = spare;
    this.#environment = environment;
    this.finder = account ? this.#makeFinder() : null;
  }

  /**
   * The device of this name. An invitation makes an account where there is none, and never touches one in use.
   * @param {string} storageName @param {import("../protocol/invite.js").Invite | null} invitation
   * @param {import("./environment.js").Environment} environment
   */
  static async open(storageName, invitation, environment) {
    const store = await Store.open(storageName);
    const account = await Account.load(store);
    if (!account?.isEnrolled) return OwnDevice.#invited(store, account, invitation, environment);
    const spare = invitation
      ? await SpareInvitation.keep(store, account, invitation)
      : await SpareInvitation.load(store, account);
    return new OwnDevice(store, account, spare, environment).#restore();
  }

  static async #invited(store, former, invitation, environment) {
    const account = invitation ? await Account.invited(store, invitation) : former;
    return new OwnDevice(store, account, null, environment).#restore();
  }

  /** @returns {{serverName: string, expires: number, expired: boolean} | null} of the account, until it was spent */
  get invitation() {
    const invite = this.account?.invite;
    if (!invite) return null;
    const expired = invite.expires * 1000 < Date.now();
    return { serverName: this.finder.info?.serverName ?? "", expires: invite.expires, expired };
  }

  close() {
    this.finder?.close();
    this.store.close();
  }

  /** Erase everything, the device key too, and begin anew with the spare invitation. @returns {Promise<OwnDevice>} */
  async startOver() {
    this.finder.close();
    return OwnDevice.#invited(await this.store.restart(), null, this.spare.invite, this.#environment);
  }

  /** Do without the spare invitation. One that could not be erased is offered again. */
  async dropSpare() {
    const { spare } = this;
    this.spare = null;
    await spare?.drop().catch(() => {});
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
      dial: ({ url }, credentials, proven) =>
        dial({ url, credentials, suites: finder.info?.suites, handlers, openWire, proven }),
      waiting,
    });
  }

  async #restore() {
    await this.finder?.restore(await this.store.read(...FILE_ROW), await this.store.read(...LIST_ROW));
    await this.#recall();
    return this;
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
      identities: this.account.identities,
      devicePublic: new DevicePublic(this.store.deviceKey.publicKey),
      locators: this.account.locators,
      fetchBytes: this.#environment.fetchBytes,
      region: this.#environment.region,
      save: (kept) => this.store.write([[...FILE_ROW, kept]]),
      saveRevocations: (kept) => this.store.write([[...LIST_ROW, kept]]),
    });
  }
}
