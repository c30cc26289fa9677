// The places that gave something else than they should have, by the host alone: a whole URL may hold a key.
//
// Spec: 3.8, 3.16

/** Codes of places that gave nothing; all others gave something that was not believed. */
const GAVE_NOTHING = new Set(["unavailable", "not_there", "too_large"]);

/** A new file reaches the places one after the other: so long an older one means nothing. */
const LAG_SECONDS = 300;

/**
 * Which of the places that were asked gave what is not to be believed, each named once.
 * @param {{host: string, code: string | null}[]} places code: null for one whose file was good
 * @param {number} age of the file that is believed, in seconds
 * @returns {{host: string, code: string}[]}
 */
export function doubtsOf(places, age) {
  const isLate = (code) => code === "replayed" && age < LAG_SECONDS;
  const doubtful = places.filter(({ code }) => code !== null && !gaveNothing({ code }) && !isLate(code));
  return [...new Map(doubtful.map((place) => [`${place.code} ${place.host}`, place])).values()];
}

/** Whether a place that was asked gave nothing that could be a file. @param {{code: string | null}} place */
export function gaveNothing({ code }) {
  return GAVE_NOTHING.has(code);
}

/** The host of a place's URL; empty when it has none. @param {string} url */
export function hostOf(url) {
  return URL.canParse(url) ? new URL(url).host : "";
}
