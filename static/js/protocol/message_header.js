/**
 * The clear header of an MLS message: all of it that a server reads.
 *
 * Spec: 3.13
 */

import { concat } from "../bytes.js";
import { Reader, u8, u16, u32, u64 } from "./encoding.js";
import { Malformed, UsageError } from "./errors.js";

export const MLS_VERSION = 1;
export const PRIVATE_MESSAGE = 2;
const MEMBER_FORM = 1;
const MEMBER_BYTES = 33;

/** What is encrypted in a PrivateMessage (RFC 9420 6). */
export const ContentType = Object.freeze({ APPLICATION: 1, PROPOSAL: 2, COMMIT: 3 });

/** A PrivateMessage without its ciphertext. */
export class MessageHeader {
  /** @param {number} wireFormat @param {Uint8Array} groupId @param {number} epoch @param {number} contentType */
  constructor(wireFormat, groupId, epoch, contentType, authenticatedData) {
    Object.assign(this, { wireFormat, groupId, epoch, contentType, authenticatedData });
    Object.freeze(this);
  }

  /** The sender's id for this message. Raises: malformed (authenticated data of another form). */
  get messageId() {
    const data = this.authenticatedData;
    if (data.length !== MEMBER_BYTES || data[0] !== MEMBER_FORM) {
      throw new Malformed("authenticated data is not a member's");
    }
    return data.slice(17);
  }

  /** The header of a whole MLS message. Raises: malformed (anything but a PrivateMessage of version 1, to its end). */
  static parse(data) {
    const reader = new Reader(data);
    const [version, wireFormat] = [reader.u16(), reader.u16()];
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

/** What a member's message authenticates: `u8 1 || room_id || message_id`, 33 bytes. Spec: 4.4 */
export function memberAuthenticatedData(roomId, messageId) {
  if (roomId.length !== 16 || messageId.length !== 16)
    throw new UsageError("room id and message id have 16 bytes each");
  return concat(u8(MEMBER_FORM), roomId, messageId);
}

/** RFC 9420 2.1.2: the length in one, two or four bytes, its size in the first two bits. */
function encodeVector(data) {
  const { length } = data;
  if (length < 2 ** 6) return concat(u8(length), data);
  if (length < 2 ** 14) return concat(u16(length + 2 ** 14), data);
  if (length < 2 ** 30) return concat(u32(length + 2 ** 31), data);
  throw new UsageError(`MLS vector of ${length} bytes`);
}

function parseVector(reader) {
  const first = reader.u8();
  const size = first >> 6;
  if (size === 3) throw new Malformed("MLS vector length");
  const length = reader.take(2 ** size - 1).reduce((sum, octet) => sum * 256 + octet, first & 0x3f);
  if (size > 0 && length < 2 ** [6, 14][size - 1]) throw new Malformed("MLS vector length is not the shortest");
  return reader.take(length);
}
