// How the device proves itself at one endpoint: by the pair that follows, by the one in use, or by its invitation.
//
// Spec: 3.2

export class Entrance {
  #account;
  #dial;

  /**
   * @param {import("./account.js").Account} account
   * @param {(endpoint: object, credentials: object, proven?: Function) => Promise<{channel, handshake}>} dial
   */
  constructor(account, dial) {
    this.#account = account;
    this.#dial = dial;
  }

  /**
   * A session under an own pair. One that has never worked may have been replaced by an enrolment that was given up and
   * reached the server late; until one works the invitation still opens for this device.
   * @param {object} endpoint @param {(handshake: object) => Promise<void>} proven see `dial`
   * @param {import("../protocol/keys.js").IdentityPublic} serverPublic the pin to go by
   * @returns {Promise<{channel: object, handshake: object}>} Raises: DialFailed.
   */
  async enter(endpoint, proven, serverPublic) {
    const account = this.#account;
    try {
      return await this.#byNewest(endpoint, proven, serverPublic);
    } catch (cause) {
      if (cause.code !== "refused" || !account.invite) throw cause;
    }
    const { channel, handshake } = await this.#dial(endpoint, account.credentials({ byInvite: true }), proven);
    await account.pairs.enrolled(handshake);
    channel.close();
    return this.#by(account.pairs.inUse, endpoint, proven, undefined);
  }

  /** The server may not have the newest: another has taken its place, or its rows are those of a backup. */
  async #byNewest(endpoint, proven, serverPublic) {
    const { following, inUse } = this.#account.pairs;
    if (!following) return this.#by(inUse, endpoint, proven, serverPublic);
    let isProven = false;
    const prove = (handshake) => {
      isProven = true;
      return proven(handshake);
    };
    try {
      return await this.#by(following, endpoint, prove, serverPublic);
    } catch (cause) {
      // Only our server knows the pair; whoever else is there says nothing of it.
      if (cause.code !== "refused" || !isProven) throw cause;
    }
    const made = await this.#by(inUse, endpoint, proven, serverPublic);
    await this.#account.pairs.refused(following);
    return made;
  }

  async #by(pair, endpoint, proven, serverPublic) {
    const account = this.#account;
    const made = await this.#dial(endpoint, account.credentials({ pair, serverPublic }), proven);
    await account.pairs.confirmed(pair);
    return made;
  }
}
