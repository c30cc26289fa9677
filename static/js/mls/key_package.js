/** Key packages: how somebody is added who is away (RFC 9420 10). */

import { concat, sameBytes } from "../bytes.js";
import { UnsupportedVersion } from "../protocol/errors.js";
import { Reader, u8, u16, vector, vectorOf } from "./codec.js";
import { Invalid } from "./errors.js";
import { KEY_PACKAGE_REFERENCE, KEY_PACKAGE_TBS } from "./labels.js";
import { LeafNode, LeafNodeSource, Lifetime, readExtensions, VERSION } from "./nodes.js";

/** How long a key package may be used, and how far clocks may differ; seconds. Spec: 4.5 */
export const LIFETIME_SECONDS = 2_592_000;
export const CLOCK_SKEW_SECONDS = 3600;
const SECRETS_VERSION = 1;
const NOTHING = new Uint8Array();

/** RFC 9420 10. */
export class KeyPackage {
  /**
   * @param {number} version
   * @param {number} cipherSuite
   * @param {Uint8Array} initKey
   * @param {LeafNode} leafNode
   * @param {readonly import("./nodes.js").Extension[]} extensions
   * @param {Uint8Array} signature
   */
  constructor(version, cipherSuite, initKey, leafNode, extensions, signature) {
    Object.assign(this, { version, cipherSuite, initKey, leafNode, extensions, signature });
    Object.freeze(this);
  }

  /** Raises: malformed. @param {Reader} reader */
  static read(reader) {
    const [version, cipherSuite, initKey] = [reader.u16(), reader.u16(), reader.vector()];
    const [leafNode, extensions] = [LeafNode.read(reader), readExtensions(reader)];
    return new KeyPackage(version, cipherSuite, initKey, leafNode, extensions, reader.vector());
  }

  /** The signed fields and signature<V>. */
  encode() {
    return concat(tbs(this), vector(this.signature));
  }

  /**
   * Nothing, when the package may be added to a group of this suite (RFC 9420 10.1).
   *
   * Its lifetime is for whoever adds it to judge, not for those who see it added.
   * Raises: invalid (package-version, package-suite, package-source, init-key); malformed (a key that nobody may
   * seal to); unauthentic.
   * @param {import("./suite.js").CipherSuite} suite
   */
  async verify(suite) {
    const { leafNode } = this;
    if (this.version !== VERSION) throw new Invalid("package-version");
    if (this.cipherSuite !== suite.number) throw new Invalid("package-suite");
    if (leafNode.leafNodeSource !== LeafNodeSource.KEY_PACKAGE) throw new Invalid("package-source");
    if (sameBytes(this.initKey, leafNode.encryptionKey)) throw new Invalid("init-key");
    suite.checkPublicKey(this.initKey);
    suite.checkPublicKey(leafNode.encryptionKey);
    await leafNode.verify(suite, NOTHING, 0);
    await suite.verifyWithLabel(leafNode.signatureKey, KEY_PACKAGE_TBS, tbs(this), this.signature);
  }

  /** The KeyPackageRef (RFC 9420 5.2), Nh bytes. @param {import("./suite.js").CipherSuite} suite */
  ref(suite) {
    return suite.refHash(KEY_PACKAGE_REFERENCE, this.encode());
  }
}

/** A key package of this device, and what opens a Welcome made for it. */
export class KeyPackageSecrets {
  #initSecret;
  #leafSecret;

  /** @param {KeyPackage} keyPackage @param {Uint8Array} initSecret @param {Uint8Array} leafSecret */
  constructor(keyPackage, initSecret, leafSecret) {
    this.package = keyPackage;
    this.#initSecret = initSecret;
    this.#leafSecret = leafSecret;
    Object.freeze(this);
  }

  get initSecret() {
    return this.#initSecret;
  }

  get leafSecret() {
    return this.#leafSecret;
  }

  /** u8 1 | key_package<V> | init_secret<V> | leaf_secret<V>; to be stored, sealed. */
  encode() {
    return concat(
      u8(SECRETS_VERSION),
      ...[this.package.encode(), this.#initSecret, this.#leafSecret].map((part) => vector(part)),
    );
  }

  /**
   * What `encode` made.
   *
   * Raises: malformed; unsupported_version.
   * @param {Uint8Array} data
   */
  static parse(data) {
    const reader = new Reader(data);
    const version = reader.u8();
    if (version !== SECRETS_VERSION) throw new UnsupportedVersion(`key package secrets version ${version}`);
    const inner = new Reader(reader.vector());
    const secrets = new KeyPackageSecrets(KeyPackage.read(inner), reader.vector(), reader.vector());
    inner.end();
    reader.end();
    return secrets;
  }
}

/**
 * A fresh key package; `now` in seconds since 1970. It lasts thirty days.
 *
 * Spec: 4.5
 * @param {import("./member.js").Member} member
 * @param {number} now
 * @param {(count: number) => Uint8Array} random
 * @param {readonly import("./nodes.js").Extension[]} [extensions]
 */
export async function makeKeyPackage(member, now, random, extensions = []) {
  const { suite } = member;
  const [init, leaf] = [await suite.deriveKeyPair(random(suite.Nh)), await suite.deriveKeyPair(random(suite.Nh))];
  const lifetime = new Lifetime(BigInt(now - CLOCK_SKEW_SECONDS), BigInt(now + LIFETIME_SECONDS));
  const leafNode = await member.leaf(LeafNodeSource.KEY_PACKAGE, leaf.public, { lifetime });
  const unsigned = new KeyPackage(VERSION, suite.number, init.public, leafNode, extensions, NOTHING);
  const signature = await suite.signWithLabel(member.sign, KEY_PACKAGE_TBS, tbs(unsigned));
  const keyPackage = new KeyPackage(VERSION, suite.number, init.public, leafNode, extensions, signature);
  return new KeyPackageSecrets(keyPackage, init.secret, leaf.secret);
}

/** u16 version | u16 cipher_suite | init_key<V> | leaf_node | extensions<V>. */
function tbs({ version, cipherSuite, initKey, leafNode, extensions }) {
  return concat(u16(version), u16(cipherSuite), vector(initKey), leafNode.encode(), vectorOf(extensions));
}
