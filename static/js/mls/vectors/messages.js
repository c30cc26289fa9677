/** messages.json: everything decodes, and encodes back to the same bytes. */

import { concat } from "../../bytes.js";
import { Reader, u16, vectorOf } from "../codec.js";
import { Commit } from "../commit.js";
import { MLSMessage, WireFormat } from "../framing.js";
import { GroupInfo } from "../group_info.js";
import { KeyPackage } from "../key_package.js";
import { encodeNode, readNode } from "../nodes.js";
import { PrivateMessage } from "../private_message.js";
import { ProposalType, readProposal } from "../proposals.js";
import { PublicMessage } from "../public_message.js";
import { GroupSecrets, Welcome } from "../welcome.js";
import { same, unhex } from "./checking.js";

const MESSAGES = [
  ["mls_welcome", WireFormat.WELCOME, again(Welcome)],
  ["mls_group_info", WireFormat.GROUP_INFO, again(GroupInfo)],
  ["mls_key_package", WireFormat.KEY_PACKAGE, again(KeyPackage)],
  ["public_message_application", WireFormat.PUBLIC_MESSAGE, (body) => PublicMessage.parse(body).encode()],
  ["public_message_proposal", WireFormat.PUBLIC_MESSAGE, (body) => PublicMessage.parse(body).encode()],
  ["public_message_commit", WireFormat.PUBLIC_MESSAGE, (body) => PublicMessage.parse(body).encode()],
  ["private_message", WireFormat.PRIVATE_MESSAGE, (body) => PrivateMessage.parse(body).encode()],
];
const BODIES = [
  ["ratchet_tree", againTree],
  ["group_secrets", (data) => GroupSecrets.parse(data).encode()],
  ["commit", again(Commit)],
];
const PROPOSALS = [
  ["add_proposal", ProposalType.ADD],
  ["update_proposal", ProposalType.UPDATE],
  ["remove_proposal", ProposalType.REMOVE],
  ["pre_shared_key_proposal", ProposalType.PSK],
  ["re_init_proposal", ProposalType.REINIT],
  ["external_init_proposal", ProposalType.EXTERNAL_INIT],
  ["group_context_extensions_proposal", ProposalType.GROUP_CONTEXT_EXTENSIONS],
];

/** Every member of the case that is there. */
export function checkMessages(each) {
  for (const [name, wireFormat, encodedAgain] of MESSAGES) {
    const message = MLSMessage.parse(unhex(each[name]));
    same(`wire format of ${name}`, message.wireFormat, wireFormat);
    same(name, new MLSMessage(wireFormat, encodedAgain(message.body)).encode(), each[name]);
  }
  for (const [name, encodedAgain] of BODIES) same(name, encodedAgain(unhex(each[name])), each[name]);
  for (const [name, type] of PROPOSALS) same(name, againProposal(type, unhex(each[name])), each[name]);
}

export const PLAIN_CHECKS = Object.freeze({ messages: checkMessages });

function again(structure) {
  return (data) => {
    const reader = new Reader(data);
    const encoded = structure.read(reader).encode();
    reader.end();
    return encoded;
  };
}

function againTree(data) {
  const reader = new Reader(data);
  const nodes = reader.vectorOf(readNode);
  reader.end();
  return vectorOf(nodes.map(encodeNode));
}

/** The vectors leave out the type, and Remove is a leaf index alone. */
function againProposal(type, data) {
  const reader = new Reader(concat(u16(type), data));
  const proposal = readProposal(reader);
  reader.end();
  return proposal.encode().slice(2);
}
