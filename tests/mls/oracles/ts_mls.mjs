// Members of groups whose library is ts-mls, in suite 1, for whoever writes a line of JSON to them: one request a line
// `{member, op, ...}`, one answer a line; byte strings are hex.

import readline from "node:readline";

import {
  acceptAll,
  createApplicationMessage,
  createCommit,
  createGroup,
  createGroupInfoWithExternalPubAndRatchetTree,
  decodeMlsMessage,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  joinGroupExternal,
  mlsExporter,
  processMessage,
} from "ts-mls";
// The package does not offer these two by name.
import { decodeRatchetTree, encodeRatchetTree } from "../../../node_modules/ts-mls/dist/src/ratchetTree.js";

const SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";
const suite = await getCiphersuiteImpl(getCiphersuiteFromName(SUITE));
const CAPABILITIES = { extensions: [], credentials: ["basic"], proposals: [], versions: ["mls10"], ciphersuites: [SUITE] };

/** Member -> {keys, state}. */
const members = new Map();

const toHex = (data) => Buffer.from(data).toString("hex");
const fromHex = (text) => new Uint8Array(Buffer.from(text, "hex"));
const decode = (text) => decodeMlsMessage(fromHex(text), 0)[0];
const encode = (wireformat, content) => toHex(encodeMlsMessage({ version: "mls10", wireformat, ...content }));

async function makeKeys(name, now) {
  const lifetime = { notBefore: BigInt(now - 3600), notAfter: BigInt(now + 30 * 86_400) };
  const credential = { credentialType: "basic", identity: new TextEncoder().encode(name) };
  return generateKeyPackage(credential, CAPABILITIES, lifetime, [], suite);
}

async function groupInfo(state) {
  return encode("mls_group_info", { groupInfo: await createGroupInfoWithExternalPubAndRatchetTree(state, [], suite) });
}

const OPERATIONS = {
  async key_package(member, { name, now }) {
    member.keys = await makeKeys(name, now);
    return { key_package: encode("mls_key_package", { keyPackage: member.keys.publicPackage }) };
  },
  async create(member, { group_id, name, now }) {
    const { publicPackage, privatePackage } = await makeKeys(name, now);
    member.state = await createGroup(fromHex(group_id), publicPackage, privatePackage, [], suite);
    return { group_info: await groupInfo(member.state) };
  },
  async join(member, { welcome, tree }) {
    const { publicPackage, privatePackage } = member.keys;
    const [whole] = decodeRatchetTree(fromHex(tree), 0);
    member.state = await joinGroup(decode(welcome).welcome, publicPackage, privatePackage, emptyPskIndex, suite, whole);
    return {};
  },
  async join_externally(member, { group_info, name, now }) {
    const { publicPackage, privatePackage } = await makeKeys(name, now);
    const joined = await joinGroupExternal(decode(group_info).groupInfo, publicPackage, privatePackage, false, suite);
    member.state = joined.newState;
    const commit = encode("mls_public_message", { publicMessage: joined.publicMessage });
    return { commit, group_info: await groupInfo(member.state) };
  },
  async commit(member, { add, remove }) {
    const extraProposals = [
      ...remove.map((removed) => ({ proposalType: "remove", remove: { removed } })),
      ...add.map((each) => ({ proposalType: "add", add: { keyPackage: decode(each).keyPackage } })),
    ];
    const made = await createCommit({ state: member.state, cipherSuite: suite }, { extraProposals, ratchetTreeExtension: true });
    member.state = made.newState;
    return {
      commit: toHex(encodeMlsMessage(made.commit)),
      welcome: made.welcome ? encode("mls_welcome", { welcome: made.welcome }) : null,
      group_info: await groupInfo(member.state),
    };
  },
  async taken() {
    return {};
  },
  async process(member, { message }) {
    const opened = await processMessage(decode(message), member.state, emptyPskIndex, acceptAll, suite);
    member.state = opened.newState;
    return { payload: opened.message ? toHex(opened.message) : null };
  },
  async seal(member, { payload }) {
    const sealed = await createApplicationMessage(member.state, fromHex(payload), suite);
    member.state = sealed.newState;
    return { message: encode("mls_private_message", { privateMessage: sealed.privateMessage }) };
  },
  async tree(member) {
    return { tree: toHex(encodeRatchetTree(member.state.ratchetTree)) };
  },
  async export(member) {
    const { exporterSecret } = member.state.keySchedule;
    return { secret: toHex(await mlsExporter(exporterSecret, "mixed groups", new Uint8Array(), 32, suite)) };
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { member: id, op, ...parts } = JSON.parse(line);
  if (!members.has(id)) members.set(id, {});
  try {
    console.log(JSON.stringify(await OPERATIONS[op](members.get(id), parts)));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.stack ?? error).slice(0, 800) }));
  }
}
