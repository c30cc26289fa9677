/** Checks of what stands below the group: tree math, primitives, key schedule, secret tree. */

import { Reader, vectorLength } from "../codec.js";
import { AuthenticatedContent } from "../framing.js";
import { epochSecret, GroupContext, joinerSecret, KeySchedule, welcomeSecret } from "../key_schedule.js";
import { senderDataKey } from "../private_message.js";
import { PreSharedKeyID, pskSecret, PSKType } from "../psk.js";
import { RatchetKind, SecretTree } from "../secret_tree.js";
import { confirmedTranscriptHash, interimTranscriptHash } from "../transcript.js";
import * as treeMath from "../tree_math.js";
import { signer } from "../vector_suites.js";
import { same, unhex } from "./checking.js";
import { checkMessageProtection } from "./protection.js";

const NOTHING = new Uint8Array();

/** Every neighbour of every node; null where there is none. */
export function checkTreeMath(each) {
  const [leaves, width] = [each.n_leaves, each.n_nodes];
  same("n_nodes", treeMath.nodeWidth(leaves), width);
  same("n_leaves", treeMath.leafCount(width), leaves);
  const root = treeMath.root(leaves);
  same("root", root, each.root);
  for (let node = 0; node < width; node += 1) {
    const [leaf, top] = [treeMath.isLeaf(node), node === root];
    same("left", leaf ? null : treeMath.left(node), each.left[node]);
    same("right", leaf ? null : treeMath.right(node), each.right[node]);
    same("parent", top ? null : treeMath.parent(node), each.parent[node]);
    same("sibling", top ? null : treeMath.sibling(node), each.sibling[node]);
  }
}

/** A length reads, and is written in the same form. */
export function checkDeserialization(each) {
  const reader = new Reader(unhex(each.vlbytes_header));
  same("length", reader.vectorLength(), each.length);
  reader.end();
  same("vlbytes_header", vectorLength(each.length), each.vlbytes_header);
}

/** Each function with a label; signing and sealing both ways. */
export async function checkCryptoBasics(each, suite) {
  let part = each.ref_hash;
  same("ref_hash", await suite.refHash(part.label, unhex(part.value)), part.out);
  part = each.expand_with_label;
  const expanded = suite.expandWithLabel(unhex(part.secret), part.label, unhex(part.context), part.length);
  same("expand_with_label", await expanded, part.out);
  part = each.derive_secret;
  same("derive_secret", await suite.deriveSecret(unhex(part.secret), part.label), part.out);
  part = each.derive_tree_secret;
  const derived = suite.deriveTreeSecret(unhex(part.secret), part.label, part.generation, part.length);
  same("derive_tree_secret", await derived, part.out);

  part = each.sign_with_label;
  const [publicKey, content] = [unhex(part.pub), unhex(part.content)];
  await suite.verifyWithLabel(publicKey, part.label, content, unhex(part.signature));
  const ours = await suite.signWithLabel(await signer(suite, unhex(part.priv)), part.label, content);
  await suite.verifyWithLabel(publicKey, part.label, content, ours);

  part = each.encrypt_with_label;
  const [context, plaintext] = [unhex(part.context), unhex(part.plaintext)];
  const open = (kemOutput, sealed) =>
    suite.decryptWithLabel(unhex(part.priv), part.label, context, kemOutput, sealed);
  same("plaintext", await open(unhex(part.kem_output), unhex(part.ciphertext)), part.plaintext);
  const sealed = await suite.encryptWithLabel(unhex(part.pub), part.label, context, plaintext);
  same("plaintext of ours", await open(...sealed), part.plaintext);
}

