// The browser's reader of what lies on mirrors, for test_discovery_interop.py: one JSON in, one JSON out. Bytes are hex.

import { readFileSync } from "node:fs";

import { fromHex, toHex } from "../../static/js/bytes.js";
import { ConnectionInfo, SealedConnectionFile, sealConnectionFile } from "../../static/js/protocol/connection_file.js";
import { Invite } from "../../static/js/protocol/invite.js";
import { DiscoverySecret, IdentityKey, PreSharedKey } from "../../static/js/protocol/keys.js";
import { parsePlace, WebPlace } from "../../static/js/protocol/places.js";
import {
  entriesThatFit,
  RevocationList,
  Revoked,
  SealedRevocationList,
  sealRevocationList,
} from "../../static/js/protocol/revocation_list.js";
import { joinWraps, makePadding, makeWrap } from "../../static/js/protocol/wraps.js";

const COMMANDS = {
  /** A newcomer with an invitation and what a mirror gave. */
  async arrive({ invite, file, list }) {
    const { invitePsk, serverPublic, discoverySecret } = Invite.parse(invite);
    const pins = [serverPublic];
    const sealed = SealedConnectionFile.parse(fromHex(file));
    const secret = await sealed.unwrap([invitePsk], pins);
    const info = await sealed.open(secret, pins);
    const opened = await SealedRevocationList.parse(fromHex(list)).open(secret, pins);
    return {
      had_secret: discoverySecret !== null,
      secret: toHex(secret.bytes),
      inner: new TextDecoder().decode(info.encode()),
      matches: info.revocations.matches(fromHex(list)),
      list: new TextDecoder().decode(opened.encode()),
    };
  },

  /** What a server written in JavaScript would publish. */
  async publish({ inner, secret, identity, successor, psks, list, now }) {
    const [held, server, next] = [new DiscoverySecret(fromHex(secret)), key(identity), key(successor)];
    const info = ConnectionInfo.parse(fromHex(inner), server.public);
    const made = await Promise.all(psks.map((psk) => makeWrap(new PreSharedKey(fromHex(psk)), held)));
    const wraps = joinWraps([...made, ...Array.from({ length: 16 - made.length }, makePadding)]);
    const file = await sealConnectionFile(info, held, server, now, { wraps, successor: next });
    const revoked = RevocationList.parse(fromHex(list));
    return { file: toHex(file), list: toHex(await sealRevocationList(revoked, held, server, now, { successor: next })) };
  },

  places({ urls }) {
    return urls.map((url) => {
      const place = parsePlace(url);
      if (place === null) return null;
      if (place instanceof WebPlace) return [place.host, place.beside("x")];
      return [place.host, place.handle, toHex(place.key), place.gateway];
    });
  },

  fit({ entries }) {
    return entriesThatFit(entries.map((each) => Revoked.fromMembers(each))).map((each) => each.toMembers());
  },
};

const key = (seed) => new IdentityKey(fromHex(seed));

const { command, ...given } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await COMMANDS[command](given)));
