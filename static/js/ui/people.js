/** Names of the people of a server and a room. Pure. */

import { listWords, words } from "./words.js";

/**
 * @typedef {{userId: string, name: string, deviceCount: number, me: boolean}} Person
 */

/** @param {readonly Person[]} people @param {string} userId */
export function nameOf(people, userId) {
  return people.find((person) => person.userId === userId)?.name ?? words.somebody;
}

/** "Mara, Jonas and you": the others by name, oneself last. @param {readonly Person[]} people @param {readonly string[]} userIds */
export function namesOf(people, userIds) {
  const known = userIds.map((userId) => people.find((person) => person.userId === userId));
  const others = known.filter((person) => !person?.me).map((person) => person?.name ?? words.somebody);
  const self = known.some((person) => person?.me) ? [words.you.toLowerCase()] : [];
  return listWords([...others, ...self]);
}

/** The members of a room but oneself. @param {readonly Person[]} people @param {readonly string[]} userIds */
export function othersOf(people, userIds) {
  return people.filter((person) => !person.me && userIds.includes(person.userId));
}

/** The people who could still be added to a room, by name. @param {readonly Person[]} people @param {readonly string[]} members */
export function addable(people, members) {
  return people
    .filter((person) => !person.me && !members.includes(person.userId))
    .sort((one, other) => one.name.localeCompare(other.name));
}

/** A notice in words: "Mara joined". @param {readonly Person[]} people @param {{kind: string, userIds: string[]}} notice */
export function noticeWords(people, notice) {
  const names = namesOf(people, notice.userIds);
  const say = words.notices[notice.kind] ?? words.notices.joined;
  return say(names === words.you.toLowerCase() ? words.you : names);
}

/** The last thing in a room, in one line. @param {readonly Person[]} people @param {import("./grouping.js").Message|null} message @param {boolean} pair whether two people talk */
export function previewWords(people, message, pair) {
  if (!message) return words.rooms.nothingYet;
  if (message.status === "notice") return noticeWords(people, message.notice);
  const text = message.status === "unreadable" ? words.messages.unreadable : message.text.replaceAll(/\s+/g, " ");
  if (message.own) return `${words.you}: ${text}`;
  return pair ? text : `${message.name}: ${text}`;
}
