// A room's rows in the store.

import { Group } from "../standin/group.js";
import { Outbox } from "./outbox.js";
import { PendingCommit } from "./pending_commit.js";
import { Transcript } from "./transcript.js";

/** @param {object} changes members that differ from those of a room nothing is known of */
export function newRecord(changes) {
  return { name: "", cursor: 0, read: 0, created: true, gone: false, epochSince: 0, ...changes };
}

export function roomRow(id, record) {
  return ["rooms", id, record];
}

/** The rows of a group that differ from those of `before`; all of them when there is none. */
export function groupRows(id, group, before = null) {
  const rows = before ? group.rowsSince(before) : group.rows();
  return Object.entries(rows).map(([store, value]) => [store, id, value]);
}

export function pendingRow(id, pending) {
  return ["pending", id, pending?.row ?? null];
}

export function archiveRow(id, entry) {
  return ["archive", `${id}/${String(entry.seq).padStart(16, "0")}/${entry.id}`, entry];
}

/** Everything the store has of rooms, as `Room` takes it. @returns {Promise<object[]>} */
export async function loadRooms(store, device) {
  const names = ["rooms", "archive", "outbox"];
  const [records, archive, outbox] = await Promise.all(names.map((name) => store.readAll(name)));
  const archiveOf = byRoom(archive);
  const outboxOf = byRoom(outbox);
  return Promise.all(records.map(([id, record]) => loadRoom(store, device, { id, record, archiveOf, outboxOf })));
}

async function loadRoom(store, device, { id, record, archiveOf, outboxOf }) {
  const [epoch, live, past, pending] = await Promise.all(
    ["epoch", "live", "past", "pending"].map((name) => store.read(name, id)),
  );
  return {
    id,
    record,
    group: Group.load(device, { epoch, live, past: past ?? null }),
    pending: pending ? PendingCommit.load(device, pending) : null,
    transcript: new Transcript(archiveOf.get(id)),
    outbox: new Outbox(id, outboxOf.get(id)),
  };
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
