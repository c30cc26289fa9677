// A file out of the service worker: asked for in a way that no front door hears, and within limits.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { keptBytes } from "../../../static/js/net/http.js";

const LIMITS = { maxBytes: 8 };

async function keptWhen(answer) {
  const fetching = mock.method(globalThis, "fetch", answer);
  try {
    return { kept: await keptBytes("/connection.json", LIMITS), asked: fetching.mock.calls[0].arguments };
  } finally {
    fetching.mock.restore();
  }
}

test("it is asked of what is kept alone", async () => {
  const { kept, asked } = await keptWhen(async () => new Response("sealed"));

  assert.equal(new TextDecoder().decode(kept), "sealed");
  assert.deepEqual(asked, ["/connection.json", { cache: "only-if-cached", credentials: "omit", mode: "same-origin" }]);
});

for (const [what, answer] of [
  ["nothing kept", async () => new Response(null, { status: 504 })],
  ["too much", async () => new Response("x".repeat(9))],
  ["no worker that answers", async () => Promise.reject(new TypeError("Failed to fetch"))],
])
  test(`${what} is none`, async () => {
    assert.equal((await keptWhen(answer)).kept, null);
  });
