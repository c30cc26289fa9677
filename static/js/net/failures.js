// How a connection fails, seen from here.

/** No session came of a dial. `code`: "unavailable", "refused" (closed before AUTH_OK), or the code of a PeerError. */
export class DialFailed extends Error {
  constructor(code, options = undefined) {
    super(`no session: ${code}`, options);
    this.name = "DialFailed";
    this.code = code;
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
