import assert from "node:assert/strict";
import { test } from "node:test";

import { englishLocale, plural, spanWords, TimeWords } from "../../../static/js/ui/times.js";

const words = new TimeWords("en-GB", "UTC");
const NOW = Date.UTC(2025, 10, 21, 14, 3, 27); // a Friday
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test("the hour has minutes and the exact time has seconds", () => {
  assert.equal(words.hour(NOW), "14:03");
  assert.equal(words.second(NOW), "14:03:27");
  assert.match(words.exact(NOW), /^Friday,? 21 November 2025 at 14:03:27$/);
});

test("days are named the way people name them", () => {
  assert.equal(words.day(NOW, NOW), "Today");
  assert.equal(words.day(NOW - DAY, NOW), "Yesterday");
  assert.equal(words.day(NOW - 3 * DAY, NOW), "Tuesday");
  assert.equal(words.day(NOW - 30 * DAY, NOW), "22 October");
  assert.equal(words.day(NOW - 400 * DAY, NOW), "17 October 2024");
});

test("yesterday is the calendar's, not a span of 24 hours", () => {
  const justAfterMidnight = Date.UTC(2025, 10, 21, 0, 1);
  assert.equal(words.day(justAfterMidnight - 2 * MINUTE, justAfterMidnight), "Yesterday");
  assert.equal(words.brief(justAfterMidnight - 2 * MINUTE, justAfterMidnight), "Yesterday");
});

test("a list shows the hour today and less and less after", () => {
  assert.equal(words.brief(NOW - HOUR, NOW), "13:03");
  assert.equal(words.brief(NOW - 3 * DAY, NOW), "Tue");
  assert.equal(words.brief(NOW - 30 * DAY, NOW), "22 Oct");
});

test("a moment names its day unless it is today", () => {
  assert.equal(words.moment(NOW + HOUR, NOW), "15:03");
  assert.equal(words.moment(NOW + DAY, NOW), "tomorrow at 14:03");
  assert.equal(words.moment(NOW - DAY, NOW), "yesterday at 14:03");
  assert.match(words.moment(NOW + 4 * DAY, NOW), /^Tuesday,? 25 November at 14:03$/);
});

test("a clock that runs ahead does not put a message into tomorrow", () => {
  assert.equal(words.brief(NOW + DAY, NOW), "14:03");
});

test("spans are rounded to one unit", () => {
  assert.equal(spanWords(400), "a moment");
  assert.equal(spanWords(1000), "1 second");
  assert.equal(spanWords(59_000), "59 seconds");
  assert.equal(spanWords(MINUTE), "1 minute");
  assert.equal(spanWords(23 * MINUTE + 29_000), "23 minutes");
  assert.equal(spanWords(90 * MINUTE), "2 hours");
  assert.equal(spanWords(72 * HOUR), "3 days");
});

test("one is singular and the rest is plural", () => {
  assert.equal(plural(1, "device"), "1 device");
  assert.equal(plural(0, "device"), "0 devices");
});

test("names of days are English, written the way of the reader's first English", () => {
  assert.equal(englishLocale(["de-DE", "en-US", "en-GB"]), "en-US");
  assert.equal(englishLocale(["de-DE"]), "en-GB");
  assert.equal(englishLocale([]), "en-GB");
});
