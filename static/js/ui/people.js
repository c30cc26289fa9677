/** What to call the people of a server and a room. Pure. */

import { shownName } from "./file_names.js";
import { listWords, words } from "./words.js";

/** @typedef {{userId: string, name: string, deviceCount: number, me: boolean}} Person */

/** @param {string} name */
export function firstName(name) {
  return name.trim().split(/\s+/u)[0];
}

/**
 * The whole name, as it stands beside a face.
 * @param {readonly Person[]} people
 * @param {string} userId
 */
export function nameOf(people, userId) {
  return people.find((person) => person.userId === userId)?.name ?? words.somebody;
}

/**
 * The first name, or the whole one where two people share the first.
 * @param {readonly Person[]} people
 * @param {string} userId
 */
export function callName(people, userId) {
  const name = nameOf(people, userId);
  const first = firstName(name);
  const shared = people.some((person) => person.userId !== userId && firstName(person.name) === first);
  return shared || name === words.somebody ? name : first;
}

/**
 * "Mara, Jonas and you": the others, oneself last.
 * @param {readonly Person[]} people
 * @param {readonly string[]} userIds
 */
export function namesOf(people, userIds) {
  const ourId = people.find((person) => person.me)?.userId;
  const others = userIds.filter((userId) => userId !== ourId).map((userId) => callName(people, userId));
  return listWords(userIds.includes(ourId) ? [...others, words.you.toLowerCase()] : others);
}

/**
 * The people who could still be added to a room, by name.
 * @param {readonly Person[]} people
 * @param {readonly string[]} members
 */
export function addable(people, members) {
  return people
    .filter((person) => !person.me && !members.includes(person.userId))
    .sort((one, other) => one.name.localeCompare(other.name));
}

/**
 * A notice in words: "Mara joined".
 * @param {readonly Person[]} people
 * @param {{kind: string, userIds: string[]}} notice
 */
export function noticeWords(people, notice) {
  const names = namesOf(people, notice.userIds);
  return words.notices[notice.kind](names === words.you.toLowerCase() ? words.you : names);
}

/**
 * The last thing in a room, in one line.
 * @param {readonly Person[]} people
 * @param {import("./grouping.js").Message|null} message
 * @param {boolean} pair whether two people talk, who need no names
 */
export function previewWords(people, message, pair) {
  if (!message) return words.rooms.nothingYet;
  if (message.status === "notice") return noticeWords(people, message.notice);
  const text = message.status === "unreadable" ? words.messages.unreadable : oneLine(message);
  if (message.own) return `${words.you}: ${text}`;
  return pair ? text : `${callName(people, message.sender)}: ${text}`;
}

/** The words of a message, or what came without any. A name from somebody else keeps to itself what direction it has. */
function oneLine({ text, files = [] }) {
  if (text || files.length === 0) return text.replaceAll(/\s+/g, " ");
  return files.length > 1 ? words.files.many(files.length) : `\u2068${shownName(files[0].name)}\u2069`;
}
