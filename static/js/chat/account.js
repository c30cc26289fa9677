// Who this device is: the person and their certificate, the server and how to prove oneself to it.
// One row of the store.
//
// Spec: 3.2, 3.13, 4.4, 5

import { Identities } from "../discovery/identities.js";
import { Credentials } from "../net/dial.js";
import { DeviceKind, deviceId, sealRootBlob, signIdentity, userId } from "../protocol/credential.js";
import { gateKey, keyId } from "../protocol/key_schedule.js";
import { DevicePublic, DiscoverySecret, PreSharedKey, RecoveryKey, RootKey } from "../protocol/keys.js";
import { CERTIFICATE_LEEWAY_SECONDS, CERTIFICATE_SECONDS } from "../protocol/limits.js";
import { toHex } from "../bytes.js";
import { Pairs } from "./pairs.js";

const ROW = ["account", "me"];

/** Files sealed under a former secret may still lie on a mirror. */
const SECRETS_KEPT = 3;

/** So far the server's clock, as we know it, and the time in a file sealed before its secret was renewed may differ. */
const UNDER_WAY_SECONDS = 60;

export class Account {
  #store;
  #row;

  constructor(store, row) {
    this.#store = store;
    this.#row = row;
    /** Whom it believes to be the server. */
    const saveServer = (changes) => this.update({ server: { ...this.#row.server, ...changes } });
    this.identities = new Identities(() => this.#row.server, saveServer);
    /** How it proves who it is. */
    this.pairs = new Pairs(() => this.#row, (changes) => this.update(changes), () => this.#devicePublic);
  }

  // Lifecycle

  /** @returns {Promise<Account | null>} */
  static async load(store) {
    const row = await store.read(...ROW);
    return row ? new Account(store, withSecrets(row)) : null;
  }

  /** Keep an invitation, so that a reload does not lose what the address bar no longer has. */
  static async invited(store, invite) {
    const account = new Account(store, {
      name: "",
      person: null,
      psk: null,
      registered: false,
      named: false,
      revoked: false,
      server: {
        public_key: invite.serverPublic.bytes,
        discovery_secrets: invite.discoverySecret ? [invite.discoverySecret.bytes] : [],
        locators: invite.locators,
      },
      invite: { id: invite.inviteId, psk: invite.invitePsk.bytes, expires: invite.expires },
    });
    await account.update({});
    return account;
  }

  /** @param {object} changes of the row's members */
  async update(changes) {
    // At once, so that a second change, begun before this one is on the disk, does not undo it.
    this.#row = { ...this.#row, ...changes };
    await this.#store.write([[...ROW, this.#row]]);
  }

  // What it says

  get name() {
    return this.#row.name;
  }

  /** Whether the server has this device's own key, beside or instead of the invitation's. */
  get isEnrolled() {
    return this.#row.psk !== null;
  }

  /** Whether the server knows the person behind the device. */
  get isRegistered() {
    return this.#row.registered;
  }

  /** Whether the server knows the name. */
  get isNamed() {
    return this.#row.named;
  }

  get isRevoked() {
    return this.#row.revoked;
  }

  /** @returns {{id: Uint8Array, psk: Uint8Array, expires: number} | null} until it was spent */
  get invite() {
    return this.#row.invite;
  }

  /** By the hex of their `kid`, the one in force first; none before the first file. @returns {Map<string, DiscoverySecret>} */
  get discoverySecrets() {
    const secrets = this.#row.server.discovery_secrets.map((raw) => new DiscoverySecret(raw));
    return new Map(secrets.map((secret) => [toHex(keyId(secret)), secret]));
  }

  /** What a discovery secret may be wrapped under for this device: its own PSK, the next one, the invitation's. */
  get psks() {
    const { inUse, following } = this.pairs;
    const held = [inUse?.key, following?.key, this.#row.invite?.psk];
    return held.filter((raw) => raw).map((raw) => new PreSharedKey(raw));
  }

  get locators() {
    return this.#row.server.locators;
  }

  /** @returns {{user_id: Uint8Array, identity: Uint8Array, root_blob: Uint8Array, recovery_key: Uint8Array} | null} */
  get person() {
    return this.#row.person;
  }

  /** This device among the members of a room. */
  get me() {
    return { userId: toHex(this.person.user_id), deviceId: deviceId(this.#devicePublic) };
  }

  /** What a session under this device's own pair begins with, or one under the invitation's. */
  credentials({ byInvite = false, pair = this.pairs.newest, serverPublic = this.identities.pins[0] } = {}) {
    const { id, psk } = byInvite ? this.#row.invite : { id: pair.id, psk: pair.key };
    return new Credentials({
      serverPublic,
      gateKey: gateKey(this.discoverySecrets.values().next().value),
      pskId: id,
      psk: new PreSharedKey(psk),
      devicePublic: this.#devicePublic,
      sign: this.#store.deviceKey.sign,
    });
  }

  /**
   * The newest file is sealed under this secret: it is the one in force. Not so for a former one in a file from before
   * the server named another in a session: it was under way then, or somebody shows it again.
   * @param {DiscoverySecret} secret @param {number} sealed when, in seconds since 1970
   */
  async believeSecret(secret, sealed) {
    const { told = 0 } = this.#row.server;
    const isHeld = this.discoverySecrets.has(toHex(keyId(secret)));
    if (!isHeld || sealed > told + UNDER_WAY_SECONDS) await this.#learnSecret(secret);
  }

  /**
   * The server says in a session that this secret is in force from now on.
   * @param {DiscoverySecret} secret @param {number} now in seconds since 1970, by the server's clock
   */
  tellSecret(secret, now) {
    return this.#learnSecret(secret, { told: now });
  }

  /** The former ones still open older files. */
  #learnSecret(secret, changes = {}) {
    const held = this.#row.server.discovery_secrets;
    const former = held.filter((raw) => !secret.equals(new DiscoverySecret(raw)));
    const secrets = [secret.bytes, ...former].slice(0, SECRETS_KEPT);
    return this.update({ server: { ...this.#row.server, ...changes, discovery_secrets: secrets } });
  }

  get #devicePublic() {
    return new DevicePublic(this.#store.deviceKey.publicKey);
  }

  // What it makes

  /** The person behind this device: a root key certifies it, is sealed and forgotten. @param {number} now seconds */
  async makePerson(name, now) {
    if (this.person) return this.update({ name, named: false });
    const root = RootKey.generate();
    const recovery = RecoveryKey.generate();
    const devicePublic = this.#devicePublic;
    const dates = [Math.max(0, now - CERTIFICATE_LEEWAY_SECONDS), now + CERTIFICATE_SECONDS];
    const identity = signIdentity(root, devicePublic, DeviceKind.HUMAN, ...dates);
    const person = {
      user_id: userId(root.public),
      identity: identity.encode(),
      root_blob: await sealRootBlob(root, recovery),
      recovery_key: recovery.bytes,
    };
    return this.update({ name, person });
  }
}

/** A row from before there could be several secrets. */
function withSecrets(row) {
  const { discovery_secret: only, ...server } = row.server;
  return only ? { ...row, server: { ...server, discovery_secrets: [only] } } : row;
}
