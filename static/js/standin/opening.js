// Opening an entry of a room's log, with the checks the MLS library leaves to its caller.
//
// Nothing is adopted here: the result carries the state that would follow.
// Spec: 4.4, 4.10

import { sameBytes } from "../bytes.js";
import { Unauthentic } from "../protocol/errors.js";
import { memberData } from "../protocol/authenticated_data.js";
import { MessageHeader } from "../protocol/message_header.js";
import { emptyPskIndex, processMessage } from "../../vendor/ts_mls.js";
import { parseMessage } from "./message.js";
import { checkLeaves } from "./profile.js";
import { suiteNotingSigners } from "./suite.js";
import { memberWithKey, membersOf } from "./tree.js";

/** The only changes a commit of this scheme makes. */
const PROPOSALS = new Set(["add", "remove"]);

/**
 * @returns {Promise<{kind: "message" | "commit" | "removed", newState: object, consumed: Uint8Array[], sender: object,
 *   payload?: Uint8Array, added?: object[], removed?: object[]}>} `sender`, `added`, `removed`: members as in `tree.js`
 * Raises: malformed, unauthentic.
 */
export async function openEntry(device, state, bytes) {
  const privateMessage = parseMessage("mls_private_message", bytes);
  checkHeader(state, MessageHeader.parse(bytes));
  const signers = [];
  const proposals = [];
  const result = await asUnauthentic(() =>
    processMessage(
      { wireformat: "mls_private_message", privateMessage },
      state,
      emptyPskIndex,
      (incoming) => judge(incoming, proposals),
      suiteNotingSigners(device.suite, (key) => signers.push(key)),
    ),
  );
  if (result.actionTaken === "reject") throw new Unauthentic("a proposal this profile does not have");
  // The library does not tell who sent a message. The first signature it verifies is the one over the message itself,
  // under the key of the sender's leaf in the tree of that epoch.
  const sender = memberWithKey(treeOf(state, privateMessage.epoch), signers[0]);
  const { newState, consumed } = result;
  const opened = { newState, consumed, sender };
  if (result.kind === "applicationMessage") return { ...opened, kind: "message", payload: result.message };
  return { ...opened, ...membershipChange(state, newState, proposals) };
}

/** Runs a call into the library; whatever it throws means that the bytes did not open. */
export async function asUnauthentic(call) {
  try {
    return await call();
  } catch (cause) {
    throw new Unauthentic("an MLS message did not open", { cause });
  }
}

/** The library compares neither the group nor an epoch to come. */
function checkHeader(state, header) {
  const { groupId, epoch } = state.groupContext;
  if (!sameBytes(header.groupId, groupId)) throw new Unauthentic("a message of another room");
  if (header.epoch > Number(epoch)) throw new Unauthentic(`epoch ${header.epoch} is to come, this is ${epoch}`);
  if (!sameBytes(header.authenticatedData, memberData(groupId, header.messageId))) {
    throw new Unauthentic("authenticated data of another form");
  }
}

/** Notes a commit's proposals; proposals that stand alone are refused, or every later commit would carry them. */
function judge(incoming, proposals) {
  if (incoming.kind !== "commit" || incoming.senderLeafIndex === undefined) return "reject";
  proposals.push(...incoming.proposals.map(({ proposal }) => proposal));
  return proposals.every((proposal) => PROPOSALS.has(proposal.proposalType)) ? "accept" : "reject";
}

function treeOf(state, epoch) {
  return epoch === state.groupContext.epoch ? state.ratchetTree : state.historicalReceiverData.get(epoch).ratchetTree;
}

function membershipChange(state, newState, proposals) {
  const before = membersOf(state.ratchetTree);
  const gone = new Set(proposals.filter((each) => each.proposalType === "remove").map((each) => each.remove.removed));
  const removed = before.filter((member) => gone.has(member.index));
  if (newState.groupActiveState.kind === "removedFromGroup") return { kind: "removed", added: [], removed };
  const after = membersOf(newState.ratchetTree);
  checkLeaves(before, after, gone);
  const stayed = new Set(before.filter((member) => !gone.has(member.index)).map((member) => member.index));
  return { kind: "commit", added: after.filter((member) => !stayed.has(member.index)), removed };
}
