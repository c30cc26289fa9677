import assert from "node:assert/strict";
import { test } from "node:test";

import { invitationIn, piecesOf } from "../../../static/js/ui/links.js";

const hrefs = (text) => piecesOf(text).flatMap((piece) => piece.href ?? []);

test("a web address in a sentence becomes a link without the sentence's full stop", () => {
  assert.deepEqual(piecesOf("See https://example.org/mill, it is good."), [
    { text: "See ", href: null },
    { text: "https://example.org/mill", href: "https://example.org/mill" },
    { text: ", it is good.", href: null },
  ]);
});

test("the pieces joined are the text again", () => {
  for (const text of ["", "plain", "https://a.example", "(https://a.example/x) and http://b.example?!", "https://"]) {
    assert.equal(piecesOf(text).map((piece) => piece.text).join(""), text);
  }
});

test("a bracket that the address opened stays with it", () => {
  assert.deepEqual(hrefs("https://example.org/Claw_(chela)"), ["https://example.org/Claw_(chela)"]);
  assert.deepEqual(hrefs("(https://example.org/claw)"), ["https://example.org/claw"]);
});

test("mallory's schemes are never links", () => {
  const lures = ["javascript:alert(1)", "data:text/html,x", "xhttps://a.example", "file:///etc/passwd", "//a.example"];
  for (const lure of lures) assert.deepEqual(hrefs(lure), []);
});

test("an invitation is found in a link, in a sentence and bare", () => {
  assert.equal(invitationIn("https://chat.example/#clawchat:AbC_-9"), "clawchat:AbC_-9");
  assert.equal(invitationIn(" Here: clawchat:AbC_-9, see you!"), "clawchat:AbC_-9");
  assert.equal(invitationIn("https://chat.example/"), null);
  assert.equal(invitationIn("clawchat:"), null);
});
