import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import fc from "fast-check";

import { concat, fromHex } from "../../../static/js/bytes.js";
import { AuthenticatedData } from "../../../static/js/protocol/authenticated_data.js";
import { PeerError } from "../../../static/js/protocol/errors.js";
import { ExternalCommit } from "../../../static/js/protocol/external_commit.js";
import { MessageHeader } from "../../../static/js/protocol/message_header.js";

const vector = (name) => JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"));
const COMMIT = fromHex(vector("external_commit/replace").input.data);

/** What a decoder makes of bytes: a value, or null when they are malformed; nothing else may come of them. */
function read(decoder, data) {
  try {
    return decoder.parse(data);
  } catch (error) {
    assert.ok(error instanceof PeerError && error.code === "malformed", `${error}`);
    return null;
  }
}

test("an external commit is read to its last byte", () => {
  assert.equal(ExternalCommit.parse(COMMIT).removed, 7);
  for (let end = 0; end < COMMIT.length; end += 1) {
    assert.equal(read(ExternalCommit, COMMIT.subarray(0, end)), null, `${end} bytes`);
  }
});

test("any change of an external commit is read or malformed, by both that read it", () => {
  const patches = fc.tuple(fc.nat(COMMIT.length - 1), fc.uint8Array({ minLength: 1, maxLength: 6 }), fc.nat(6));
  fc.assert(
    fc.property(patches, ([place, patch, cut]) => {
      const data = concat(COMMIT.subarray(0, place), patch, COMMIT.subarray(place + cut));
      const [commit, header] = [read(ExternalCommit, data), read(MessageHeader, data)];
      if (commit) assert.deepEqual(header.authenticatedData, commit.authenticatedData);
    }),
    { numRuns: 500 },
  );
});

test("any bytes are authenticated data in its one form, or malformed", () => {
  const heads = fc.tuple(fc.constantFrom(0, 1, 2, 3, 4, 5), fc.constantFrom(32, 96, 128, 31, 97));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 140 }), heads), (made) => {
      const data = made instanceof Uint8Array ? made : concat(new Uint8Array([made[0]]), new Uint8Array(made[1]));
      const parsed = read(AuthenticatedData, data);
      if (parsed) assert.deepEqual(parsed.encode(), data);
    }),
  );
});
