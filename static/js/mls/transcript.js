/** The transcript: each epoch hashes the commits that led to it (RFC 9420 8.2). */

import { concat } from "../bytes.js";
import { vector } from "./codec.js";

/** The transcript with one commit more: `AuthenticatedContent.confirmedInput` after the interim hash before. */
export function confirmedTranscriptHash(suite, interimHash, confirmedInput) {
  return suite.hash(concat(interimHash, confirmedInput));
}

/** The transcript with that commit's confirmation tag. */
export function interimTranscriptHash(suite, confirmedHash, confirmationTag) {
  return suite.hash(concat(confirmedHash, vector(confirmationTag)));
}
