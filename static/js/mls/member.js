/** This device as MLS sees it. */

import { Capabilities, Credential, CredentialType, ExtensionType, LeafNode, VERSION } from "./nodes.js";

/** A device: its suite, what its credential says, its signature key, and what signs for it. */
export class Member {
  /**
   * @param {import("./suite.js").CipherSuite} suite
   * @param {Uint8Array} identity
   * @param {Uint8Array} signatureKey
   * @param {import("./suite.js").Signer} sign
   * @param {Capabilities | null} [capabilities] the profile's, unless told
   */
  constructor(suite, identity, signatureKey, sign, capabilities = null) {
    Object.assign(this, { suite, identity, signatureKey, sign, capabilities });
    Object.freeze(this);
  }

  /**
   * A signed leaf of this device. Source key_package wants a lifetime, commit a parent hash (RFC 9420 7.2).
   * @param {number} source
   * @param {Uint8Array} encryptionKey
   * @param {object} [place]
   * @param {Uint8Array} [place.groupId]
   * @param {number} [place.leafIndex]
   * @param {import("./nodes.js").Lifetime | null} [place.lifetime]
   * @param {Uint8Array | null} [place.parentHash]
   * @param {readonly import("./nodes.js").Extension[]} [place.extensions]
   * @returns {Promise<LeafNode>}
   */
  leaf(
    source,
    encryptionKey,
    { groupId = new Uint8Array(), leafIndex = 0, lifetime = null, parentHash = null, extensions = [] } = {},
  ) {
    const unsigned = new LeafNode(
      encryptionKey,
      this.signatureKey,
      new Credential(CredentialType.BASIC, this.identity),
      this.capabilities ?? profileCapabilities(this.suite.number),
      source,
      lifetime,
      parentHash,
      extensions,
      new Uint8Array(),
    );
    return unsigned.sign(this.suite, this.sign, groupId, leafIndex);
  }
}

/**
 * What each of our leaves says it speaks: our two extensions, and nothing that is not needed.
 *
 * Spec: 4.10
 */
export function profileCapabilities(cipherSuite) {
  const extensions = [ExtensionType.ROLES, ExtensionType.VOUCHER];
  return new Capabilities([VERSION], [cipherSuite], extensions, [], [CredentialType.BASIC]);
}
