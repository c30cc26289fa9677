/** What members say to each other, and how it is signed (RFC 9420 6). */

import { concat } from "../bytes.js";
import { Malformed, UsageError } from "../protocol/errors.js";
import { ContentType } from "../protocol/message_header.js";
import { encodeContent, readContent, readContentType, Sender, SenderType } from "./_content.js";
import { Reader, u8, u16, u64, vector } from "./codec.js";
import { FRAMED_CONTENT_TBS, PROPOSAL_REFERENCE } from "./labels.js";
import { VERSION } from "./nodes.js";

export { ContentType } from "../protocol/message_header.js";
export { encodeContent, readContent, readContentType, Sender, SenderType } from "./_content.js";

/** What an MLSMessage holds. */
export const WireFormat = Object.freeze({
  PUBLIC_MESSAGE: 1,
  PRIVATE_MESSAGE: 2,
  WELCOME: 3,
  GROUP_INFO: 4,
  KEY_PACKAGE: 5,
});
const FRAMED = [WireFormat.PUBLIC_MESSAGE, WireFormat.PRIVATE_MESSAGE];
const IN_CONTEXT = [SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT];

/** RFC 9420 6. `content`: bytes of the application, a proposal or a commit, as contentType says. */
export class FramedContent {
  /**
   * @param {Uint8Array} groupId
   * @param {number} epoch
   * @param {Sender} sender
   * @param {Uint8Array} authenticatedData
   * @param {number} contentType
   * @param {Uint8Array | object} content
   */
  constructor(groupId, epoch, sender, authenticatedData, contentType, content) {
    Object.assign(this, { groupId, epoch, sender, authenticatedData, contentType, content });
    Object.freeze(this);
  }

  /** Raises: malformed. @param {Reader} reader */
  static read(reader) {
    const [groupId, epoch, sender] = [reader.vector(), reader.u64(), Sender.read(reader)];
    const [authenticatedData, contentType] = [reader.vector(), readContentType(reader)];
    const content = readContent(reader, contentType);
    return new FramedContent(groupId, epoch, sender, authenticatedData, contentType, content);
  }

  /** group_id<V> | u64 epoch | sender | authenticated_data<V> | u8 content_type | content. */
  encode() {
    return concat(
      vector(this.groupId),
      u64(this.epoch),
      this.sender.encode(),
      vector(this.authenticatedData),
      u8(this.contentType),
      encodeContent(this.content),
    );
  }
}

/** A framed content with its signature and, for a commit, its confirmation tag (RFC 9420 6.1). */
export class AuthenticatedContent {
  /**
   * @param {number} wireFormat
   * @param {FramedContent} content
   * @param {Uint8Array} signature
   * @param {Uint8Array | null} [confirmationTag]
   */
  constructor(wireFormat, content, signature, confirmationTag = null) {
    Object.assign(this, { wireFormat, content, signature, confirmationTag });
    Object.freeze(this);
  }

  /**
   * Signed for this epoch; a commit wants its tag yet (`withTag`), which the signature does not cover.
   * @param {import("./suite.js").CipherSuite} suite
   * @param {import("./suite.js").Signer} signer
   * @param {number} wireFormat
   * @param {FramedContent} content
   * @param {import("./key_schedule.js").GroupContext} context
   */
  static async sign(suite, signer, wireFormat, content, context) {
    const tbs = new AuthenticatedContent(wireFormat, content, new Uint8Array()).tbs(context);
    const signature = await suite.signWithLabel(signer, FRAMED_CONTENT_TBS, tbs);
    return new AuthenticatedContent(wireFormat, content, signature);
  }

  /** Raises: malformed. @param {Reader} reader */
  static read(reader) {
    const wireFormat = reader.u16();
    if (!FRAMED.includes(wireFormat)) throw new Malformed(`wire format ${wireFormat}`);
    return AuthenticatedContent.readAuth(reader, wireFormat, FramedContent.read(reader));
  }

  /**
   * The content with the FramedContentAuthData that comes next.
   *
   * Raises: malformed.
   */
  static readAuth(reader, wireFormat, content) {
    const signature = reader.vector();
    const tag = content.contentType === ContentType.COMMIT ? reader.vector() : null;
    return new AuthenticatedContent(wireFormat, content, signature, tag);
  }

  /** The same commit with its confirmation tag. */
  withTag(confirmationTag) {
    return new AuthenticatedContent(this.wireFormat, this.content, this.signature, confirmationTag);
  }

  /**
   * Nothing, when this key signed it for this epoch.
   *
   * Raises: unauthentic.
   */
  async verify(suite, signatureKey, context) {
    await suite.verifyWithLabel(signatureKey, FRAMED_CONTENT_TBS, this.tbs(context), this.signature);
  }

  /** FramedContentTBS: u16 version | u16 wire_format | content | the context, when a member or joiner speaks. */
  tbs(context) {
    const content = [u16(VERSION), u16(this.wireFormat), this.content.encode()];
    return concat(...content, ...(IN_CONTEXT.includes(this.content.sender.senderType) ? [context.encode()] : []));
  }

  /** FramedContentAuthData: signature<V> | confirmation_tag<V> of a commit. */
  auth() {
    const { signature, confirmationTag } = this;
    if ((confirmationTag === null) === (this.content.contentType === ContentType.COMMIT)) {
      throw new UsageError("a commit has a confirmation tag, nothing else has one");
    }
    return concat(vector(signature), ...(confirmationTag === null ? [] : [vector(confirmationTag)]));
  }

  /** u16 wire_format | content | auth. */
  encode() {
    return concat(u16(this.wireFormat), this.content.encode(), this.auth());
  }

  /** ConfirmedTranscriptHashInput: u16 wire_format | content | signature<V> (RFC 9420 8.2). */
  confirmedInput() {
    return concat(u16(this.wireFormat), this.content.encode(), vector(this.signature));
  }

  /** The ProposalRef of a proposal (RFC 9420 5.2), Nh bytes. */
  ref(suite) {
    return suite.refHash(PROPOSAL_REFERENCE, this.encode());
  }
}

/** The envelope of everything: `body` is the encoding of what the wire format says (RFC 9420 6). */
export class MLSMessage {
  /** @param {number} wireFormat @param {Uint8Array} body */
  constructor(wireFormat, body) {
    Object.assign(this, { wireFormat, body });
    Object.freeze(this);
  }

  /** Raises: malformed (a version but 1, a wire format that does not exist). @param {Uint8Array} data */
  static parse(data) {
    const reader = new Reader(data);
    const [version, wireFormat] = [reader.u16(), reader.u16()];
    if (version !== VERSION || !Object.values(WireFormat).includes(wireFormat)) {
      throw new Malformed(`MLS version ${version}, wire format ${wireFormat}`);
    }
    return new MLSMessage(wireFormat, reader.rest());
  }

  /** u16 version | u16 wire_format | body. */
  encode() {
    return concat(u16(VERSION), u16(this.wireFormat), this.body);
  }
}
