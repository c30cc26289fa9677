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
export async function checkWelcome(each, suite) {
  const keyPackage = readKeyPackage(each.key_package);
  await keyPackage.verify(suite);
  const welcome = parseWelcome(unhex(each.welcome));
  const ours = new KeyPackageSecrets(keyPackage, unhex(each.init_priv), new Uint8Array());
  const { joinerSecret } = await welcome.openSecrets(suite, ours);
  const noPsk = await pskSecret(suite, []);
  const groupInfo = await welcome.openGroupInfo(suite, joinerSecret, noPsk);
  await groupInfo.verify(suite, unhex(each.signer_pub));
  const { groupContext, confirmationTag } = groupInfo;
  const [schedule] = await KeySchedule.derive(suite, await epochSecret(suite, joinerSecret, noPsk, groupContext));
  await schedule.checkConfirmationTag(groupContext.confirmedTranscriptHash, confirmationTag);
}

/** One member from its Welcome on: the same epoch authenticator after every commit. */
export async function checkPassiveClient(each, suite) {
  const external = new Map(each.external_psks.map((psk) => [psk.psk_id, unhex(psk.psk)]));
  const past = new Map();
  const rules = new OpenRules(({ psktype, pskId, pskEpoch }) =>
    psktype === PSKType.EXTERNAL ? external.get(toHex(pskId)) : past.get(pskEpoch),
  );
  const keyPackage = readKeyPackage(each.key_package);
  const secrets = new KeyPackageSecrets(keyPackage, unhex(each.init_priv), unhex(each.encryption_priv));
  const { credential, signatureKey } = keyPackage.leafNode;
  const signs = await signer(suite, unhex(each.signature_priv));
  const member = new Member(suite, credential.identity, signatureKey, signs);
  const tree = each.ratchet_tree ? unhex(each.ratchet_tree) : null;
  let group = await Group.join(member, secrets, unhex(each.welcome), null, { rules, tree });
  same("initial_epoch_authenticator", group.epochAuthenticator, each.initial_epoch_authenticator);
  for (const epoch of each.epochs) {
    past.set(group.epoch, group.state.epoch.schedule.resumptionPsk);
    for (const message of [...epoch.proposals, epoch.commit]) ({ group } = await group.open(unhex(message)));
    // What is stored is all that is needed to go on.
    group = Group.load(member, group.rows(), { rules });
    same("epoch_authenticator", group.epochAuthenticator, epoch.epoch_authenticator);
  }
}

export const CHECKS = Object.freeze({
  welcome: checkWelcome,
  "passive-client-welcome": checkPassiveClient,
  "passive-client-handling-commit": checkPassiveClient,
  "passive-client-random": checkPassiveClient,
});

function readKeyPackage(message) {
  const reader = new Reader(MLSMessage.parse(unhex(message)).body);
  const keyPackage = KeyPackage.read(reader);
  reader.end();
  return keyPackage;
}
