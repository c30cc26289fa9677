// What the screens are given: plain objects, made anew each time.

/** @param {import("./room.js").Room} room @param {(userId: string) => string} nameOf @returns {object[]} in log order, own waiting ones last */
export function messagesOf(room, nameOf, me) {
  const logged = room.transcript.entries.map((entry) => loggedMessage(room.id, entry, nameOf));
  return [...logged, ...room.outbox.shown.map((entry) => waitingMessage(room.id, entry, nameOf, me))];
}

/** @returns {object[]} the rooms, newest activity first */
export function roomsOf(rooms, nameOf, me) {
  const views = rooms.map((room) => ({
    id: room.id,
    name: room.record.name,
    members: room.userIds,
    last: messagesOf(room, nameOf, me).findLast((message) => message.status !== "notice") ?? null,
    unread: room.unread,
    joined: room.isJoined,
    problem: room.stuck ? { code: room.stuck } : null,
    activity: room.outbox.shown.at(-1)?.time ?? room.transcript.last?.time ?? 0,
  }));
  return views.sort((left, right) => right.activity - left.activity);
}

/** @param {object} status of the port follower @param {import("../discovery/finder.js").Finder | null} finder */
export function connectionOf(status, finder, serverPublic) {
  const info = finder?.info ?? null;
  const { endpoint } = status;
  return {
    status: status.status,
    port: endpoint && status.since !== null ? endpoint.port : null,
    nextMove: info ? info.nextRotation * 1000 : null,
    interval: endpoint && info ? (endpoint.validUntil - endpoint.validFrom - info.graceSeconds) * 1000 : null,
    mirror: finder?.mirror ?? null,
    since: status.since,
    serverName: info?.serverName ?? "",
    fingerprint: serverPublic?.fingerprint ?? "",
    problem: status.problem ? { code: status.problem } : null,
  };
}

/** @param {import("./directory.js").Directory} directory */
export function peopleOf(directory, me) {
  return directory.people.map((person) => ({ ...person, me: person.userId === me.userId }));
}

function loggedMessage(roomId, entry, nameOf) {
  const status = { text: entry.own ? "sent" : "received", unreadable: "unreadable", notice: "notice" }[entry.kind];
  const { id, seq, sender, text, time, own } = entry;
  return { id, roomId, sender, name: nameOf(sender), text, time, own, status, seq, ...noticeIn(entry) };
}

function noticeIn({ notice }) {
  return notice ? { notice } : {};
}

function waitingMessage(roomId, entry, nameOf, me) {
  const { id, text, time } = entry;
  const status = entry.acknowledged ? "sent" : "waiting";
  return { id, roomId, sender: me.userId, name: nameOf(me.userId), text, time, own: true, status, seq: null };
}

