/**
 * Messages that are signed but not encrypted (RFC 9420 6.2). Rooms take external commits in this form, nothing else.
 */

import { concat } from "../bytes.js";
import { Malformed, UsageError } from "../protocol/errors.js";
import { Reader, vector } from "./codec.js";
import { AuthenticatedContent, ContentType, FramedContent, SenderType, WireFormat } from "./framing.js";

/** `membershipTag` is a member's proof to belong to the epoch; the others have none. */
export class PublicMessage {
  /** @param {AuthenticatedContent} authenticated @param {Uint8Array | null} membershipTag */
  constructor(authenticated, membershipTag) {
    Object.assign(this, { authenticated, membershipTag });
    Object.freeze(this);
  }

  /**
   * The message; a member's gets its tag.
   *
   * Raises: usage (application data, which is always encrypted).
   */
  static async protect(suite, authenticated, membershipKey, context) {
    const { contentType, sender } = authenticated.content;
    if (contentType === ContentType.APPLICATION) throw new UsageError("application data is always encrypted");
    if (sender.senderType !== SenderType.MEMBER) return new PublicMessage(authenticated, null);
    return new PublicMessage(authenticated, await suite.mac(membershipKey, tbm(authenticated, context)));
  }

  /**
   * What it says; its signature is still to be verified.
   *
   * Raises: unauthentic (a member's tag); malformed (application data, which is always encrypted).
   */
  async unprotect(suite, membershipKey, context) {
    if (this.authenticated.content.contentType === ContentType.APPLICATION) {
      throw new Malformed("application data that is not encrypted");
    }
    if (this.membershipTag !== null) {
      await suite.checkMac(membershipKey, tbm(this.authenticated, context), this.membershipTag);
    }
    return this.authenticated;
  }

  /**
   * The message in the body of an MLSMessage.
   *
   * Raises: malformed.
   */
  static parse(body) {
    const reader = new Reader(body);
    const content = FramedContent.read(reader);
    const authenticated = AuthenticatedContent.readAuth(reader, WireFormat.PUBLIC_MESSAGE, content);
    const tag = content.sender.senderType === SenderType.MEMBER ? reader.vector() : null;
    reader.end();
    return new PublicMessage(authenticated, tag);
  }

  /** content | auth | membership_tag<V> of a member. */
  encode() {
    const { authenticated, membershipTag } = this;
    const tag = membershipTag === null ? [] : [vector(membershipTag)];
    return concat(authenticated.content.encode(), authenticated.auth(), ...tag);
  }
}

/** AuthenticatedContentTBM. */
function tbm(authenticated, context) {
  return concat(authenticated.tbs(context), authenticated.auth());
}