/** Keys and nonces of every leaf and kind at the named generations, and the sender data's. */
export async function checkSecretTree(each, suite) {
  const part = each.sender_data;
  const dataKey = await senderDataKey(suite, unhex(part.sender_data_secret), unhex(part.ciphertext));
  ["key", "nonce"].forEach((name, index) => same(`sender data ${name}`, dataKey[index], part[name]));
  let tree = SecretTree.make(suite, each.leaves.length, unhex(each.encryption_secret));
  for (const [leaf, generations] of each.leaves.entries()) {
    for (const named of generations) {
      for (const [name, kind] of [
        ["handshake", RatchetKind.HANDSHAKE],
        ["application", RatchetKind.APPLICATION],
      ]) {
        const [after, key, nonce] = await tree.key(leaf, kind, named.generation);
        tree = after;
        same(`${name} key`, key, named[`${name}_key`]);
        same(`${name} nonce`, nonce, named[`${name}_nonce`]);
      }
    }
  }
}

const SCHEDULE = {
  init_secret: "initSecret",
  sender_data_secret: "senderDataSecret",
  exporter_secret: "exporterSecret",
  external_secret: "externalSecret",
  confirmation_key: "confirmationKey",
  membership_key: "membershipKey",
  resumption_psk: "resumptionPsk",
  epoch_authenticator: "epochAuthenticator",
};

/** Epoch after epoch, each from the init secret of the one before. */
export async function checkKeySchedule(each, suite) {
  let initSecret = unhex(each.initial_init_secret);
  for (const [number, epoch] of each.epochs.entries()) {
    const hashes = [unhex(epoch.tree_hash), unhex(epoch.confirmed_transcript_hash)];
    const context = new GroupContext(suite.number, unhex(each.group_id), number, ...hashes, []);
    same("group_context", context.encode(), epoch.group_context);
    const joiner = await joinerSecret(suite, initSecret, unhex(epoch.commit_secret), context);
    same("joiner_secret", joiner, epoch.joiner_secret);
    const psk = unhex(epoch.psk_secret);
    same("welcome_secret", await welcomeSecret(suite, joiner, psk), epoch.welcome_secret);
    const secret = await epochSecret(suite, joiner, psk, context);
    const [schedule, encryptionSecret] = await KeySchedule.derive(suite, secret);
    same("encryption_secret", encryptionSecret, epoch.encryption_secret);
    for (const [name, field] of Object.entries(SCHEDULE)) same(name, schedule[field], epoch[name]);
    same("external_pub", (await schedule.externalKeyPair()).public, epoch.external_pub);
    const { label, context: exported, length, secret: theirs } = epoch.exporter;
    same("exporter", await schedule.export(label, unhex(exported), length), theirs);
    initSecret = schedule.initSecret;
  }
}

/** External pre-shared keys, mixed in their order. */
export async function checkPskSecret(each, suite) {
  const psks = each.psks.map((psk) => {
    const [id, nonce] = [unhex(psk.psk_id), unhex(psk.psk_nonce)];
    return [new PreSharedKeyID(PSKType.EXTERNAL, id, 0, NOTHING, 0, nonce), unhex(psk.psk)];
  });
  same("psk_secret", await pskSecret(suite, psks), each.psk_secret);
}

/** One commit: both hashes, and its confirmation tag. */
export async function checkTranscriptHashes(each, suite) {
  const reader = new Reader(unhex(each.authenticated_content));
  const commit = AuthenticatedContent.read(reader);
  reader.end();
  same("authenticated_content", commit.encode(), each.authenticated_content);
  const before = unhex(each.interim_transcript_hash_before);
  const confirmed = await confirmedTranscriptHash(suite, before, commit.confirmedInput());
  same("confirmed_transcript_hash_after", confirmed, each.confirmed_transcript_hash_after);
  await suite.checkMac(unhex(each.confirmation_key), confirmed, commit.confirmationTag);
  const interim = await interimTranscriptHash(suite, confirmed, commit.confirmationTag);
  same("interim_transcript_hash_after", interim, each.interim_transcript_hash_after);
}

export const PLAIN_CHECKS = Object.freeze({
  "tree-math": checkTreeMath,
  deserialization: checkDeserialization,
});
export const CHECKS = Object.freeze({
  "crypto-basics": checkCryptoBasics,
  "secret-tree": checkSecretTree,
  "key-schedule": checkKeySchedule,
  psk_secret: checkPskSecret,
  "transcript-hashes": checkTranscriptHashes,
  "message-protection": checkMessageProtection,
});
