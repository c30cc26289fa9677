// This device as the MLS library sees it.

import { makeSuite } from "./suite.js";
import { makeKeyPackage } from "./key_package.js";

export class MlsDevice {
  /**
   * @param {object} parts
   * @param {object} parts.suite of `makeSuite`
   * @param {Uint8Array} parts.identity the leaf identity, 146 bytes
   * @param {Uint8Array} parts.publicKey the device's Ed25519 key, 32 bytes
   */
  constructor({ suite, identity, publicKey }) {
    this.suite = suite;
    this.identity = identity;
    this.publicKey = publicKey;
    Object.freeze(this);
  }

  /** @param {{identity: Uint8Array, publicKey: Uint8Array, sign: (message: Uint8Array) => Promise<Uint8Array>}} key */
  static async open({ identity, publicKey, sign }) {
    return new MlsDevice({ suite: await makeSuite(sign), identity, publicKey });
  }

  /** @param {number} now seconds @returns {ReturnType<typeof makeKeyPackage>} */
  makeKeyPackage(now) {
    return makeKeyPackage(this, now);
  }
}
