// How long the browser client takes to its first good answer, from what it kept and from places; for finding.py.

import { fromHex, toHex } from "/static/js/bytes.js";
import { Finder } from "/static/js/discovery/finder.js";
import { Identities } from "/static/js/discovery/identities.js";
import { fetchBytes } from "/static/js/net/http.js";
import { keyId } from "/static/js/protocol/key_schedule.js";
import { DiscoverySecret, IdentityPublic } from "/static/js/protocol/keys.js";
import { Store } from "/static/js/store/store.js";

const ROW = ["account", "connection"];

/**
 * Seconds of each try.
 * @param {{pin: string, secret: string, places: string[], tries: number, isKept: boolean}} what pin and secret in hex
 * @returns {Promise<number[]>}
 */
export async function measure({ pin, secret, places, tries, isKept }) {
  const discoverySecret = new DiscoverySecret(fromHex(secret));
  const parts = {
    identities: Identities.fixed(new IdentityPublic(fromHex(pin))),
    secrets: () => new Map([[toHex(keyId(discoverySecret)), discoverySecret]]),
    learned: async () => {},
    locators: places,
    fetchBytes,
  };
  if (isKept) await keep(parts);
  const seconds = [];
  for (let number = 0; number < tries; number += 1) {
    const began = performance.now();
    await (isKept ? fromStore(parts) : fromPlaces(parts));
    seconds.push((performance.now() - began) / 1000);
  }
  return seconds;
}

async function keep(parts) {
  const store = await Store.open("bench");
  await new Finder({ ...parts, save: (kept) => store.write([[...ROW, kept]]) }).refresh();
  store.close();
}

/** As when the app is opened again: the sealed row, opened, and the file in it. */
async function fromStore(parts) {
  const store = await Store.open("bench");
  const finder = new Finder({ ...parts, save: async () => {} });
  await finder.restore(await store.read(...ROW));
  store.close();
  if (finder.endpoints().length === 0) throw new Error("nothing was kept");
}

/** As for one who knows no port that answers. The other places are not waited for. */
function fromPlaces(parts) {
  const finder = new Finder({ ...parts, save: async () => {} });
  return new Promise((resolve, reject) => void finder.refresh(resolve).catch(reject));
}
