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
  const end = await channel.closed;
  const seconds = retrySeconds(end.farewell?.text ?? "");
  return new DialFailed(reasonOf(end) ?? "unavailable", { cause, retrySeconds: seconds });
}

/**
 * The code of what the server said as it left, or of what was wrong with what it sent; null when nothing is wrong, or the
 * session was cut off. Spec: 3.7
 * @param {{farewell: object | null, cause?: Error | null}} end
 */
export function reasonOf({ farewell, cause = null }) {
  const error = farewell?.number ? errorFor(farewell.number) : cause;
  return error instanceof PeerError ? error.code : null;
}
