// The area `signal` of tests/vectors. See its README.

import { fromHex } from "../../static/js/bytes.js";
import { SealedSignal } from "../../static/js/protocol/bodies.js";
import { SignalKey } from "../../static/js/protocol/keys.js";
import { _sealSignal, openSignal } from "../../static/js/protocol/signal.js";

/** @param {Record<string, any>} given */
export function signal(given) {
  return { seal, open }[given.question](given);
}

async function seal({ key, room_id, sender, epoch, members, nonce }) {
  const [raw, room, device, drawn] = [key, room_id, sender, nonce].map(fromHex);
  return { sealed: (await _sealSignal(new SignalKey(raw), room, device, epoch, members, drawn)).encode() };
}

async function open({ key, room_id, sealed }) {
  const parsed = SealedSignal.parse(fromHex(sealed));
  const found = await openSignal(new SignalKey(fromHex(key)), fromHex(room_id), parsed);
  const shown = found === null ? { type: null } : found.toMembers();
  return { sender: parsed.sender, epoch: parsed.epoch, ...shown };
}
