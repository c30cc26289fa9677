// "Why can't I connect?": the way from here to the server, gone step by step.

import { dial } from "../net/dial.js";
import { ChannelClosed, DialFailed } from "../net/failures.js";
import { openWire as openWebSocket } from "../net/wire.js";
import { CLOCK_SKEW_SECONDS, HANDSHAKE_SECONDS } from "../protocol/limits.js";
import { reasonOf } from "../rotation/endings.js";
import { diagnose, lengthOf } from "./diagnosis.js";

/** So many ports are tried; a file of a large server names more. */
const MOST_PORTS = 4;
/** What fails sooner than this was turned away; what takes as long was never answered. */
const SILENT_MS = HANDSHAKE_SECONDS * 900;
/** How long a new session may take to answer a question. */
const ANSWER_MS = 5000;

/** What became of a place -> what it tells; a code that is not here is of one that gave nothing. */
const PLACES = {
  null: ["place_well"],
  not_there: ["place_missing"],
  too_large: ["place_large"],
  malformed: ["place_noise"],
  unsupported_version: ["place_noise"],
  unauthentic: ["place_well", "signature_foreign"],
  unknown_peer: ["place_well", "signature_sealed"],
  replayed: ["place_well", "fresh_older"],
  forked: ["place_well", "fresh_forked"],
};

/** Why a dial failed after the server had proved itself -> what it tells of this device. */
const TURNED_AWAY = { refused: "device_refused", revoked: "device_revoked", limit: "device_full" };

/**
 * Go the way to the server, and say what is in it. Nothing that can go wrong on it is thrown.
 * @param {object} parts
 * @param {import("./own_device.js").OwnDevice | null} parts.device
 * @param {{status: string, port: number | null}} parts.connection as it is shown
 * @param {import("./environment.js").Environment} parts.environment
 * @param {(found: ReturnType<typeof diagnose>) => void} [parts.tell] is shown how far it has come
 * @returns {Promise<ReturnType<typeof diagnose>>}
 */
export async function checkConnection({ device, connection, environment, tell = () => {} }) {
  const way = new Way(environment, tell);
  way.meet(environment.isSecure() ? "context_well" : "context_insecure");
  const account = device?.account ?? null;
  if (account === null || account.isRevoked) way.meet(account === null ? "device_none" : "device_revoked");
  else await way.go(account, device.finder, connection);
  return way.found;
}

class Way {
  #environment;
  #tell;
  #met = [];
  #isLetIn = false;
  #suites = [];
  /** How far the clock of the server that proved itself here is ahead; null before one did. */
  #clockOffsetMs = null;

  constructor(environment, tell) {
    this.#environment = environment;
    this.#tell = tell;
  }

