// How the area `primitives` of tests/vectors is run.

import { fromHex } from "../../static/js/bytes.js";
import * as primitives from "../../static/js/protocol/primitives.js";

const RUNS = {
  hmac: ({ key, data }) => ({ mac: primitives.hmacSha256(key, data) }),
  hkdf({ ikm, salt, info, length }) {
    const prk = primitives.hkdfExtract(salt, ikm);
    return { prk, okm: primitives.hkdfExpand(prk, info, length) };
  },
  x25519: (given) => ({ shared: primitives.x25519(given.secret, given.public) }),
  ed25519(given) {
    primitives.ed25519Verify(given.public, given.signature, given.message);
    const { seed, message } = given;
    return { public: primitives.ed25519Public(seed), signed: primitives.ed25519Sign(seed, message) };
  },
  mlkem(given) {
    primitives.mlkem768Encapsulate(given.public);
    return {};
  },
};

/** One algorithm, on bytes; what `does` says. */
export function runPrimitives({ does, length, ...given }) {
  const bytes = Object.entries(given).map(([name, value]) => [name, fromHex(value)]);
  return RUNS[does]({ ...Object.fromEntries(bytes), length });
}
