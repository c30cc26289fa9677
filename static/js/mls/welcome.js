/**
 * Welcome: the new epoch's secret for those who were added, each part sealed to one key package.
 *
 * RFC 9420 12.4.3.1
 */

import { concat, sameBytes } from "../bytes.js";
import { hide } from "./_hidden.js";
import { optional, Reader, u16, vector, vectorOf } from "./codec.js";
import { HPKECiphertext } from "./commit.js";
import { Invalid } from "./errors.js";
import { GroupInfo } from "./group_info.js";
import { welcomeSecret } from "./key_schedule.js";
import { KEY, NONCE, WELCOME } from "./labels.js";
import { PreSharedKeyID } from "./psk.js";

const NOTHING = new Uint8Array();

/** What one newcomer is told; the path secret is that of the lowest node it shares with the committer. */
export class GroupSecrets {
  /** @param {Uint8Array} joinerSecret @param {Uint8Array | null} pathSecret @param {readonly object[]} [psks] */
  constructor(joinerSecret, pathSecret, psks = []) {
    hide(this, { joinerSecret, pathSecret });
    this.psks = psks;
    Object.freeze(this);
  }

  /** The secrets in these bytes and nothing else. Raises: malformed. */
  static parse(data) {
    const reader = new Reader(data);
    const [joinerSecret, pathSecret] = [reader.vector(), reader.optional((inner) => inner.vector())];
    const secrets = new GroupSecrets(joinerSecret, pathSecret, reader.vectorOf(PreSharedKeyID.read));
    reader.end();
    return secrets;
  }

  /** `joiner_secret<V> | optional path_secret<V> | psks<V>`. */
  encode() {
    const path = this.pathSecret && vector(this.pathSecret);
    return concat(vector(this.joinerSecret), optional(path), vectorOf(this.psks));
  }
}

/** A newcomer's part; `newMember` is its KeyPackageRef. */
export class EncryptedGroupSecrets {
  /** @param {Uint8Array} newMember @param {HPKECiphertext} encryptedGroupSecrets */
  constructor(newMember, encryptedGroupSecrets) {
    Object.assign(this, { newMember, encryptedGroupSecrets });
    Object.freeze(this);
  }

  /** The next one. Raises: malformed. */
  static read(reader) {
    return new EncryptedGroupSecrets(reader.vector(), HPKECiphertext.read(reader));
  }

  /** `new_member<V> | encrypted_group_secrets`. */
  encode() {
    return concat(vector(this.newMember), this.encryptedGroupSecrets.encode());
  }
}

/** RFC 9420 12.4.3.1. */
export class Welcome {
  /**
   * @param {number} cipherSuite
   * @param {readonly EncryptedGroupSecrets[]} secrets
   * @param {Uint8Array} encryptedGroupInfo
   */
  constructor(cipherSuite, secrets, encryptedGroupInfo) {
    Object.assign(this, { cipherSuite, secrets, encryptedGroupInfo });
    Object.freeze(this);
  }

  /** The next one. Raises: malformed. */
  static read(reader) {
    return new Welcome(reader.u16(), reader.vectorOf(EncryptedGroupSecrets.read), reader.vector());
  }

  /** `u16 cipher_suite | secrets<V> | encrypted_group_info<V>`. */
  encode() {
    return concat(u16(this.cipherSuite), vectorOf(this.secrets), vector(this.encryptedGroupInfo));
  }

  /**
   * What it tells the owner of this key package.
   *
   * Raises: invalid (welcome-suite, not-for-us); malformed; unauthentic.
   * @param {import("./key_package.js").KeyPackageSecrets} ours
   */
  async openSecrets(suite, ours) {
    if (this.cipherSuite !== suite.number || ours.package.cipherSuite !== suite.number) {
      throw new Invalid("welcome-suite");
    }
    const reference = await ours.package.ref(suite);
    const found = this.secrets.find((each) => sameBytes(each.newMember, reference));
    if (!found) throw new Invalid("not-for-us");
    const { kemOutput, ciphertext } = found.encryptedGroupSecrets;
    const context = this.encryptedGroupInfo;
    const opened = await suite.decryptWithLabel(ours.initSecret, WELCOME, context, kemOutput, ciphertext);
    return GroupSecrets.parse(opened);
  }

  /** The GroupInfo in it; its signature is checked with its tree. Raises: malformed; unauthentic. */
  async openGroupInfo(suite, joinerSecret, pskSecret) {
    const [key, nonce] = await keyAndNonce(suite, joinerSecret, pskSecret);
    return GroupInfo.parse(await suite.open(key, nonce, this.encryptedGroupInfo, NOTHING));
  }
}

/**
 * The Welcome for these key packages; pathSecret: what the newcomer of that place in the list learns of the path.
 *
 * RFC 9420 12.4.3.1
 * @param {import("./suite.js").CipherSuite} suite
 * @param {readonly import("./key_package.js").KeyPackage[]} packages
 * @param {Uint8Array} joinerSecret
 * @param {GroupInfo} groupInfo
 * @param {(place: number) => Uint8Array | null} pathSecret
 * @param {Uint8Array} pskSecret
 */
export async function makeWelcome(suite, packages, joinerSecret, groupInfo, pathSecret, pskSecret) {
  const [key, nonce] = await keyAndNonce(suite, joinerSecret, pskSecret);
  const sealed = await suite.seal(key, nonce, groupInfo.encode(), NOTHING);
  const secrets = packages.map(async (keyPackage, place) => {
    const plaintext = new GroupSecrets(joinerSecret, pathSecret(place)).encode();
    const ciphertext = await suite.encryptWithLabel(keyPackage.initKey, WELCOME, sealed, plaintext);
    return new EncryptedGroupSecrets(await keyPackage.ref(suite), new HPKECiphertext(...ciphertext));
  });
  return new Welcome(suite.number, await Promise.all(secrets), sealed);
}

/** The key is used once, so the nonce may be derived like it. */
async function keyAndNonce(suite, joinerSecret, pskSecret) {
  const secret = await welcomeSecret(suite, joinerSecret, pskSecret);
  return Promise.all([
    suite.expandWithLabel(secret, KEY, NOTHING, suite.Nk),
    suite.expandWithLabel(secret, NONCE, NOTHING, suite.Nn),
  ]);
}