  get found() {
    return diagnose(this.#met);
  }

  meet(code, about = "") {
    // Said once, however many say it.
    const isKnown = this.#met.some((each) => each.code === code && each.about === about);
    if (!isKnown) this.#met.push({ code, about });
    this.#tell(this.found);
  }

  async go(account, finder, connection) {
    if ((await this.#look(finder)) === "revoked") return this.meet("device_revoked");
    const isConnected = connection.status === "connected" || connection.status === "moving";
    if (isConnected) this.#arrived(finder, connection.port);
    else if (finder.info) await this.#knock(account, finder);
    const isKnown = isConnected || this.#clockOffsetMs !== null;
    const ahead = Math.abs(this.#clockOffsetMs ?? finder.now - Date.now()) / 1000;
    if (ahead > CLOCK_SKEW_SECONDS) this.meet("clock_off", lengthOf(ahead));
    else this.meet(isKnown ? "clock_well" : "clock_unknown");
    return undefined;
  }

  // The address

  /** @returns {Promise<string | null>} why there was nothing to believe */
  async #look(finder) {
    const refused = await finder.refresh().then(() => null, ({ code }) => code);
    const { places } = finder;
    if (!this.#environment.isOnline()) this.meet("offline");
    if (places.length === 0) this.meet("place_none");
    for (const { host, code } of places) {
      for (const each of PLACES[code] ?? ["place_unreadable"]) this.meet(each, host);
    }
    if (finder.info) this.#judge(finder, places.some(({ code }) => code === null));
    return refused;
  }

  /** The file in hand; whoever signed it was looked at when it was opened. */
  #judge({ info, now }, isFromPlace) {
    if (!isFromPlace) this.meet("place_kept");
    this.meet("signature_well");
    const seconds = Math.floor(now / 1000);
    if (info.isCurrent(seconds)) this.meet("fresh_well");
    else if (seconds < info.validFrom) this.meet("fresh_future");
    else this.meet("fresh_expired", lengthOf(seconds - info.validUntil));
  }

  // The port

  #arrived({ info }, port) {
    this.meet("port_well", String(port));
    const endpoint = info?.endpoints.find((each) => each.port === port);
    this.meet(endpoint?.tls === false ? "tls_local" : "tls_well");
    this.meet("gate_well");
    this.meet("device_well");
  }

  async #knock(account, finder) {
    const [endpoints, [listed]] = [finder.endpoints().slice(0, MOST_PORTS), finder.info.endpoints];
    this.#suites = finder.info.suites;
    // Those that may not be dialled are not among them.
    if (endpoints.length === 0) this.meet(listed ? "port_unsafe" : "port_none", String(listed?.port));
    await Promise.all(endpoints.map((endpoint) => this.#dial(account, endpoint)));
  }

  /** By the identity to go by; by the one that hands over to it where nobody knows that. */
  async #dial(account, endpoint) {
    const [pin, former = null] = account.identities.pins;
    const first = await this.#tryOut(account, endpoint, pin);
    const isStranger = first.isOpen && !first.isProven && gateCode(first.code) === "gate_closed";
    this.#tellOf(isStranger && former ? await this.#tryOut(account, endpoint, former) : first, endpoint);
  }

  async #tryOut(account, endpoint, pin) {
    const tried = { began: Date.now(), isOpen: false, isProven: false };
    try {
      const { channel } = await this.#shakeHands(account, endpoint, pin, tried);
      const code = await whyEnded(channel);
      channel.close();
      return { ...tried, code };
    } catch ({ code }) {
      return { ...tried, code };
    }
  }

  /** All of the handshake once; with the other ports, and with an invitation, only up to the server's proof. */
  #shakeHands(account, { url }, serverPublic, tried) {
    const { openWire = openWebSocket } = this.#environment;
    const open = async (...how) => {
      const wire = await openWire(...how);
      tried.isOpen = true;
      return wire;
    };
    const proven = async ({ clockOffsetMs }) => {
      tried.isProven = true;
      this.#clockOffsetMs = clockOffsetMs;
      if (!account.isEnrolled || this.#isLetIn) throw new DialFailed("overtaken");
      this.#isLetIn = true;
    };
    const credentials = account.credentials({ byInvite: !account.isEnrolled, serverPublic });
    return dial({ url, credentials, suites: this.#suites, handlers: {}, openWire: open, proven });
  }

  /** @param {{code: string | null}} tried code: why it failed */
  #tellOf({ began, isOpen, isProven, code }, { port, tls }) {
    const isSilent = Date.now() - began >= SILENT_MS;
    if (!isOpen && code === "unsupported_version") return this.meet("gate_version");
    if (!isOpen) {
      this.meet(isSilent ? "port_silent" : "port_refused", String(port));
      return tls && !isSilent ? this.meet("tls_unknown") : undefined;
    }
    this.meet(code === "rediscover" ? "port_left" : "port_well", String(port));
    this.meet(tls ? "tls_well" : "tls_local");
    if (code === "rediscover") return undefined;
    if (!isProven) return this.meet(isSilent ? "gate_silent" : gateCode(code));
    this.meet("gate_well");
    if (code === null) return this.meet("device_well");
    return code === "overtaken" ? undefined : this.meet(TURNED_AWAY[code] ?? "device_later");
  }
}

/** Null when the session answers: a server that is full says so, and hangs up, only after the handshake. */
async function whyEnded(channel) {
  const timer = setTimeout(() => channel.close(), ANSWER_MS);
  const cause = await channel.request("device.list").then(() => null, (failure) => failure);
  clearTimeout(timer);
  if (!(cause instanceof ChannelClosed)) return null;
  return reasonOf(await channel.closed) ?? "unavailable";
}

function gateCode(code) {
  if (code === "refused" || code === "unavailable") return "gate_closed";
  return code === "unsupported_version" ? "gate_version" : "gate_foreign";
}
