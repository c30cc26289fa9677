// What Python's coverage-guided fuzzer found: both languages read the same bytes and refuse the same, by the same code.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Reader } from "../../../static/js/mls/codec.js";
import { Commit, UpdatePath } from "../../../static/js/mls/commit.js";
import { AuthenticatedContent, FramedContent, MLSMessage, WireFormat } from "../../../static/js/mls/framing.js";
import { GroupInfo } from "../../../static/js/mls/group_info.js";
import { KeyPackage } from "../../../static/js/mls/key_package.js";
import { GroupContext } from "../../../static/js/mls/key_schedule.js";
import * as nodes from "../../../static/js/mls/nodes.js";
import { PrivateMessage, SenderData } from "../../../static/js/mls/private_message.js";
import { Roles } from "../../../static/js/mls/profile.js";
import { ProposalOrRef, readProposal } from "../../../static/js/mls/proposals.js";
import { PreSharedKeyID } from "../../../static/js/mls/psk.js";
import { PublicMessage } from "../../../static/js/mls/public_message.js";
import { RatchetTree } from "../../../static/js/mls/ratchet_tree.js";
import { X25519_SUITE } from "../../../static/js/mls/suite.js";
import { GroupSecrets, Welcome } from "../../../static/js/mls/welcome.js";
import { AuthenticatedData } from "../../../static/js/protocol/authenticated_data.js";
import { PeerError } from "../../../static/js/protocol/errors.js";

const CORPUS = JSON.parse(readFileSync(new URL("../../vectors/mls_corpus.json", import.meta.url), "utf8"));

/** The whole of these bytes, read and encoded again. */
const whole =
  (read, encode = (found) => found.encode()) =>
  (data) => {
    const reader = new Reader(data);
    const found = read(reader);
    reader.end();
    return encode(found);
  };

const BODIES = {
  [WireFormat.PUBLIC_MESSAGE]: (body) => PublicMessage.parse(body).encode(),
  [WireFormat.PRIVATE_MESSAGE]: (body) => PrivateMessage.parse(body).encode(),
  [WireFormat.WELCOME]: whole(Welcome.read),
  [WireFormat.GROUP_INFO]: whole(GroupInfo.read),
  [WireFormat.KEY_PACKAGE]: whole(KeyPackage.read),
};

/** A whole MLSMessage, envelope and body. */
function message(data) {
  const { wireFormat, body } = MLSMessage.parse(data);
  return new MLSMessage(wireFormat, BODIES[wireFormat](body)).encode();
}

const DECODERS = {
  message,
  credential: whole(nodes.Credential.read),
  capabilities: whole(nodes.Capabilities.read),
  leaf: whole(nodes.LeafNode.read),
  parent: whole(nodes.ParentNode.read),
  node: whole(nodes.readNode, nodes.encodeNode),
  tree: (data) => RatchetTree.parse(X25519_SUITE, data).encode(),
  context: whole(GroupContext.read),
  secrets: (data) => GroupSecrets.parse(data).encode(),
  psk: whole(PreSharedKeyID.read),
  proposal: whole(readProposal),
  entry: whole(ProposalOrRef.read),
  path: whole(UpdatePath.read),
  commit: whole(Commit.read),
  framed: whole(FramedContent.read),
  authenticated: whole(AuthenticatedContent.read),
  sender: (data) => SenderData.parse(data).encode(),
  roles: (data) => Roles.parse(data).encode(),
  "authenticated data": (data) => AuthenticatedData.parse(data).encode(),
};

/** `ok` with the same bytes, or the code of the refusal. */
function verdict(name, data) {
  try {
    assert.deepEqual(new Uint8Array(DECODERS[name](data)), data);
    return "ok";
  } catch (error) {
    if (error instanceof PeerError) return error.code;
    throw error;
  }
}

test("the corpus has every decoder", () => assert.deepEqual(Object.keys(CORPUS), Object.keys(DECODERS)));

for (const [name, cases] of Object.entries(CORPUS)) {
  test(`${name}: each verdict is Python's`, () => {
    for (const [encoded, expected] of Object.entries(cases)) {
      assert.equal(verdict(name, new Uint8Array(Buffer.from(encoded, "base64"))), expected, encoded);
    }
  });
}
