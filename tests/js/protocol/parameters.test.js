import assert from "node:assert/strict";
import { test } from "node:test";

import {
  encodeClientName,
  KeyLimits,
  parseClientName,
  ServerParameters,
} from "../../../static/js/protocol/parameters.js";
import { refuses } from "./people.js";

test("parameters that are not sent have their defaults", async () => {
  const changed = new ServerParameters({
    maxFrameBytes: 1024,
    softLimits: new KeyLimits(1, 2, 3),
    idleSeconds: 9,
    minimumClient: "2",
  });

  assert.equal(new ServerParameters().encode().length, 0);
  assert.deepEqual(ServerParameters.parse(new Uint8Array()), new ServerParameters());
  assert.deepEqual(ServerParameters.parse(changed.encode()), changed);
  for (const maxFrameBytes of [54, 2 ** 20 + 1]) {
    await refuses("malformed", () => ServerParameters.parse(new ServerParameters({ maxFrameBytes }).encode()));
  }
});

test("a client's name has at most 256 bytes", async () => {
  assert.equal(parseClientName(encodeClientName("é".repeat(128))), "é".repeat(128));
  await refuses("too_large", () => parseClientName(encodeClientName(`${"é".repeat(128)}x`)));
});
