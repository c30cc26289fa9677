// What this device goes by when it reads what its server publishes: whose signature, which secrets, what was revoked.
//
// Spec: 3.8, 3.10, 3.12

import { sameBytes, toHex } from "../bytes.js";
import { SealedConnectionFile } from "../protocol/connection_file.js";
import { Replayed, Revoked, Unauthentic, UnknownPeer } from "../protocol/errors.js";
import { CLOCK_SKEW_SECONDS } from "../protocol/limits.js";
import {
  checkIdentityRevocation, RevocationKind, revokedId, RevocationList, SealedRevocationList,
} from "../protocol/revocation_list.js";

const NO_LIST = { list: new RevocationList(0, 0, []), serial: 0, digest: new Uint8Array() };

export class Trust {
  #secrets;
  #psks;
  #identities;
  #devicePublic;
  #learned;
  #save;
  #known = NO_LIST;

  /**
   * @param {object} parts
   * @param {() => Map<string, import("../protocol/keys.js").DiscoverySecret>} parts.secrets by the hex of their `kid`,
   *   the one in force first
   * @param {() => import("../protocol/keys.js").PreSharedKey[]} [parts.psks] what a secret may be wrapped under for us
   * @param {import("./identities.js").Identities} parts.identities whose signature counts
   * @param {import("../protocol/keys.js").DevicePublic | null} [parts.devicePublic] this device's
   * @param {(secret: import("../protocol/keys.js").DiscoverySecret, sealed: number) => Promise<void>} parts.learned
   *   told which secret is in force when a believed file says that it is another one, and when that was sealed
   * @param {(kept: {file: Uint8Array, serial: number, digest: Uint8Array}) => Promise<void>} [parts.saveRevocations]
   */
  constructor({ secrets, psks, identities, learned, devicePublic = null, saveRevocations = async () => {} }) {
    this.#secrets = secrets;
    this.#psks = psks ?? (() => []);
    this.#identities = identities;
    this.#devicePublic = devicePublic;
    this.#learned = learned;
    this.#save = saveRevocations;
  }

  // Whose word counts

  /** Those that are believed, the one to go by first. @returns {import("../protocol/keys.js").IdentityPublic[]} */
  get pins() {
    return this.#identities.pins;
  }

  /** Whether the server, by its own word, or this device counts no more. */
  get isRevoked() {
    if (this.#devicePublic && this.#find(RevocationKind.DEVICE, this.#devicePublic.bytes)) return true;
    return this.pins.every((pin) => this.#hasEnded(pin));
  }

  /**
   * Nothing, while server and device may go on. An identity whose handover is over is not believed any more; only the
   * server tells that it is: a clock of ours that runs ahead must not cost us the server.
   * @param {number | null} told in seconds since 1970, by the server's clock, null when it has not told it yet
   * Raises: revoked.
   */
  async check(told) {
    if (told !== null) await this.#identities.end(told);
    if (this.isRevoked) throw new Revoked("the server or this device was revoked");
  }

  // The connection file

  /**
   * What a file of our server says, and the secret it is sealed under: one we hold, or one that it brings wrapped.
   * @param {Uint8Array} file @param {{isKept: boolean}} [how] isKept: it was believed when it came
   * @returns {Promise<{info: object, secret: import("../protocol/keys.js").DiscoverySecret}>}
   * Raises: malformed, unauthentic, unknown_peer ...
   */
  async open(file, { isKept = false } = {}) {
    const sealed = SealedConnectionFile.parse(file);
    const pins = isKept ? this.#identities.ofKept : this.pins;
    const secret = this.#secrets().get(toHex(sealed.kid)) ?? (await sealed.unwrap(this.#psks(), pins));
    const info = await sealed.open(secret, pins);
    const entry = this.#find(RevocationKind.DISCOVERY, sealed.kid);
    // One signed well after that comes from a server that was restored from a backup.
    if (entry && info.timestamp <= entry.since + CLOCK_SKEW_SECONDS) {
      throw new UnknownPeer("sealed under a discovery secret that was revoked");
    }
    return { secret, info };
  }

  /**
   * Whether this device goes by this secret: behind another one's gate nobody lets it in.
   * @param {import("../protocol/keys.js").DiscoverySecret} secret
   */
  isInForce(secret) {
    const [inForce] = this.#secrets().values();
    return inForce?.equals(secret) ?? false;
  }

  /** A file under this secret was believed: it is the one in force. */
  async believed(secret, { timestamp, serverPublic }) {
    await this.#identities.named(serverPublic);
    if (!this.isInForce(secret)) await this.#learned(secret, timestamp);
  }

  // The revocation list

  /** Whether this file names a list that we have not got. @param {{revocations: object | null}} info */
  isDue({ revocations }) {
    const { serial, digest } = this.#known;
    return revocations !== null && revocations.serial >= serial && !sameBytes(revocations.sha256, digest);
  }

  /** Keep the list that this believed file names. Raises: unauthentic (it is another one), replayed, malformed ... */
  async takeRevocations(file, info) {
    if (!this.isDue(info)) return;
    const { revocations } = info;
    if (!revocations.matches(file)) throw new Unauthentic("not the list that the connection file names");
    const list = await this.#openList(file, this.pins);
    if (list.serial !== revocations.serial) throw new Replayed("not the list that the connection file names");
    this.#known = { list, serial: list.serial, digest: revocations.sha256 };
    await this.#save({ file, serial: list.serial, digest: revocations.sha256 });
    await this.#dropEnded();
  }

  /** The list that was kept; one that does not open any more is asked for again. */
  async restore(kept) {
    if (!kept) return;
    const { file, serial, digest } = kept;
    this.#known = await this.#openList(file, this.#identities.ofKept).then(
      (list) => ({ list, serial, digest }),
      () => ({ ...NO_LIST, serial }),
    );
    await this.#dropEnded();
  }

  async #openList(file, pins) {
    return SealedRevocationList.parse(file).open(this.#secrets(), pins);
  }

  async #dropEnded() {
    for (const pin of this.pins.filter((each) => this.#hasEnded(each))) await this.#identities.revoked(pin);
  }

  /** Whether this identity has ended itself. */
  #hasEnded(pin) {
    return this.#known.list.entries.some((entry) => checkIdentityRevocation(entry, pin));
  }

  #find(kind, keyOrKid) {
    return this.#known.list.find(kind, revokedId(keyOrKid));
  }
}
