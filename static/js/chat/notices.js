// What a room says by itself: who made it, who came and who went.

/** @param {Partial<import("./transcript.js").Entry>} place @param {{kind: string, userIds: string[]}} notice */
export function noticeEntry({ id, seq, time, sender = "", own = false }, notice) {
  return { id, seq, time, sender, own, kind: "notice", text: "", notice };
}

/**
 * People come and go; a further device of somebody who is there is no news.
 * @param {{id: string, seq: number, time: number}} place
 * @param {readonly string[]} before @param {readonly string[]} after user ids (hex)
 */
export function changeEntries(place, before, after) {
  const left = before.filter((userId) => !after.includes(userId));
  const joined = after.filter((userId) => !before.includes(userId));
  return [
    ...(left.length > 0 ? [noticeEntry({ ...place, id: `${place.id}-left` }, { kind: "left", userIds: left })] : []),
    ...(joined.length > 0 ? [noticeEntry(place, { kind: "joined", userIds: joined })] : []),
  ];
}
