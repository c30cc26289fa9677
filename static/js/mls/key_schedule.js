/** The key schedule: from one epoch's secrets to the next one's (RFC 9420 8). */

import { concat, utf8 } from "../bytes.js";
import { Malformed } from "../protocol/errors.js";
import { wipe } from "../sodium.js";
import { hide } from "./_hidden.js";
import { u16, u64, vector, vectorOf } from "./codec.js";
import * as labels from "./labels.js";
import { readExtensions, VERSION } from "./nodes.js";

const NOTHING = new Uint8Array();

/** What all members agree on (RFC 9420 8.1). */
export class GroupContext {
  /**
   * @param {number} cipherSuite
   * @param {Uint8Array} groupId
   * @param {number} epoch
   * @param {Uint8Array} treeHash
   * @param {Uint8Array} confirmedTranscriptHash
   * @param {readonly import("./nodes.js").Extension[]} extensions
   */
  constructor(cipherSuite, groupId, epoch, treeHash, confirmedTranscriptHash, extensions) {
    Object.assign(this, { cipherSuite, groupId, epoch, treeHash, confirmedTranscriptHash, extensions });
    Object.freeze(this);
  }

  /** Raises: malformed (a version but 1, too). @param {import("./codec.js").Reader} reader */
  static read(reader) {
    const version = reader.u16();
    if (version !== VERSION) throw new Malformed(`MLS version ${version}`);
    const [cipherSuite, groupId, epoch] = [reader.u16(), reader.vector(), reader.u64()];
    const [treeHash, transcriptHash] = [reader.vector(), reader.vector()];
    return new GroupContext(cipherSuite, groupId, epoch, treeHash, transcriptHash, readExtensions(reader));
  }

  /**
   * u16 version | u16 cipher_suite | group_id<V> | u64 epoch | tree_hash<V> | confirmed_transcript_hash<V>
   * | extensions<V>
   */
  encode() {
    return concat(
      u16(VERSION),
      u16(this.cipherSuite),
      vector(this.groupId),
      u64(this.epoch),
      vector(this.treeHash),
      vector(this.confirmedTranscriptHash),
      vectorOf(this.extensions),
    );
  }
}

/** What a Welcome carries: the last epoch's init secret and the commit's, bound to the new context. */
export async function joinerSecret(suite, initSecret, commitSecret, context) {
  const extracted = await suite.extract(initSecret, commitSecret);
  const joiner = await suite.expandWithLabel(extracted, labels.JOINER, context.encode(), suite.Nh);
  wipe(extracted);
  return joiner;
}

/** What a Welcome's GroupInfo is sealed under. */
export async function welcomeSecret(suite, joiner, pskSecret) {
  return suite.deriveSecret(await suite.extract(joiner, pskSecret), labels.WELCOME_SECRET);
}

/** What all secrets of the new epoch come from. */
export async function epochSecret(suite, joiner, pskSecret, context) {
  const memberSecret = await suite.extract(joiner, pskSecret);
  const epoch = await suite.expandWithLabel(memberSecret, labels.EPOCH, context.encode(), suite.Nh);
  wipe(memberSecret);
  return epoch;
}

/**
 * The init secret that an external commit carries (RFC 9420 8.3).
 *
 * Raises: malformed (the KEM output).
 */
export async function receiveExternalInit(suite, externalSecret, kemOutput) {
  const { secret } = await suite.deriveKeyPair(externalSecret);
  return suite.hpke.exportReceiver(secret, kemOutput, NOTHING, utf8(labels.EXTERNAL_INIT), suite.Nh);
}

/**
 * A fresh KEM output and the init secret in it (RFC 9420 8.3).
 *
 * Raises: malformed (the public key).
 */
export function sendExternalInit(suite, externalPub) {
  return suite.hpke.exportSender(externalPub, NOTHING, utf8(labels.EXTERNAL_INIT), suite.Nh);
}

/** Each field and the label it is derived with, in the order they are stored. */
const FIELDS = Object.entries({
  senderDataSecret: labels.SENDER_DATA,
  exporterSecret: labels.EXPORTER,
  externalSecret: labels.EXTERNAL,
  confirmationKey: labels.CONFIRM,
  membershipKey: labels.MEMBERSHIP,
  resumptionPsk: labels.RESUMPTION,
  epochAuthenticator: labels.AUTHENTICATION,
  initSecret: labels.INIT,
});

/** One epoch's secrets, each of Nh bytes, but for the encryption secret, which the secret tree takes over. */
export class KeySchedule {
  /** @param {import("./suite.js").CipherSuite} suite @param {readonly Uint8Array[]} secrets in the order of `FIELDS` */
  constructor(suite, secrets) {
    this.suite = suite;
    hide(this, Object.fromEntries(FIELDS.map(([name], index) => [name, secrets[index]])));
    Object.freeze(this);
  }

  /** The schedule of this epoch secret, and its encryption secret. @returns {Promise<[KeySchedule, Uint8Array]>} */
  static async derive(suite, epoch) {
    const secrets = await Promise.all(FIELDS.map(([, label]) => suite.deriveSecret(epoch, label)));
    return [new KeySchedule(suite, secrets), await suite.deriveSecret(epoch, labels.ENCRYPTION)];
  }

  /** What an external commit is made to (RFC 9420 8.3). */
  externalKeyPair() {
    return this.suite.deriveKeyPair(this.externalSecret);
  }

  /** The proof that a committer knows this epoch (RFC 9420 6.1), Nh bytes. */
  confirmationTag(confirmedTranscriptHash) {
    return this.suite.mac(this.confirmationKey, confirmedTranscriptHash);
  }

  /**
   * Nothing, when the tag is this epoch's.
   *
   * Raises: unauthentic.
   */
  async checkConfirmationTag(confirmedTranscriptHash, tag) {
    await this.suite.checkMac(this.confirmationKey, confirmedTranscriptHash, tag);
  }

  /** MLS-Exporter (RFC 9420 8.5), up to Nh bytes. */
  async export(label, context, length) {
    const { suite } = this;
    const secret = await suite.deriveSecret(this.exporterSecret, label);
    return suite.expandWithLabel(secret, labels.EXPORTED, await suite.hash(context), length);
  }

  /** The eight secrets in their order, Nh bytes each; to be stored, sealed. */
  encode() {
    return concat(...this.secrets());
  }

  /**
   * What `encode` made.
   *
   * Raises: malformed.
   */
  static read(suite, reader) {
    return new KeySchedule(
      suite,
      FIELDS.map(() => reader.take(suite.Nh)),
    );
  }

  /** The very buffers, for who erases them. @returns {Uint8Array[]} */
  secrets() {
    return FIELDS.map(([name]) => this[name]);
  }
}
