/** Messages that only the group's members read (RFC 9420 6.3). */

import { concat } from "../bytes.js";
import { Malformed, UsageError } from "../protocol/errors.js";
import { wipe } from "../sodium.js";
import { Reader, u8, u32, u64, vector } from "./codec.js";
import {
  AuthenticatedContent,
  ContentType,
  encodeContent,
  FramedContent,
  readContent,
  readContentType,
  Sender,
  SenderType,
  WireFormat,
} from "./framing.js";
import { KEY, NONCE } from "./labels.js";
import { RatchetKind } from "./secret_tree.js";

/** Content is filled with zeros to a multiple of this many bytes. Spec: 4.4 */
export const PADDING_STEP = 256;
const REUSE_GUARD_BYTES = 4;

/** Who sent it and which of the sender's keys it is under (RFC 9420 6.3.2). */
export class SenderData {
  /** @param {number} leafIndex @param {number} generation @param {Uint8Array} reuseGuard */
  constructor(leafIndex, generation, reuseGuard) {
    Object.assign(this, { leafIndex, generation, reuseGuard });
    Object.freeze(this);
  }

  /** Raises: malformed. @param {Uint8Array} data */
  static parse(data) {
    const reader = new Reader(data);
    const senderData = new SenderData(reader.u32(), reader.u32(), reader.take(REUSE_GUARD_BYTES));
    reader.end();
    return senderData;
  }

  /** u32 leaf_index | u32 generation | reuse_guard[4]. */
  encode() {
    return concat(u32(this.leafIndex), u32(this.generation), this.reuseGuard);
  }
}

/** RFC 9420 6.3. */
export class PrivateMessage {
  /**
   * @param {Uint8Array} groupId
   * @param {number} epoch
   * @param {number} contentType
   * @param {Uint8Array} authenticatedData
   * @param {Uint8Array} encryptedSenderData
   * @param {Uint8Array} ciphertext
   */
  constructor(groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext) {
    Object.assign(this, { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext });
    Object.freeze(this);
  }

  /**
   * The tree without the key that was used, and the message.
   *
   * Raises: usage (a sender that is no member).
   * @param {import("./suite.js").CipherSuite} suite
   * @param {AuthenticatedContent} authenticated
   * @param {import("./secret_tree.js").SecretTree} secretTree
   * @param {Uint8Array} senderDataSecret
   * @param {(count: number) => Uint8Array} random
   * @param {number} [paddingStep]
   * @returns {Promise<[import("./secret_tree.js").SecretTree, PrivateMessage]>}
   */
  static async protect(suite, authenticated, secretTree, senderDataSecret, random, paddingStep = PADDING_STEP) {
    const { groupId, epoch, sender, authenticatedData, contentType, content } = authenticated.content;
    if (sender.senderType !== SenderType.MEMBER) throw new UsageError("only members encrypt");
    const kind = ratchetKind(contentType);
    const generation = secretTree.nextGeneration(sender.index, kind);
    const [treeAfter, key, nonce] = await secretTree.key(sender.index, kind, generation);
    const senderData = new SenderData(sender.index, generation, random(REUSE_GUARD_BYTES));

    const head = encodeHead(groupId, epoch, contentType);
    const plaintext = padded(concat(encodeContent(content), authenticated.auth()), paddingStep);
    const associatedData = concat(head, vector(authenticatedData));
    const ciphertext = await suite.seal(key, guarded(nonce, senderData.reuseGuard), plaintext, associatedData);
    wipe(key);

    const [dataKey, dataNonce] = await senderDataKey(suite, senderDataSecret, ciphertext);
    const encryptedSenderData = await suite.seal(dataKey, dataNonce, senderData.encode(), head);
    const fields = [groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext];
    return [treeAfter, new PrivateMessage(...fields)];
  }

  /**
   * The tree without the key that was used, and what the message says; its signature is still to be verified.
   *
   * Raises: unauthentic; key_used; malformed (content that does not read, padding that is not zero).
   * @param {import("./suite.js").CipherSuite} suite
   * @param {import("./secret_tree.js").SecretTree} secretTree
   * @param {Uint8Array} senderDataSecret
   * @returns {Promise<[import("./secret_tree.js").SecretTree, AuthenticatedContent]>}
   */
  async unprotect(suite, secretTree, senderDataSecret) {
    const { groupId, epoch, contentType, authenticatedData } = this;
    const head = encodeHead(groupId, epoch, contentType);
    const [dataKey, dataNonce] = await senderDataKey(suite, senderDataSecret, this.ciphertext);
    const opened = await suite.open(dataKey, dataNonce, this.encryptedSenderData, head);
    const { leafIndex, generation, reuseGuard } = SenderData.parse(opened);
    const [treeAfter, key, nonce] = await secretTree.key(leafIndex, ratchetKind(contentType), generation);

    const associatedData = concat(head, vector(authenticatedData));
    const plaintext = await suite.open(key, guarded(nonce, reuseGuard), this.ciphertext, associatedData);
    wipe(key);
    const reader = new Reader(plaintext);
    const [sender, inner] = [Sender.member(leafIndex), readContent(reader, contentType)];
    const content = new FramedContent(groupId, epoch, sender, authenticatedData, contentType, inner);
    const authenticated = AuthenticatedContent.readAuth(reader, WireFormat.PRIVATE_MESSAGE, content);
    if (reader.rest().some((octet) => octet !== 0)) throw new Malformed("padding that is not zero");
    return [treeAfter, authenticated];
  }

  /**
   * The message in the body of an MLSMessage.
   *
   * Raises: malformed.
   */
  static parse(body) {
    const reader = new Reader(body);
    const [groupId, epoch, contentType] = [reader.vector(), reader.u64(), readContentType(reader)];
    const parts = [reader.vector(), reader.vector(), reader.vector()];
    reader.end();
    return new PrivateMessage(groupId, epoch, contentType, ...parts);
  }

  /**
   * group_id<V> | u64 epoch | u8 content_type | authenticated_data<V> | encrypted_sender_data<V>
   * | ciphertext<V>
   */
  encode() {
    const head = encodeHead(this.groupId, this.epoch, this.contentType);
    return concat(head, ...[this.authenticatedData, this.encryptedSenderData, this.ciphertext].map(vector));
  }
}

/** The key and nonce of the sender data, from a sample of the ciphertext (RFC 9420 6.3.2). */
export function senderDataKey(suite, senderDataSecret, ciphertext) {
  const sample = ciphertext.slice(0, suite.Nh);
  return Promise.all([
    suite.expandWithLabel(senderDataSecret, KEY, sample, suite.Nk),
    suite.expandWithLabel(senderDataSecret, NONCE, sample, suite.Nn),
  ]);
}

/** SenderDataAAD, and the beginning of PrivateContentAAD. */
function encodeHead(groupId, epoch, contentType) {
  return concat(vector(groupId), u64(epoch), u8(contentType));
}

function ratchetKind(contentType) {
  return contentType === ContentType.APPLICATION ? RatchetKind.APPLICATION : RatchetKind.HANDSHAKE;
}

function padded(plaintext, step) {
  return concat(plaintext, new Uint8Array((step - (plaintext.length % step)) % step));
}

/** The nonce with the reuse guard over its first bytes: a state that was cloned does not repeat a nonce. */
function guarded(nonce, reuseGuard) {
  return nonce.map((octet, index) => octet ^ (reuseGuard[index] ?? 0));
}
