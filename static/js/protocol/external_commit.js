/**
 * An external commit: the one PublicMessage of a room, by which a device joins on its own. What is clear in it.
 *
 * Only the shape is read. Whether the signatures, the path and the confirmation tag are right is for members to judge;
 * the server compares who comes and who goes with what it knows.
 * Spec: 3.13; RFC 9420 6, 6.2, 7.2, 7.6, 12.1, 12.4
 */

import { parseVector } from "./_vectors.js";
import { Reader } from "./encoding.js";
import { Malformed } from "./errors.js";

export const PUBLIC_MESSAGE = 1;
const MLS_VERSION = 1;
const NEW_MEMBER_COMMIT = 4;
const CONTENT_COMMIT = 3;
const BY_VALUE = 1;
const REMOVE = 3;
const EXTERNAL_INIT = 6;
const BASIC_CREDENTIAL = 1;
// Versions, suites, extensions, proposals, credentials.
const CAPABILITIES = 5;
const SOURCE_COMMIT = 3;

/** Who comes into which group, and which leaf goes for it. */
export class ExternalCommit {
  /**
   * `removed`: the index of the leaf that is removed, or null. Key, identity and extensions ([type, data] each) are the
   * new leaf's.
   *
   * @param {{groupId: Uint8Array, epoch: number, authenticatedData: Uint8Array, removed: number|null,
   *          signatureKey: Uint8Array, identity: Uint8Array, extensions: [number, Uint8Array][]}} fields
   */
  constructor({ groupId, epoch, authenticatedData, removed, signatureKey, identity, extensions }) {
    Object.assign(this, { groupId, epoch, authenticatedData, removed, signatureKey, identity, extensions });
    Object.freeze(this);
  }

  /**
   * The external commit in a whole MLS message.
   *
   *     u16 version | u16 wire_format = 1 | group_id<V> | u64 epoch | u8 sender_type = 4 | authenticated_data<V>
   *     | u8 content_type = 3 | proposals<V> | u8 1 | LeafNode | UpdatePathNode nodes<V> | signature<V>
   *     | confirmation_tag<V>
   *
   * Raises: malformed (another message or sender; other proposals than one ExternalInit and at most one Remove, by
   * value; no path; anything that is not in its one encoding, to the last byte).
   */
  static parse(data) {
    const reader = new Reader(data);
    expect(reader.u16(), MLS_VERSION, "MLS version");
    expect(reader.u16(), PUBLIC_MESSAGE, "MLS wire format");
    const [groupId, epoch] = [parseVector(reader), reader.u64()];
    expect(reader.u8(), NEW_MEMBER_COMMIT, "sender type of a public message");
    const authenticatedData = parseVector(reader);
    expect(reader.u8(), CONTENT_COMMIT, "MLS content type");
    const removed = parseProposals(parseVector(reader));
    expect(reader.u8(), 1, "path of an external commit");
    const leaf = parseLeaf(reader);
    parsePathNodes(parseVector(reader));
    parseVector(reader);
    parseVector(reader);
    reader.end();
    return new ExternalCommit({ groupId, epoch, authenticatedData, removed, ...leaf });
  }
}

function expect(value, expected, what) {
  if (value !== expected) throw new Malformed(`${what} ${value}, expected ${expected}`);
}

/** The leaf that the one Remove names, or null. */
function parseProposals(data) {
  const reader = new Reader(data);
  const named = [];
  let removed = null;
  while (reader.offset < data.length) {
    expect(reader.u8(), BY_VALUE, "kind of proposal in an external commit");
    const kind = reader.u16();
    if (kind === EXTERNAL_INIT) parseVector(reader);
    else if (kind === REMOVE) removed = reader.u32();
    else throw new Malformed(`proposal type ${kind} in an external commit`);
    named.push(kind);
  }
  const inits = named.filter((kind) => kind === EXTERNAL_INIT).length;
  if (inits !== 1 || named.length > 2) {
    throw new Malformed("an external commit holds one ExternalInit and at most one Remove");
  }
  return removed;
}

/** Signature key, identity and extensions of a LeafNode that comes with a commit. */
function parseLeaf(reader) {
  parseVector(reader);
  const signatureKey = parseVector(reader);
  expect(reader.u16(), BASIC_CREDENTIAL, "credential type");
  const identity = parseVector(reader);
  for (let count = 0; count < CAPABILITIES; count += 1) parseVector(reader);
  expect(reader.u8(), SOURCE_COMMIT, "source of the leaf");
  parseVector(reader);
  const extensions = parseExtensions(parseVector(reader));
  parseVector(reader);
  return { signatureKey, identity, extensions };
}

function parseExtensions(data) {
  const reader = new Reader(data);
  const extensions = [];
  while (reader.offset < data.length) extensions.push([reader.u16(), parseVector(reader)]);
  return extensions;
}

function parsePathNodes(data) {
  const reader = new Reader(data);
  while (reader.offset < data.length) {
    parseVector(reader);
    parseCiphertexts(parseVector(reader));
  }
}

function parseCiphertexts(data) {
  const reader = new Reader(data);
  while (reader.offset < data.length) {
    parseVector(reader);
    parseVector(reader);
  }
}
