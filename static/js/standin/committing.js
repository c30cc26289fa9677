// Making a commit that adds or removes devices. It stays pending until the server took it.

import {
  createCommit,
  createGroupInfoWithExternalPubAndRatchetTree,
  createProposal,
} from "../../vendor/ts_mls.js";
import { memberData } from "../protocol/authenticated_data.js";
import { checkKeyPackage } from "./key_package.js";
import { encodeMessage } from "./message.js";

/**
 * @param {{add: {packageBytes: Uint8Array, publicKey: Uint8Array, userId: Uint8Array}[], remove: number[]}} changes
 * @returns {Promise<{newState: object, steppedState: object, commit: Uint8Array, welcome: Uint8Array | null,
 *   groupInfo: Uint8Array}>}
 * Raises: malformed, unauthentic (a key package).
 */
export async function makeCommit(device, state, { add, remove }, messageId) {
  const keyPackages = await Promise.all(add.map((each) => checkKeyPackage(device, each)));
  const { newState, commit, welcome } = await createCommit(
    { state, cipherSuite: device.suite },
    {
      extraProposals: [
        ...remove.map((removed) => ({ proposalType: "remove", remove: { removed } })),
        ...keyPackages.map((keyPackage) => ({ proposalType: "add", add: { keyPackage } })),
      ],
      authenticatedData: memberData(state.groupContext.groupId, messageId),
      // Whoever joins takes the tree from the GroupInfo the server keeps for this epoch.
      ratchetTreeExtension: false,
    },
  );
  return {
    newState,
    steppedState: await stepHandshakeRatchet(device, state),
    commit: encodeMessage("mls_private_message", commit.privateMessage),
    welcome: welcome ? encodeMessage("mls_welcome", welcome) : null,
    groupInfo: await makeGroupInfo(device, newState),
  };
}

/** The GroupInfo with the tree, for those who come later. */
export async function makeGroupInfo(device, state) {
  return encodeMessage("mls_group_info", await createGroupInfoWithExternalPubAndRatchetTree(state, [], device.suite));
}

/**
 * The library leaves the old state's handshake ratchet where it was before the commit, so a second commit from that
 * state would be encrypted under the first one's key. A proposal that is thrown away takes the ratchet one step on.
 */
async function stepHandshakeRatchet(device, state) {
  const { leafIndex } = state.privatePath;
  const { newState } = await createProposal(
    state,
    false,
    { proposalType: "remove", remove: { removed: leafIndex } },
    device.suite,
  );
  return { ...state, secretTree: newState.secretTree };
}
