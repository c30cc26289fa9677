/**
 * The clear header of an MLS message: all of it that a server reads.
 *
 * Spec: 3.13
 */

import { concat } from "../bytes.js";
import { encodeVector, parseVector } from "./_vectors.js";
import { AuthenticatedData } from "./authenticated_data.js";
import { Reader, u8, u16, u64 } from "./encoding.js";
import { Malformed } from "./errors.js";
import { ExternalCommit, PUBLIC_MESSAGE } from "./external_commit.js";

export const MLS_VERSION = 1;
export const PRIVATE_MESSAGE = 2;

/** What is encrypted in a PrivateMessage (RFC 9420 6). */
export const ContentType = Object.freeze({ APPLICATION: 1, PROPOSAL: 2, COMMIT: 3 });

/** A PrivateMessage without its ciphertext, or what comes before the commit in an external commit. */
export class MessageHeader {
  /** @param {number} wireFormat @param {Uint8Array} groupId @param {number} epoch @param {number} contentType */
  constructor(wireFormat, groupId, epoch, contentType, authenticatedData) {
    Object.assign(this, { wireFormat, groupId, epoch, contentType, authenticatedData });
    Object.freeze(this);
  }

  /** The sender's id for this message. Raises: malformed (authenticated data of no form of 4.4). */
  get messageId() {
    return AuthenticatedData.parse(this.authenticatedData).messageId;
  }

  /**
   * The header of a whole MLS message.
   * Raises: malformed (anything but a PrivateMessage or an external commit of version 1 in its one encoding, to the last
   * byte).
   */
  static parse(data) {
    const reader = new Reader(data);
    const [version, wireFormat] = [reader.u16(), reader.u16()];
    if (wireFormat === PUBLIC_MESSAGE) {
      const { groupId, epoch, authenticatedData } = ExternalCommit.parse(data);
      return new MessageHeader(wireFormat, groupId, epoch, ContentType.COMMIT, authenticatedData);
    }
    if (version !== MLS_VERSION || wireFormat !== PRIVATE_MESSAGE) {
      throw new Malformed(`MLS version ${version}, wire format ${wireFormat}`);
    }
    const [groupId, epoch, contentType] = [parseVector(reader), reader.u64(), reader.u8()];
    const authenticatedData = parseVector(reader);
    parseVector(reader);
    parseVector(reader);
    reader.end();
    if (!Object.values(ContentType).includes(contentType)) throw new Malformed(`MLS content type ${contentType}`);
    return new MessageHeader(wireFormat, groupId, epoch, contentType, authenticatedData);
  }
}

/**
 * A PrivateMessage around parts that are already encrypted.
 *
 *     u16 version | u16 wire_format | group_id<V> | u64 epoch | u8 content_type
 *     | authenticated_data<V> | encrypted_sender_data<V> | ciphertext<V>
 */
export function encodePrivateMessage(groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext) {
  return concat(
    u16(MLS_VERSION),
    u16(PRIVATE_MESSAGE),
    encodeVector(groupId),
    u64(epoch),
    u8(contentType),
    encodeVector(authenticatedData),
    encodeVector(encryptedSenderData),
    encodeVector(ciphertext),
  );
}
