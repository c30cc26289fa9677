/**
 * A group as rows to be stored, sealed: what a commit changes, what every message changes, and the epoch before.
 *
 * The epoch's row is large and written once per epoch; the live row is small and written with every message. Both name
 * their epoch, so rows of two moments are never put together.
 * Spec: 4.6
 */

import { concat, fromHex, toHex } from "../bytes.js";
import { Malformed, UnsupportedVersion } from "../protocol/errors.js";
import { optional, Reader, u8, u32, u64, vector, vectorOf } from "./codec.js";
import { Epoch, GroupState, PastEpoch } from "./epoch.js";
import { GroupContext, KeySchedule } from "./key_schedule.js";
import { readProposal } from "./proposals.js";
import { RatchetTree } from "./ratchet_tree.js";
import { Proposed } from "./rules.js";
import { SecretTree } from "./secret_tree.js";

/** @typedef {{epoch?: Uint8Array, live?: Uint8Array, past?: Uint8Array | null}} Rows */

const VERSION = 1;

/**
 * The rows `epoch`, `live` and `past`, but for those that are as they were `before`; null: there is none.
 * @param {GroupState} state @param {GroupState | null} [before] @returns {Rows}
 */
export function encodeRows(state, before = null) {
  const rows = {};
  if (state.epoch !== before?.epoch) rows.epoch = encodeEpoch(state.epoch);
  if (state.secretTree !== before?.secretTree || state.waiting !== before?.waiting) rows.live = encodeLive(state);
  if (!before || state.past !== before.past) rows.past = state.past && encodePast(state.past);
  return rows;
}

/**
 * The state in the three rows.
 *
 * Raises: malformed (a row missing, rows of two moments); unsupported_version.
 * @param {import("./suite.js").CipherSuite} suite @param {Rows} rows
 */
export function parseRows(suite, rows) {
  const epoch = parse(rows.epoch, (reader) => readEpoch(suite, reader));
  const [number, secretTree, waiting] = parse(rows.live, (reader) => readLive(suite, reader));
  const past = rows.past ? parse(rows.past, (reader) => readPast(suite, reader)) : null;
  if (number !== epoch.context.epoch || (past && past.context.epoch + 1 !== number)) {
    throw new Malformed("rows of two epochs");
  }
  return new GroupState(epoch, secretTree, waiting, past);
}

/**
 * version u8 | context | tree<V> | interim_transcript_hash<V> | confirmation_tag<V> | u32 leaf_index
 * | keys<V> of (u32 node | secret<V>), ascending | key schedule
 */
function encodeEpoch({ context, tree, interimTranscriptHash, confirmationTag, leafIndex, keys, schedule }) {
  const ascending = [...keys].sort(([one], [other]) => one - other);
  return concat(
    u8(VERSION),
    context.encode(),
    tree.encode(),
    vector(interimTranscriptHash),
    vector(confirmationTag),
    u32(leafIndex),
    vectorOf(ascending.map(([node, secret]) => concat(u32(node), vector(secret)))),
    schedule.encode(),
  );
}

function readEpoch(suite, reader) {
  const [context, tree] = [readContext(suite, reader), RatchetTree.read(suite, reader)];
  const [interimTranscriptHash, confirmationTag, leafIndex] = [reader.vector(), reader.vector(), reader.u32()];
  const keys = new Map(reader.vectorOf((inner) => [inner.u32(), inner.vector()]));
  const schedule = KeySchedule.read(suite, reader);
  return new Epoch({ context, tree, interimTranscriptHash, confirmationTag, leafIndex, keys, schedule });
}

/** version u8 | u64 epoch | secret tree | waiting<V> of (reference<V> | optional u32 sender | proposal) */
function encodeLive({ epoch, secretTree, waiting }) {
  const proposals = [...waiting].map(([reference, { sender, proposal }]) =>
    concat(vector(fromHex(reference)), optional(sender === null ? null : u32(sender)), proposal.encode()),
  );
  return concat(u8(VERSION), u64(epoch.context.epoch), secretTree.encode(), vectorOf(proposals));
}

function readLive(suite, reader) {
  return [reader.u64(), SecretTree.read(suite, reader), new Map(reader.vectorOf(readWaiting))];
}

function readWaiting(reader) {
  const [reference, sender] = [toHex(reader.vector()), reader.optional((inner) => inner.u32())];
  return [reference, new Proposed(readProposal(reader), sender, true)];
}

/** version u8 | context | tree<V> | sender_data_secret<V> | secret tree */
function encodePast({ context, tree, senderDataSecret, secretTree }) {
  const parts = [context.encode(), tree.encode(), vector(senderDataSecret), secretTree.encode()];
  return concat(u8(VERSION), ...parts);
}

function readPast(suite, reader) {
  const [context, tree] = [readContext(suite, reader), RatchetTree.read(suite, reader)];
  return new PastEpoch(context, tree, reader.vector(), SecretTree.read(suite, reader));
}

function readContext(suite, reader) {
  const context = GroupContext.read(reader);
  if (context.cipherSuite !== suite.number) throw new Malformed("rows of another cipher suite");
  return context;
}

function parse(data, read) {
  if (!data) throw new Malformed("a row is missing");
  const reader = new Reader(data);
  const version = reader.u8();
  if (version !== VERSION) throw new UnsupportedVersion(`group row version ${version}`);
  const value = read(reader);
  reader.end();
  return value;
}
