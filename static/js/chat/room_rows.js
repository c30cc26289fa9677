// A room's rows in the store.

import { SCHEME } from "./groups.js";
import { Outbox } from "./outbox.js";
import { PendingCommit } from "./pending_commit.js";
import { seatsOf } from "./roster.js";
import { Transcript } from "./transcript.js";

/**
 * What a device knows of a room apart from the group's state.
 * @typedef {object} Record
 * @property {number} scheme of its encryption; a room of another scheme than ours is over and only read
 * @property {string} name
 * @property {number} cursor the last row of the log that was read
 * @property {number} read the last row its reader has seen
 * @property {boolean} created whether the server has it
 * @property {boolean} gone whether this device was removed, or left
 * @property {boolean} leaving whether its reader wants to leave
 * @property {number} epochSince ms, when the epoch before ended
 * @property {number} renewedAt ms, when this device last brought fresh keys into the group; 0 when it must now
 * @property {number} sent own messages since then
 * @property {number} onlineAt ms, when it was last connected, to the hour
 * @property {{seq: number} | null} unconfirmed since this row nobody we know of has spoken; null: somebody has
 * @property {{at: number, pause: number} | null} rejoined when it last tried to, and for how long it does not again
 */

/** @param {Partial<Record>} changes members that differ from those of a room nothing is known of @returns {Record} */
export function newRecord(changes) {
  const now = Date.now();
  return {
    scheme: SCHEME, name: "", cursor: 0, read: 0, created: true, gone: false, leaving: false, epochSince: 0,
    renewedAt: now, sent: 0, onlineAt: now, unconfirmed: null, rejoined: null, ...changes,
  };
}

export function roomRow(id, record) {
  return ["rooms", id, record];
}

/** The rows of a group that differ from those of `before`; all of them when there is none. */
export function groupRows(id, group, before = null) {
  const rows = before ? group.rowsSince(before) : group.rows();
  return Object.entries(rows).map(([store, value]) => [store, id, value]);
}

/** Erases a group's rows, and what was to follow on it. */
export function noGroupRows(id) {
  return ["epoch", "live", "past", "pending"].map((store) => [store, id, null]);
}

/** Who had leaves in the newest epoch this device believes in; kept when the state itself is lost. Spec: 4.6 */
export function knownRow(id, known) {
  return ["known", id, known];
}

/** @returns {{epoch: number, keys: Uint8Array[]}} */
export function knownOf(group) {
  return { epoch: group.epoch, keys: seatsOf(group).map((seat) => seat.signatureKey) };
}

export function pendingRow(id, pending) {
  return ["pending", id, pending?.row ?? null];
}

export function archiveRow(id, entry) {
  return ["archive", `${id}/${String(entry.seq).padStart(16, "0")}/${entry.id}`, entry];
}

/** Everything the store has of rooms, as `Room` takes it. @returns {Promise<object[]>} */
export async function loadRooms(store, groups) {
  const names = ["rooms", "archive", "outbox"];
  const [records, archive, outbox] = await Promise.all(names.map((name) => store.readAll(name)));
  const [archiveOf, outboxOf] = [byRoom(archive), byRoom(outbox)];
  return Promise.all(
    records.map(async ([id, record]) => ({
      id,
      record,
      transcript: new Transcript(archiveOf.get(id)),
      outbox: new Outbox(id, outboxOf.get(id)),
      ...(await loadGroup(store, groups, id, record)),
    })),
  );
}

async function loadGroup(store, groups, id, record) {
  if (record.gone || record.scheme !== SCHEME) return { group: null, pending: null, known: null };
  const names = ["epoch", "live", "past", "pending", "known"];
  const rows = await Promise.all(names.map((name) => readOrLose(store, name, id)));
  const [epoch, live, past, pending, known] = rows;
  return {
    group: await loadOrLose(() => groups.load({ epoch, live, past })),
    pending: pending && (await loadOrLose(() => PendingCommit.load(groups, pending))),
    known,
  };
}

/** A row that was spoilt is as good as none. */
async function readOrLose(store, name, id) {
  try {
    return (await store.read(name, id)) ?? null;
  } catch (cause) {
    if (cause.code !== "unauthentic") throw cause;
    return null;
  }
}

/** A state that cannot be read any more is lost, and the room finds back into its group without it. */
async function loadOrLose(load) {
  try {
    return await load();
  } catch {
    return null;
  }
}

function byRoom(rows) {
  const rooms = new Map();
  for (const [key, value] of rows) {
    const id = key.slice(0, key.indexOf("/"));
    if (!rooms.has(id)) rooms.set(id, []);
    rooms.get(id).push(value);
  }
  return rooms;
}
