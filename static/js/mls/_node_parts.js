// The inner part of nodes.js: what leaf nodes are made of.

import { concat } from "../bytes.js";
import { Malformed } from "../protocol/errors.js";
import { Reader, u16, vector, vectorOf, wide } from "./codec.js";

/** RFC 9420 17.5. */
export const CredentialType = Object.freeze({ BASIC: 1, X509: 2 });

/** RFC 9420 17.3, and ours from the range for private use (protocol.md 4.4). */
export const ExtensionType = Object.freeze({
  APPLICATION_ID: 1,
  RATCHET_TREE: 2,
  REQUIRED_CAPABILITIES: 3,
  EXTERNAL_PUB: 4,
  EXTERNAL_SENDERS: 5,
  ROLES: 0xf0c1,
  VOUCHER: 0xf0c2,
});

/** Who somebody claims to be (RFC 9420 5.3). `identity` of an X.509 one is its certificates' encoding. */
export class Credential {
  /** @param {number} credentialType @param {Uint8Array} identity */
  constructor(credentialType, identity) {
    this.credentialType = credentialType;
    this.identity = identity;
    Object.freeze(this);
  }

  /** Raises: malformed (a type whose content nobody knows). @param {Reader} reader */
  static read(reader) {
    const [credentialType, content] = [reader.u16(), reader.vector()];
    if (credentialType === CredentialType.X509) {
      const certificates = new Reader(content);
      while (certificates.left > 0) certificates.vector();
    } else if (credentialType !== CredentialType.BASIC) {
      throw new Malformed(`credential type ${credentialType}`);
    }
    return new Credential(credentialType, content);
  }

  /** credential_type | identity<V>, or certificates<V>. */
  encode() {
    return concat(u16(this.credentialType), vector(this.identity));
  }
}

/** What a client speaks (RFC 9420 7.2): numbers of 16 bits. */
export class Capabilities {
  /**
   * @param {readonly number[]} versions
   * @param {readonly number[]} cipherSuites
   * @param {readonly number[]} extensions
   * @param {readonly number[]} proposals
   * @param {readonly number[]} credentials
   */
  constructor(versions, cipherSuites, extensions, proposals, credentials) {
    Object.assign(this, { versions, cipherSuites, extensions, proposals, credentials });
    Object.freeze(this);
  }

  /** Raises: malformed. @param {Reader} reader */
  static read(reader) {
    const numbers = () => reader.vectorOf((inner) => inner.u16());
    return new Capabilities(numbers(), numbers(), numbers(), numbers(), numbers());
  }

  /** versions<V> | cipher_suites<V> | extensions<V> | proposals<V> | credentials<V>. */
  encode() {
    const lists = [this.versions, this.cipherSuites, this.extensions, this.proposals, this.credentials];
    return concat(...lists.map((numbers) => vectorOf(numbers.map(u16))));
  }
}

/** When a key package may be used; seconds since 1970, of the whole range of 64 bits, therefore bigints. */
export class Lifetime {
  /** @param {bigint} notBefore @param {bigint} notAfter */
  constructor(notBefore, notAfter) {
    this.notBefore = notBefore;
    this.notAfter = notAfter;
    Object.freeze(this);
  }

  /** Raises: malformed. @param {Reader} reader */
  static read(reader) {
    return new Lifetime(reader.wide(), reader.wide());
  }

  /** u64 not_before | u64 not_after. */
  encode() {
    return concat(wide(this.notBefore), wide(this.notAfter));
  }
}

/** RFC 9420 13. */
export class Extension {
  /** @param {number} extensionType @param {Uint8Array} extensionData */
  constructor(extensionType, extensionData) {
    this.extensionType = extensionType;
    this.extensionData = extensionData;
    Object.freeze(this);
  }

  /** Raises: malformed. @param {Reader} reader */
  static read(reader) {
    return new Extension(reader.u16(), reader.vector());
  }

  /** u16 extension_type | extension_data<V>. */
  encode() {
    return concat(u16(this.extensionType), vector(this.extensionData));
  }
}

/**
 * A list of extensions.
 *
 * Raises: malformed (two of one type, RFC 9420 13.4).
 * @param {Reader} reader @returns {readonly Extension[]}
 */
export function readExtensions(reader) {
  const extensions = reader.vectorOf(Extension.read);
  if (new Set(extensions.map((each) => each.extensionType)).size !== extensions.length) {
    throw new Malformed("an extension twice");
  }
  return extensions;
}

/** The data of the extension of this type, null without one. @param {readonly Extension[]} extensions */
export function findExtension(extensions, extensionType) {
  return extensions.find((each) => each.extensionType === extensionType)?.extensionData ?? null;
}
