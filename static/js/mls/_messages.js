// The inner part of group.js: how a member's content becomes a message, and which keys are left behind.

import { MLSMessage, AuthenticatedContent, FramedContent, Sender, WireFormat } from "./framing.js";
import { PrivateMessage } from "./private_message.js";

/** Signed by this member for the state's epoch, to be encrypted. */
export function signContent(member, state, authenticatedData, contentType, content) {
  const { context, leafIndex } = state.epoch;
  const sender = Sender.member(leafIndex);
  const framed = new FramedContent(context.groupId, context.epoch, sender, authenticatedData, contentType, content);
  return AuthenticatedContent.sign(member.suite, member.sign, WireFormat.PRIVATE_MESSAGE, framed, context);
}

/** The state without the key that was used, and the whole message. */
export async function encrypt(member, state, authenticated, random) {
  const { senderDataSecret } = state.epoch.schedule;
  const protecting = PrivateMessage.protect(member.suite, authenticated, state.secretTree, senderDataSecret, random);
  const [secretTree, message] = await protecting;
  return [state.withRatchets(secretTree), envelope(WireFormat.PRIVATE_MESSAGE, message)];
}

/** The bytes of a whole MLSMessage. */
export function envelope(wireFormat, body) {
  return new MLSMessage(wireFormat, body.encode()).encode();
}

/** The key buffers of one state that another does not hold. @returns {Uint8Array[]} */
export function secretsLeft(before, after) {
  const held = new Set(secretsOf(after));
  return secretsOf(before).filter((buffer) => !held.has(buffer));
}

function secretsOf({ epoch, secretTree, past }) {
  const ours = [...epoch.schedule.secrets(), ...epoch.keys.values(), ...secretTree.secrets()];
  return past ? [...ours, past.senderDataSecret, ...past.secretTree.secrets()] : ours;
}
