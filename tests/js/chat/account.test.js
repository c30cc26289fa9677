import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { Account } from "../../../static/js/chat/account.js";
import { keyId } from "../../../static/js/protocol/key_schedule.js";
import { DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";

/** A store of one row. */
function memory() {
  const rows = new Map();
  return {
    read: async (...key) => rows.get(String(key)) ?? null,
    write: async (changes) => changes.forEach(([table, key, row]) => rows.set(String([table, key]), row)),
  };
}

const kidsOf = (account) => [...account.discoverySecrets.keys()];

test("a file from before the server named a secret sets that aside neither later nor after a reload", async () => {
  const [store, former, renewed] = [memory(), DiscoverySecret.generate(), DiscoverySecret.generate()];
  const [kid, newKid] = [former, renewed].map((secret) => toHex(keyId(secret)));
  const invited = await Account.invited(store, {
    serverPublic: IdentityKey.generate().public, discoverySecret: former, locators: [], inviteId: new Uint8Array(16),
    invitePsk: PreSharedKey.generate(), expires: 0,
  });
  await invited.tellSecret(renewed, 1000);

  const account = await Account.load(store);
  await account.believeSecret(former, 1060);
  assert.deepEqual(kidsOf(account), [newKid, kid]);

  // A later one is a restored server's.
  await account.believeSecret(former, 1061);
  assert.deepEqual(kidsOf(account), [kid, newKid]);

  // One that a file brought wrapped is in force at once.
  const wrapped = DiscoverySecret.generate();
  await account.believeSecret(wrapped, 0);
  assert.equal(kidsOf(account)[0], toHex(keyId(wrapped)));
});
