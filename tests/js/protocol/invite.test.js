import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, utf8 } from "../../../static/js/bytes.js";
import { encodeBase64url, parseBase64url } from "../../../static/js/protocol/encoding.js";
import { Invite } from "../../../static/js/protocol/invite.js";
import { DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { randomBytes, sha256 } from "../../../static/js/protocol/primitives.js";
import { flipped, refuses } from "./people.js";

const invite = (changes = {}) =>
  new Invite({
    discoverySecret: DiscoverySecret.generate(),
    serverPublic: IdentityKey.generate().public,
    inviteId: randomBytes(16),
    invitePsk: PreSharedKey.generate(),
    expires: 1_700_000_000,
    locators: ["https://chat.example.org/connection.json", "http://127.0.0.1/connection.json"],
    ...changes,
  });

test("an invitation comes back whole, from its text and from a link", () => {
  const made = invite({
    extensions: [
      [1, utf8("a")],
      [1, utf8("b")],
      [9, utf8("")],
    ],
  });

  for (const text of [made.encode(), `https://chat.example.org/#${made.encode()}`]) {
    const read = Invite.parse(text);

    assert.ok(read.discoverySecret.equals(made.discoverySecret) && read.invitePsk.equals(made.invitePsk));
    assert.ok(read.serverPublic.equals(made.serverPublic));
    assert.deepEqual({ ...read, discoverySecret: 0, invitePsk: 0 }, { ...made, discoverySecret: 0, invitePsk: 0 });
    assert.equal(read.encode(), made.encode());
  }
});

test("an invitation without a secret comes back without one, and is never read as the other kind", async () => {
  const made = invite({ discoverySecret: null });
  const read = Invite.parse(made.encode());

  assert.equal(read.discoverySecret, null);
  assert.ok(read.invitePsk.equals(made.invitePsk) && read.serverPublic.equals(made.serverPublic));
  assert.equal(read.encode(), made.encode());
  for (const [text, version] of [
    [made.encode(), 1],
    [invite().encode(), 2],
  ]) {
    const body = parseBase64url(text.slice(9)).slice(0, -4);
    body[0] = version;
    const resealed = encodeBase64url(concat(body, sha256(body).slice(0, 4)));
    await refuses("malformed", () => Invite.parse(`clawchat:${resealed}`));
  }
});

test("a slip of copying anywhere is noticed", async () => {
  const text = invite().encode();
  const data = parseBase64url(text.slice(9));
  for (let index = 0; index < data.length; index += 1) {
    const code = index === 0 ? "unsupported_version" : "malformed";
    await refuses(code, () => Invite.parse(`clawchat:${encodeBase64url(flipped(data, index))}`));
  }
  for (let end = 10; end < text.length; end += 7)
    await assert.rejects(async () => Invite.parse(text.slice(0, end)), { name: /Malformed/ });
});

test("what is no invitation is refused", async () => {
  for (const text of [
    "",
    "hello",
    "clawchat",
    `x${invite().encode()}`,
    `${invite().encode()} `,
    "https://a/#",
    "https://a/#clawchat:+",
  ]) {
    await refuses("malformed", () => Invite.parse(text));
  }
  await refuses("too_large", () => Invite.parse("x".repeat(65_537)));
  for (const locator of ["javascript:alert(1)", "https://a\nb", ""]) {
    await refuses("usage", () => invite({ locators: [locator] }).encode());
  }
  await refuses("usage", () =>
    invite({
      extensions: [
        [2, utf8("")],
        [1, utf8("")],
      ],
    }).encode(),
  );
});

test("an invitation shows no secret", () => {
  const shown = JSON.stringify(invite());

  assert.match(shown, /"discoverySecret":"DiscoverySecret\(\.\.\.\)"/);
  assert.match(shown, /"invitePsk":"PreSharedKey\(\.\.\.\)"/);
});
