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
  #pins;
  #devicePublic;
  #learned;
  #save;
  #known = NO_LIST;

  /**
   * @param {object} parts
   * @param {() => Map<string, import("../protocol/keys.js").DiscoverySecret>} parts.secrets by the hex of their `kid`,
   *   the one in force first
   * @param {() => import("../protocol/keys.js").PreSharedKey[]} [parts.psks] what a secret may be wrapped under for us
   * @param {import("../protocol/keys.js").IdentityPublic[]} parts.pins
   * @param {import("../protocol/keys.js").DevicePublic | null} [parts.devicePublic] this device's
   * @param {(secret: import("../protocol/keys.js").DiscoverySecret, sealed: number) => Promise<void>} parts.learned
   *   told which secret is in force when a believed file says that it is another one, and when that was sealed
   * @param {(kept: {file: Uint8Array, serial: number, digest: Uint8Array}) => Promise<void>} [parts.saveRevocations]
   */
  constructor({ secrets, psks = () => [], pins, devicePublic = null, learned, saveRevocations = async () => {} }) {
    this.#secrets = secrets;
    this.#psks = psks;
    this.#pins = pins;
    this.#devicePublic = devicePublic;
    this.#learned = learned;
    this.#save = saveRevocations;
  }

  // The connection file

  /**
   * What a file of our server says, and the secret it is sealed under: one we hold, or one that it brings wrapped.
   * @param {Uint8Array} file
   * @returns {Promise<{info: object, secret: import("../protocol/keys.js").DiscoverySecret}>}
   * Raises: malformed, unauthentic, unknown_peer ...
   */
  async open(file) {
    const sealed = SealedConnectionFile.parse(file);
    const secret = this.#secrets().get(toHex(sealed.kid)) ?? (await sealed.unwrap(this.#psks(), this.#pins));
    const info = await sealed.open(secret, this.#pins);
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
  async believed(secret, { timestamp }) {
    if (!this.isInForce(secret)) await this.#learned(secret, timestamp);
  }

  // The revocation list

  /** Whether the server, by its own word, or this device counts no more. */
  get isRevoked() {
    const { entries } = this.#known.list;
    if (this.#devicePublic && this.#find(RevocationKind.DEVICE, this.#devicePublic.bytes)) return true;
    return this.#pins.some((pin) => entries.some((entry) => checkIdentityRevocation(entry, pin)));
  }

  /** Nothing, while server and device may go on. Raises: revoked. */
  check() {
    if (this.isRevoked) throw new Revoked("the server or this device was revoked");
  }

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
    const list = await this.#openList(file);
    if (list.serial !== revocations.serial) throw new Replayed("not the list that the connection file names");
    this.#known = { list, serial: list.serial, digest: revocations.sha256 };
    await this.#save({ file, serial: list.serial, digest: revocations.sha256 });
  }

  /** The list that was kept; one that does not open any more is asked for again. */
  async restore(kept) {
    if (!kept) return;
    const { file, serial, digest } = kept;
    this.#known = await this.#openList(file).then(
      (list) => ({ list, serial, digest }),
      () => ({ ...NO_LIST, serial }),
    );
  }

  async #openList(file) {
    return SealedRevocationList.parse(file).open(this.#secrets(), this.#pins);
  }

  #find(kind, keyOrKid) {
    return this.#known.list.find(kind, revokedId(keyOrKid));
  }
}
