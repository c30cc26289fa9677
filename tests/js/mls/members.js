// Devices for the MLS tests: ada, ben ... each with a key that its name gives, and dice that repeat.

import { concat, utf8 } from "../../../static/js/bytes.js";
import { Member } from "../../../static/js/mls/member.js";
import { ROOM_SUITE } from "../../../static/js/mls/suite.js";
import { ed25519Public, ed25519Sign, sha256 } from "../../../static/js/protocol/primitives.js";

export const NOW = 1_700_000_000;

/** A device of that name. @returns {Member} */
export function member(name, suite = ROOM_SUITE) {
  const seed = sha256(utf8(name));
  return new Member(suite, utf8(name), ed25519Public(seed), async (message) => ed25519Sign(seed, message));
}

/** Dice that give the same bytes for the same seed. @returns {(count: number) => Uint8Array} */
export function dice(seed = "dice") {
  let state = sha256(utf8(seed));
  return (count) => {
    let drawn = new Uint8Array();
    while (drawn.length < count) {
      state = sha256(state);
      drawn = concat(drawn, sha256(utf8("drawn"), state));
    }
    return drawn.slice(0, count);
  };
}
