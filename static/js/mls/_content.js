// The inner part of framing.js: who speaks, and what about.

import { concat } from "../bytes.js";
import { Malformed, UsageError } from "../protocol/errors.js";
import { ContentType } from "../protocol/message_header.js";
import { u8, u32, vector } from "./codec.js";
import { Commit } from "./commit.js";
import { readProposal } from "./proposals.js";

/** Who speaks. */
export const SenderType = Object.freeze({ MEMBER: 1, EXTERNAL: 2, NEW_MEMBER_PROPOSAL: 3, NEW_MEMBER_COMMIT: 4 });
const INDEXED = [SenderType.MEMBER, SenderType.EXTERNAL];

/** `index` is a member's leaf index or an external sender's place in its extension; the others have none. */
export class Sender {
  /** @param {number} senderType @param {number | null} [index] */
  constructor(senderType, index = null) {
    Object.assign(this, { senderType, index });
    Object.freeze(this);
  }

  /** The member at this leaf. */
  static member(leafIndex) {
    return new Sender(SenderType.MEMBER, leafIndex);
  }

  /** Raises: malformed. @param {import("./codec.js").Reader} reader */
  static read(reader) {
    const senderType = reader.u8();
    if (!Object.values(SenderType).includes(senderType)) throw new Malformed(`sender type ${senderType}`);
    return new Sender(senderType, INDEXED.includes(senderType) ? reader.u32() : null);
  }

  /** u8 sender_type | u32 index, where there is one. */
  encode() {
    const { senderType, index } = this;
    if ((index === null) === INDEXED.includes(senderType)) {
      throw new UsageError("members and external senders have an index, the others none");
    }
    return concat(u8(senderType), ...(index === null ? [] : [u32(index)]));
  }
}

/** Raises: malformed (a type that does not exist). @param {import("./codec.js").Reader} reader */
export function readContentType(reader) {
  const contentType = reader.u8();
  if (!Object.values(ContentType).includes(contentType)) throw new Malformed(`content type ${contentType}`);
  return contentType;
}

/**
 * The content of this type.
 *
 * Raises: malformed.
 */
export function readContent(reader, contentType) {
  if (contentType === ContentType.APPLICATION) return reader.vector();
  return contentType === ContentType.PROPOSAL ? readProposal(reader) : Commit.read(reader);
}

/** application_data<V>, or the proposal, or the commit. */
export function encodeContent(content) {
  return content instanceof Uint8Array ? vector(content) : content.encode();
}
