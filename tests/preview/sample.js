/** People, rooms and messages to look at. Ids are hex strings, as in the real app. */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** An id that is the same at each look. @param {number} number */
export function sampleId(number) {
  return number.toString(16).padStart(32, "0");
}

export const ME = { userId: sampleId(0xa11ce), name: "Alice Berg", deviceCount: 2, me: true };
export const MARA = { userId: sampleId(0x3a7a), name: "Mara Lindqvist", deviceCount: 1, me: false };
export const JONAS = { userId: sampleId(0x10ab), name: "Jonas Okafor", deviceCount: 2, me: false };
export const INES = { userId: sampleId(0x1e7), name: "Inés Duarte", deviceCount: 1, me: false };
export const PEOPLE = [ME, MARA, JONAS, INES];

const LONG_ANSWER =
  "I am in, if we take the ten o'clock train. The one after it has no room for three bicycles, " +
  "and I am not leaving mine at the station again.";

/** The conversation of the pictures. @param {string} roomId @param {number} now ms */
export function kitchenTable(roomId, now) {
  const noon = new Date(now).setHours(13, 42, 0, 0);
  const script = [
    [noon - DAY_MS, null, { kind: "created", userIds: [MARA.userId] }],
    [noon - DAY_MS + MINUTE_MS, null, { kind: "joined", userIds: [ME.userId, JONAS.userId] }],
    [noon - DAY_MS + 3 * MINUTE_MS, MARA, "Welcome to our new kitchen table!"],
    [noon - DAY_MS + 3.4 * MINUTE_MS, MARA, "Same rules as the old one: whoever finds good bread says where."],
    [noon - DAY_MS + 9 * MINUTE_MS, ME, "Found it: the mill by the canal, https://example.org/mill, Saturdays until noon."],
    [noon - 40 * MINUTE_MS, JONAS, "Is anybody up for the lake on Sunday?"],
    [noon - 39.5 * MINUTE_MS, JONAS, "Water is 19 degrees, I checked with my feet."],
    [noon - 31 * MINUTE_MS, ME, "Yes! I bring coffee and the big blanket."],
    [noon - 30.6 * MINUTE_MS, ME, "And the good cups"],
    [noon - 12 * MINUTE_MS, MARA, LONG_ANSWER],
    [noon - 4 * MINUTE_MS, JONAS, "Ten it is."],
    [noon - 1 * MINUTE_MS, ME, "Ten it is. See you on platform 3."],
  ];
  return script.map(([time, person, said], index) => message(roomId, index, time, person, said));
}

/**
 * As many messages as asked for, of everybody in turn.
 * @param {string} roomId
 * @param {number} count
 * @param {number} now ms
 */
export function longTalk(roomId, count, now) {
  return Array.from({ length: count }, (_, index) => {
    const person = PEOPLE[Math.floor(index / 3) % PEOPLE.length];
    const words = "The quick brown fox jumps over the lazy dog and goes home again by the river. ".repeat(1 + (index % 4));
    return message(roomId, index, now - (count - index) * 2 * MINUTE_MS, person, `${index}: ${words}`);
  });
}

/**
 * @param {string} roomId
 * @param {number} index
 * @param {number} time ms
 * @param {typeof ME|null} person nobody for a notice
 * @param {any} said text, or what a notice is about
 */
export function message(roomId, index, time, person, said) {
  const common = { id: `${roomId.slice(-4)}${sampleId(index + 1).slice(4)}`, roomId, time, seq: index + 1 };
  if (!person) return { ...common, sender: "", name: "", text: "", own: false, status: "notice", notice: said };
  const own = person === ME;
  return { ...common, sender: person.userId, name: person.name, text: said, own, status: own ? "sent" : "received" };
}
