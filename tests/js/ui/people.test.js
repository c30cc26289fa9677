import assert from "node:assert/strict";
import { test } from "node:test";

import { hueOf, HUES, initials } from "../../../static/js/ui/faces.js";
import { addable, callName, namesOf, noticeWords, previewWords } from "../../../static/js/ui/people.js";

const person = (userId, name, me = false) => ({ userId, name, me, deviceCount: 1 });
const people = [person("a", "Alice Berg", true), person("b", "Bob Okafor"), person("c", "Charlie Lind")];

test("the others are called by their first names, oneself comes last", () => {
  assert.equal(namesOf(people, ["a", "b", "c"]), "Bob, Charlie and you");
  assert.equal(namesOf(people, ["b"]), "Bob");
  assert.equal(namesOf(people, ["a"]), "you");
  assert.equal(namesOf(people, ["b", "gone"]), "Bob and Somebody");
});

test("two people with one first name are told apart", () => {
  const both = [...people, person("d", "Bob Marsh")];
  assert.equal(callName(both, "b"), "Bob Okafor");
  assert.equal(callName(both, "c"), "Charlie");
});

test("only people who are not there yet can be added, by name", () => {
  assert.deepEqual(addable(people, ["a"]).map((one) => one.userId), ["b", "c"]);
  assert.deepEqual(addable(people, ["a", "b", "c"]), []);
});

test("a notice is a sentence", () => {
  assert.equal(noticeWords(people, { kind: "created", userIds: ["a"] }), "You created this room");
  assert.equal(noticeWords(people, { kind: "joined", userIds: ["b", "c"] }), "Bob and Charlie joined");
  assert.equal(noticeWords(people, { kind: "left", userIds: ["b"] }), "Bob left");
});

test("a preview names the speaker where more than two talk, and is one line", () => {
  const said = { sender: "b", own: false, status: "received", text: "One\n two" };
  assert.equal(previewWords(people, said, false), "Bob: One two");
  assert.equal(previewWords(people, said, true), "One two");
  assert.equal(previewWords(people, { ...said, own: true }, true), "You: One two");
  assert.equal(previewWords(people, null, true), "Nobody has written yet");
});

test("initials are the first and the last word's, whole letters only", () => {
  assert.equal(initials("Mara van der Lind"), "ML");
  assert.equal(initials("kitchen"), "K");
  assert.equal(initials("👩‍👩‍👧 family"), "👩‍👩‍👧F");
  assert.equal(initials("   "), "?");
});

test("a hue is the same each time and one of the few", () => {
  assert.equal(hueOf("0a1b"), hueOf("0a1b"));
  for (let number = 0; number < 100; number += 1) assert.ok(hueOf(number.toString(16)) < HUES);
});
