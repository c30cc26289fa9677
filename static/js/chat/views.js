// What the screens are given: plain objects.

import { CLOCK_SKEW_SECONDS } from "../protocol/limits.js";
import { shownId } from "./files/shown_id.js";

/** A room's messages as the screens want them. Those of the log are made once, for they do not change any more. */
export class MessageViews {
  #room;
  #logged = [];
  #names = null;
  #unconfirmed = null;

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    this.#room = room;
  }

  /**
   * @param {{of: (userId: string) => string}} names another object when a name has changed
   * @param {import("./files/post.js").Post[]} posts those whose files are on their way
   * @returns {object[]} in log order, own waiting ones last
   */
  list(names, me, posts) {
    const { id, transcript, outbox, record } = this.#room;
    if (this.#names !== names || this.#unconfirmed !== record.unconfirmed) {
      this.#names = names;
      this.#unconfirmed = record.unconfirmed;
      this.#logged = [];
    }
    const news = transcript.entries.slice(this.#logged.length);
    this.#logged.push(...news.map((entry) => loggedMessage(id, entry, names, record.unconfirmed)));
    const waiting = outbox.shown.map((entry) => waitingMessage(id, entry, names, me));
    // One that has just gone over into the outbox is not shown twice.
    const unposted = posts.filter((post) => !outbox.find(post.id) && !transcript.has(post.id));
    return [...this.#logged, ...waiting, ...unposted.map((post) => postedMessage(id, post, names, me))];
  }

  /** The newest of them that is no notice, or null. */
  last(names, me) {
    const { id, transcript, outbox } = this.#room;
    const waiting = outbox.shown.at(-1);
    if (waiting) return waitingMessage(id, waiting, names, me);
    const entry = transcript.entries.findLast((each) => each.kind !== "notice");
    return entry ? loggedMessage(id, entry, names) : null;
  }
}

/** @param {import("./room.js").Room} room @param {object | null} last its newest message */
export function roomView(room, last) {
  return {
    id: room.id,
    name: room.record.name,
    members: room.userIds,
    last,
    unread: room.unread,
    joined: room.isJoined,
    problem: problemOf(room),
    waitsFor: waitsForOf(room),
    administrators: room.administrators,
    activity: Math.max(last?.time ?? 0, room.transcript.last?.time ?? 0),
  };
}

/** What keeps the room from going on; it may pass, but nothing can be done in it meanwhile. */
function problemOf(room) {
  if (room.isOver) return { code: "room_over" };
  if (room.record.gone) return { code: "not_member" };
  return room.stuck ? { code: room.stuck } : null;
}

function waitsForOf(room) {
  if (room.record.leaving) return { code: "leaving" };
  if (room.record.unconfirmed) return { code: "unconfirmed" };
  return room.held ? { code: room.held } : null;
}

/** The mirror of a file that came from none: the person picked it. */
export const BY_HAND = "file:";

/** Of a device that does nothing, or not yet. */
export const OFFLINE = Object.freeze({
  status: "offline", port: null, nextMove: null, interval: null, mirror: null, doubts: [], since: null,
  serverName: "", fingerprint: "", problem: null, epoch: null, clockAhead: 0,
});

/** @param {object} status of the port follower @param {import("../discovery/finder.js").Finder} finder */
export function connectionView({ status, endpoint, since, problem, epoch }, finder, serverPublic) {
  const { info, mirror, doubts } = finder;
  const own = (endpoint && finder.listed(endpoint)) ?? endpoint;
  return {
    status,
    port: since === null ? null : endpoint.port,
    nextMove: info ? nextMoveOf(own, info) : null,
    interval: own && info ? (own.validUntil - own.validFrom - info.graceSeconds) * 1000 : null,
    mirror,
    doubts,
    since,
    serverName: info?.serverName ?? "",
    fingerprint: serverPublic.fingerprint,
    problem: problem ? { code: problem } : null,
    epoch,
    clockAhead: clockAheadOf(finder),
  };
}

/** How far this device's clock is ahead of the server's, in ms; 0 when it is right enough, or nobody told yet. */
function clockAheadOf({ now }) {
  const ahead = Date.now() - now;
  return Math.abs(ahead) > CLOCK_SKEW_SECONDS * 1000 ? ahead : 0;
}

/** When our own port moves (other nodes' ports move at other times), in ms; null for one that never does. */
function nextMoveOf(own, info) {
  if (!own) return info.nextRotation * 1000;
  return own.fixed ? null : (own.validUntil - info.graceSeconds) * 1000;
}

function loggedMessage(roomId, entry, names, unconfirmed = null) {
  const status = { text: entry.own ? "sent" : "received", unreadable: "unreadable", notice: "notice" }[entry.kind];
  const { id, seq, sender, text, time, own, notice } = entry;
  const files = filesOf(entry.attachments ?? []);
  const message = { id, roomId, sender, name: names.of(sender), text, files, time, own, status, seq };
  if (notice) return { ...message, notice };
  return unconfirmed && !own && seq > unconfirmed.seq ? { ...message, doubtful: true } : message;
}

function waitingMessage(roomId, { id, text, attachments, time, acknowledged }, names, { userId }) {
  const status = acknowledged ? "sent" : "waiting";
  const files = filesOf(attachments);
  return { id, roomId, sender: userId, name: names.of(userId), text, files, time, own: true, status, seq: null };
}

/** `post` tells what can be done with it: `code` of what stopped it, and whether another try makes sense. */
function postedMessage(roomId, { id, text, files, time, code, isBroken }, names, me) {
  const message = waitingMessage(roomId, { id, text, attachments: [], time, acknowledged: false }, names, me);
  return { ...message, files: files.map((each) => fileView(each.hex, each)), post: { code, isBroken } };
}

/** What a screen shows of files; their keys are not for it. */
function filesOf(attachments) {
  return attachments.map((each) => fileView(shownId(each), each));
}

function fileView(id, { name, size, mime }) {
  return { id, name, size, mime };
}
