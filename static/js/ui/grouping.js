/** The rows of a conversation: messages in groups of one person, days, and where the unread ones begin. Pure. */

const GROUP_PAUSE_MS = 5 * 60_000;

/**
 * @typedef {{id: string, roomId: string, sender: string, name: string, text: string, time: number, own: boolean,
 *   status: "waiting"|"sent"|"received"|"unreadable"|"notice", seq: number|null, doubtful?: boolean,
 *   files?: {id: string, name: string, size: number, mime: string}[], post?: {code: string|null, isBroken: boolean},
 *   notice?: {kind: string, userIds: string[]}}} Message
 * @typedef {{kind: "day", key: string, time: number} | {kind: "unread", key: string} |
 *   {kind: "notice", key: string, message: Message} |
 *   {kind: "message", key: string, message: Message, opens: boolean, closes: boolean}} Row
 */

/**
 * Rows in log order. Keys stay the same from the composer to the server's row, so a bubble never jumps.
 * @param {readonly Message[]} messages
 * @param {{sameDay: (one: number, other: number) => boolean, firstUnread?: string|null}} reading
 * @returns {Row[]}
 */
export function rowsOf(messages, { sameDay, firstUnread = null }) {
  const rows = [];
  let open = null; // the row that the next message of the same person joins
  let previous = null;
  for (const message of messages) {
    if (!previous || !sameDay(previous.time, message.time)) {
      rows.push({ kind: "day", key: `day ${message.id}`, time: message.time });
      open = null;
    }
    if (message.id === firstUnread) {
      rows.push({ kind: "unread", key: "unread" });
      open = null;
    }
    if (message.status === "notice") {
      rows.push({ kind: "notice", key: message.id, message });
      open = null;
    } else {
      const joins = open !== null && joinsGroup(open.message, message);
      if (joins) open.closes = false;
      open = { kind: "message", key: message.id, message, opens: !joins, closes: true };
      rows.push(open);
    }
    previous = message;
  }
  return rows;
}

/** Whether `next` stands under the same name as `last`. @param {Message} last @param {Message} next */
export function joinsGroup(last, next) {
  return last.sender === next.sender && last.own === next.own && next.time - last.time < GROUP_PAUSE_MS;
}

/**
 * The id of the message that the reader has not seen yet, or null.
 * @param {readonly Message[]} messages
 * @param {number} unread how many messages of others are unread
 */
export function firstUnreadOf(messages, unread) {
  if (unread <= 0) return null;
  const foreign = messages.filter((message) => message.status === "received");
  return foreign.at(-unread)?.id ?? foreign[0]?.id ?? null;
}

/**
 * Whether two states of a message look the same, so its element need not be drawn again.
 * @param {Message} [one]
 * @param {Message} [other]
 */
export function sameMessage(one, other) {
  if (one === other) return true;
  if (!one || !other) return false;
  const same = (field) => one[field] === other[field];
  return ["id", "status", "seq", "text", "name", "time", "doubtful"].every(same) && one.post?.code === other.post?.code;
}
