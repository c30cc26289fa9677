// How a connection fails, seen from here.

/** No session came of a dial. `code`: "unavailable", "refused" (closed before AUTH_OK), or the code of a PeerError. */
export class DialFailed extends Error {
  /** Whether somebody was there, and hung up or said something wrong: neither nobody nor silence. */
  wasThere = false;

  /** @param {string} code @param {ErrorOptions & {retrySeconds?: number}} [options] when the server says to come again */
  constructor(code, { retrySeconds = 0, ...options } = {}) {
    super(`no session: ${code}`, options);
    this.name = "DialFailed";
    this.code = code;
    this.retrySeconds = retrySeconds;
  }
}

/** The session ended before the answer came. The request may or may not have been carried out. */
export class ChannelClosed extends Error {
  constructor() {
    super("the session ended before an answer came");
    this.name = "ChannelClosed";
    this.code = "closed";
  }
}
