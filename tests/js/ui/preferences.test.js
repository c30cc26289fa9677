import assert from "node:assert/strict";
import { test } from "node:test";

import { enterSends, Preferences } from "../../../static/js/ui/preferences.js";

class FakeStorage {
  #kept = new Map();
  getItem = (name) => this.#kept.get(name) ?? null;
  setItem = (name, value) => this.#kept.set(name, value);
}

test("a choice is kept, and anything else found there is not believed", () => {
  const storage = new FakeStorage();
  const preferences = new Preferences(() => storage);
  assert.equal(preferences.get("theme"), "system");
  preferences.set("theme", "dark");
  assert.equal(preferences.get("theme"), "dark");
  storage.setItem("clawchat.theme", "javascript:");
  assert.equal(preferences.get("theme"), "system");
});

test("what others see is shown unless somebody chose otherwise", () => {
  const preferences = new Preferences(() => new FakeStorage());
  assert.equal(preferences.get("signals"), "on");
  const storage = new FakeStorage();
  new Preferences(() => storage).set("signals", "off");
  assert.equal(new Preferences(() => storage).get("signals"), "off");
});

test("a browser that refuses storage still has the defaults", () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  const preferences = new Preferences(refuse);
  preferences.set("enter", "send");
  assert.equal(preferences.get("enter"), "auto");
});

test("Enter sends where there is a keyboard, or as chosen", () => {
  assert.equal(enterSends("auto", true), true);
  assert.equal(enterSends("auto", false), false);
  assert.equal(enterSends("send", false), true);
  assert.equal(enterSends("newline", true), false);
});
