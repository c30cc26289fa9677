// Who is writing and who has read how far: what signals told, in memory alone. The time is given by whoever asks.
//
// Spec: 4.12

/** A signal that somebody writes holds for so long. */
export const WRITING_MS = 6000;

export class SignalBoard {
  /** By room: until when who is writing (ms), and the room's last row when they began. */
  #writing = new Map();
  /** By room: up to which row who has read. */
  #read = new Map();

  /** @param {object} room @param {string} userId hex @param {number} head the last row there was when they told so */
  wrote(room, userId, head, now) {
    const writing = partOf(this.#writing, room.id);
    // Who goes on writing stays where they are among the others.
    const since = this.writers(room, now).includes(userId) ? writing.get(userId).since : now;
    writing.set(userId, { since, until: now + WRITING_MS, after: head });
  }

  /** A mark never goes back. */
  hasRead(roomId, userId, seq) {
    const read = partOf(this.#read, roomId);
    read.set(userId, Math.max(read.get(userId) ?? 0, seq));
  }

  /** Who is writing now, who began first foremost. @param {object} room its message has come: no longer writing */
  writers({ id, transcript }, now) {
    const writing = [...(this.#writing.get(id) ?? [])].filter(([userId, { until, after }]) => {
      return until > now && !hasSpokenAfter(transcript, userId, after);
    });
    return writing.sort(([, one], [, other]) => one.since - other.since).map(([userId]) => userId);
  }

  /** Who has read the row `seq`. @returns {string[]} user ids, hex */
  readers(roomId, seq) {
    return [...(this.#read.get(roomId) ?? [])].filter(([, upTo]) => upTo >= seq).map(([userId]) => userId);
  }
}

function hasSpokenAfter({ entries }, userId, after) {
  return (entries.findLast(({ sender, kind }) => sender === userId && kind !== "notice")?.seq ?? 0) > after;
}

function partOf(all, roomId) {
  if (!all.has(roomId)) all.set(roomId, new Map());
  return all.get(roomId);
}
