// A group's state as rows for the store: what changes with an epoch apart from what changes with each message.
//
// The tree is the large part (about 2 KB for each device) and stays the same for a whole epoch, so it has a row of its
// own; `live` is the small rest; `past` keeps the epoch before for messages that were under way.

import {
  decodeGroupStateWithoutTree,
  decodeRatchetTree,
  encodeGroupStateWithoutTree,
  encodeRatchetTree,
} from "../../vendor/ts_mls.js";
import { CLIENT_CONFIG } from "./profile.js";

/** Every row of a state. @returns {{epoch: Uint8Array, live: Uint8Array, past: Uint8Array | null}} */
export function encodeRows(state) {
  return {
    epoch: encodeRatchetTree(state.ratchetTree),
    live: encodeGroupStateWithoutTree({ ...state, historicalReceiverData: new Map() }),
    past: encodePast(state),
  };
}

/** Only the rows of `state` that differ from those of the state it came from. */
export function encodeChangedRows(state, before) {
  const rows = encodeRows(state);
  if (state.ratchetTree === before.ratchetTree) delete rows.epoch;
  if (state.historicalReceiverData === before.historicalReceiverData) delete rows.past;
  return rows;
}

/** The state that was written. */
export function decodeRows({ epoch, live, past }) {
  const [ratchetTree] = decodeRatchetTree(epoch, 0);
  const [state] = decodeGroupStateWithoutTree(ratchetTree)(live, 0);
  return {
    ...state,
    historicalReceiverData: past ? decodePast(past, ratchetTree) : new Map(),
    clientConfig: CLIENT_CONFIG,
  };
}

/** The library has no codec for the past alone, so it travels in a state whose other ratchets are left out. */
function encodePast(state) {
  if (state.historicalReceiverData.size === 0) return null;
  return encodeGroupStateWithoutTree({ ...state, secretTree: [], unappliedProposals: {} });
}

function decodePast(past, ratchetTree) {
  return decodeGroupStateWithoutTree(ratchetTree)(past, 0)[0].historicalReceiverData;
}
