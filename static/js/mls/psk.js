/** Pre-shared keys (RFC 9420 8.4): read and mixed in as the RFC has it; rooms refuse them (protocol.md 4.10). */

import { concat } from "../bytes.js";
import { Malformed } from "../protocol/errors.js";
import { u8, u16, u64, vector } from "./codec.js";
import { DERIVED_PSK } from "./labels.js";

/** Where a pre-shared key comes from. */
export const PSKType = Object.freeze({ EXTERNAL: 1, RESUMPTION: 2 });

/** application, reinit, branch */
const USAGES = [1, 2, 3];
const NOTHING = new Uint8Array();

/** Which key: `pskId` of an external one; `usage`, `pskGroupId` and `pskEpoch` of one of an earlier epoch. */
export class PreSharedKeyID {
  /**
   * @param {number} psktype
   * @param {Uint8Array} pskId
   * @param {number} usage
   * @param {Uint8Array} pskGroupId
   * @param {number} pskEpoch
   * @param {Uint8Array} pskNonce
   */
  constructor(psktype, pskId, usage, pskGroupId, pskEpoch, pskNonce) {
    Object.assign(this, { psktype, pskId, usage, pskGroupId, pskEpoch, pskNonce });
    Object.freeze(this);
  }

  /** Raises: malformed. @param {import("./codec.js").Reader} reader */
  static read(reader) {
    const psktype = reader.u8();
    if (psktype === PSKType.EXTERNAL) {
      return new PreSharedKeyID(psktype, reader.vector(), 0, NOTHING, 0, reader.vector());
    }
    if (psktype !== PSKType.RESUMPTION) throw new Malformed(`PSK type ${psktype}`);
    const usage = reader.u8();
    if (!USAGES.includes(usage)) throw new Malformed(`PSK usage ${usage}`);
    return new PreSharedKeyID(psktype, NOTHING, usage, reader.vector(), reader.u64(), reader.vector());
  }

  /** u8 psktype | psk_id<V>, or u8 usage | psk_group_id<V> | u64 psk_epoch | psk_nonce<V>. */
  encode() {
    const which =
      this.psktype === PSKType.EXTERNAL
        ? [vector(this.pskId)]
        : [u8(this.usage), vector(this.pskGroupId), u64(this.pskEpoch)];
    return concat(u8(this.psktype), ...which, vector(this.pskNonce));
  }
}

/**
 * All pre-shared keys in one secret of Nh bytes; zeros without any (RFC 9420 8.4).
 * @param {import("./suite.js").CipherSuite} suite @param {readonly [PreSharedKeyID, Uint8Array][]} psks
 */
export async function pskSecret(suite, psks) {
  const zeros = new Uint8Array(suite.Nh);
  let secret = zeros;
  for (const [index, [identifier, psk]] of psks.entries()) {
    const label = concat(identifier.encode(), u16(index), u16(psks.length));
    const extracted = await suite.extract(zeros, psk);
    const pskInput = await suite.expandWithLabel(extracted, DERIVED_PSK, label, suite.Nh);
    secret = await suite.extract(pskInput, secret);
  }
  return secret;
}
