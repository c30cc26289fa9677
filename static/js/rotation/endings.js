// Why a session ended, as a code.

import { ChannelClosed, DialFailed } from "../net/failures.js";
import { errorFor, PeerError } from "../protocol/errors.js";
import { retrySeconds } from "../protocol/retry.js";

/** Why a session could not take over: when it was closed meanwhile, for the reason it was closed. */
export async function endedBy(channel, cause) {
  if (!(cause instanceof ChannelClosed)) {
    channel.close();
    return cause;
  }
  const { code, farewell } = await channel.closed;
  const seconds = retrySeconds(farewell?.text ?? "");
  return new DialFailed(reasonOf(code, farewell) ?? "unavailable", { cause, retrySeconds: seconds });
}

/** The code a session ended with, or null when nothing is wrong or nothing was said. */
export function reasonOf(code, farewell) {
  const number = code > 4400 && code < 4500 ? code - 4400 : (farewell?.number ?? 0);
  const error = number === 0 ? null : errorFor(number);
  return error instanceof PeerError ? error.code : null;
}
