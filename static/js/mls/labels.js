/** Every label of RFC 9420, and ours, nowhere else. */

import { utf8 } from "../bytes.js";
import { vector } from "./codec.js";

// Signed content (RFC 9420 5.1.2). `prefixed` sets what stands before.
export const FRAMED_CONTENT_TBS = "FramedContentTBS";
export const LEAF_NODE_TBS = "LeafNodeTBS";
export const KEY_PACKAGE_TBS = "KeyPackageTBS";
export const GROUP_INFO_TBS = "GroupInfoTBS";

// Encrypted to a key (5.1.3).
export const UPDATE_PATH_NODE = "UpdatePathNode";
export const WELCOME = "Welcome";

// References (5.2), written in full.
export const KEY_PACKAGE_REFERENCE = "MLS 1.0 KeyPackage Reference";
export const PROPOSAL_REFERENCE = "MLS 1.0 Proposal Reference";

// The key schedule (8).
export const JOINER = "joiner";
export const WELCOME_SECRET = "welcome";
export const EPOCH = "epoch";
export const SENDER_DATA = "sender data";
export const ENCRYPTION = "encryption";
export const EXPORTER = "exporter";
export const EXPORTED = "exported";
export const EXTERNAL = "external";
export const CONFIRM = "confirm";
export const MEMBERSHIP = "membership";
export const RESUMPTION = "resumption";
export const AUTHENTICATION = "authentication";
export const INIT = "init";
export const DERIVED_PSK = "derived psk";
// An exporter context of HPKE, not of MLS: written in full (8.3).
export const EXTERNAL_INIT = "MLS 1.0 external init secret";

// The secret tree, its ratchets and the sender data (9).
export const TREE = "tree";
export const LEFT = "left";
export const RIGHT = "right";
export const HANDSHAKE = "handshake";
export const APPLICATION = "application";
export const KEY = "key";
export const NONCE = "nonce";
export const SECRET = "secret";

// The ratchet tree (7.4).
export const PATH = "path";
export const NODE = "node";

// Ours: what the app exports (protocol.md 4.12).
export const SIGNALS = "clawchat/1 signals";

/** The label as a vector, as KDFLabel, SignContent and EncryptContext hold it (RFC 9420 5.1.2, 5.1.3, 8). */
export function prefixed(label) {
  return vector(utf8(`MLS 1.0 ${label}`));
}
