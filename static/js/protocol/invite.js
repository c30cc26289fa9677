/**
 * An invitation: everything a newcomer needs to find the server, know it, and enrol once.
 *
 * Spec: 3.2
 */

import { concat, sameBytes, utf8 } from "../bytes.js";
import { encodeBase64url, parseBase64url, parseText, Reader, u8, u16, u32, v16 } from "./encoding.js";
import { Malformed, TooLarge, UnsupportedVersion, UsageError } from "./errors.js";
import { DiscoverySecret, IdentityPublic, PreSharedKey } from "./keys.js";
import { INVITE_TEXT_MAX_BYTES } from "./limits.js";
import { sha256 } from "./primitives.js";

export const SCHEME = "clawchat:";
// The first version carried the discovery secret itself, the second leaves it to the wraps.
const [WITH_SECRET, WITHOUT_SECRET] = [1, 2];
const CHECKSUM_BYTES = 4;

/**
 * One invitation. Whoever holds its text can enrol once before it expires, so it is a secret.
 *
 * Units: expires in seconds since 1970. Extensions are [type, data], types not descending; a type may repeat.
 * `discoverySecret` is null in version 2, which servers issue: the newcomer takes it from the wraps of the connection
 * file, so that a link that was used or has expired opens nothing. Spec: 3.10
 */
export class Invite {
  /** @param {{discoverySecret: DiscoverySecret | null, serverPublic: IdentityPublic, inviteId: Uint8Array,
   *          invitePsk: PreSharedKey, expires: number, locators: string[],
   *          extensions?: [number, Uint8Array][]}} fields */
  constructor({ discoverySecret, serverPublic, inviteId, invitePsk, expires, locators, extensions = [] }) {
    Object.assign(this, { discoverySecret, serverPublic, inviteId, invitePsk, expires, locators, extensions });
    Object.freeze(this);
  }

  /**
   * `clawchat:` and the base64url of these bytes.
   *
   *     offset  bytes  meaning
   *     0       1      version, 1 with a discovery secret and 2 without
   *     1       32     discovery secret, in version 1 only; in version 2 all that follows stands 32 bytes earlier
   *     33      32     server's public key
   *     65      16     invite id
   *     81      32     invite PSK
   *     113     4      expiry, seconds since 1970
   *     117     2+     v16: locator URLs, a newline between them
   *     ..      2+     v16: extensions, each u16 type and v16 data
   *     ..      4      first bytes of the SHA-256 of all before, against slips of copying
   */
  encode() {
    if (this.inviteId.length !== 16 || !areLocators(this.locators) || !areOrdered(this.extensions)) {
      throw new UsageError("invite id of 16 bytes, web addresses as locators, extensions in order");
    }
    const body = concat(
      u8(this.discoverySecret === null ? WITHOUT_SECRET : WITH_SECRET),
      this.discoverySecret?.bytes ?? new Uint8Array(),
      this.serverPublic.bytes,
      this.inviteId,
      this.invitePsk.bytes,
      u32(this.expires),
      v16(utf8(this.locators.join("\n"))),
      v16(concat(...this.extensions.map(([type, data]) => concat(u16(type), v16(data))))),
    );
    return SCHEME + encodeBase64url(concat(body, checksum(body)));
  }

  /**
   * The invitation in this text, or in the fragment of this URL. Whether it has expired is for the caller.
   *
   * Raises: malformed; unsupported_version; too_large.
   * @param {string} text
   */
  static parse(text) {
    if (text.length > INVITE_TEXT_MAX_BYTES) {
      throw new TooLarge(`invite of ${text.length} characters, at most ${INVITE_TEXT_MAX_BYTES}`);
    }
    const code = text.includes("#") ? text.slice(text.indexOf("#") + 1) : text;
    if (!code.startsWith(SCHEME)) throw new Malformed("not an invite");
    const data = parseBase64url(code.slice(SCHEME.length));
    if (![WITH_SECRET, WITHOUT_SECRET].includes(data[0])) throw new UnsupportedVersion("invite of another version");
    const body = data.subarray(0, -CHECKSUM_BYTES);
    if (!sameBytes(checksum(body), data.subarray(-CHECKSUM_BYTES))) throw new Malformed("invite with a slip in it");
    const reader = new Reader(body.subarray(1));
    const invite = new Invite({
      discoverySecret: data[0] === WITH_SECRET ? new DiscoverySecret(reader.take(32)) : null,
      serverPublic: new IdentityPublic(reader.take(32)),
      inviteId: reader.take(16),
      invitePsk: new PreSharedKey(reader.take(32)),
      expires: reader.u32(),
      locators: parseLocators(reader.v16()),
      extensions: parseExtensions(reader.v16()),
    });
    reader.end();
    return invite;
  }
}

function checksum(body) {
  return sha256(body).subarray(0, CHECKSUM_BYTES);
}

function parseLocators(data) {
  const locators = data.length > 0 ? parseText(data).split("\n") : [];
  if (!areLocators(locators)) throw new Malformed("locator that is no web address");
  return locators;
}

function parseExtensions(data) {
  const reader = new Reader(data);
  const extensions = [];
  while (reader.offset < data.length) extensions.push([reader.u16(), reader.v16()]);
  if (!areOrdered(extensions)) throw new Malformed("invite extensions out of order");
  return extensions;
}

function areLocators(locators) {
  return locators.every((locator) => /^https?:\/\/[^\n]*$/.test(locator));
}

function areOrdered(extensions) {
  return extensions.every(([type], index) => index === 0 || extensions[index - 1][0] <= type);
}
