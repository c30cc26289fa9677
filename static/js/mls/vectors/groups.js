/** Checks of groups: a Welcome by itself, and a member who joins and follows others' commits. */

import { toHex } from "../../bytes.js";
import { Reader } from "../codec.js";
import { MLSMessage } from "../framing.js";
import { Group } from "../group.js";
import { parseWelcome } from "../joining.js";
import { KeyPackage, KeyPackageSecrets } from "../key_package.js";
import { epochSecret, KeySchedule } from "../key_schedule.js";
import { Member } from "../member.js";
import { pskSecret, PSKType } from "../psk.js";
import { OpenRules } from "../rules.js";
import { signer } from "../vector_suites.js";
import { same, unhex } from "./checking.js";

/** The secrets and the GroupInfo in it, its signature and its confirmation tag. */
async function checkWelcome(each, suite) {
  const keyPackage = readKeyPackage(each.key_package);
  await keyPackage.verify(suite);
  const welcome = parseWelcome(unhex(each.welcome));
  const ours = new KeyPackageSecrets(keyPackage, kemSecret(suite, each.init_priv), new Uint8Array());
  const { joinerSecret } = await welcome.openSecrets(suite, ours);
  const noPsk = await pskSecret(suite, []);
  const groupInfo = await welcome.openGroupInfo(suite, joinerSecret, noPsk);
  await groupInfo.verify(suite, unhex(each.signer_pub));
  const context = groupInfo.groupContext;
  const [schedule] = await KeySchedule.derive(suite, await epochSecret(suite, joinerSecret, noPsk, context));
  await schedule.checkConfirmationTag(context.confirmedTranscriptHash, groupInfo.confirmationTag);
}

/** One member from its Welcome on: the same epoch authenticator after every commit. */
async function checkPassiveClient(each, suite) {
  const external = new Map(each.external_psks.map(({ psk_id: name, psk }) => [name, unhex(psk)]));
  const past = new Map();
  const findPsk = ({ psktype, pskId, pskEpoch }) =>
    psktype === PSKType.EXTERNAL ? external.get(toHex(pskId)) : past.get(pskEpoch);

  const keyPackage = readKeyPackage(each.key_package);
  const secrets = new KeyPackageSecrets(
    keyPackage,
    kemSecret(suite, each.init_priv),
    kemSecret(suite, each.encryption_priv),
  );
  const { credential, signatureKey } = keyPackage.leafNode;
  const sign = await signer(suite, unhex(each.signature_priv));
  const member = new Member(suite, credential.identity, signatureKey, sign);
  const tree = each.ratchet_tree ? unhex(each.ratchet_tree) : null;
  const rules = new OpenRules(findPsk);
  let group = await Group.join(member, secrets, unhex(each.welcome), null, { rules, tree });
  same("initial_epoch_authenticator", group.epochAuthenticator, each.initial_epoch_authenticator);
  for (const epoch of each.epochs) {
    past.set(group.epoch, group.state.epoch.schedule.resumptionPsk.slice());
    for (const message of [...epoch.proposals, epoch.commit]) ({ group } = await group.open(unhex(message)));
    // What is stored is all that is needed to go on, and nothing of what is erased.
    const rows = group.rows();
    group.eraseSpent();
    group = Group.load(member, rows, { rules });
    same("epoch_authenticator", group.epochAuthenticator, epoch.epoch_authenticator);
  }
}

function readKeyPackage(message) {
  const reader = new Reader(MLSMessage.parse(unhex(message)).body);
  const keyPackage = KeyPackage.read(reader);
  reader.end();
  return keyPackage;
}

/** Some files write a scalar of an elliptic curve without the zeros it begins with. */
function kemSecret(suite, hex) {
  return unhex(hex.padStart(2 * suite.hpke.kem.secretBytes, "0"));
}

export const CHECKS = Object.freeze({
  welcome: checkWelcome,
  "passive-client-welcome": checkPassiveClient,
  "passive-client-handling-commit": checkPassiveClient,
  "passive-client-random": checkPassiveClient,
});
