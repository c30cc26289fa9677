// How the dashboard writes numbers, amounts and times. Times are UTC, as everywhere in the console.

const UNITS = ["bytes", "KB", "MB", "GB", "TB"];
const DAY = 86_400;
/** What was refused, by the reason the server counts it under. */
const REASONS = {
  gate: "did not know the way in",
  connect: "said nothing",
  request: "asked for something else",
  deadline: "took too long",
  handshake: "did not get through the greeting",
  auth_failed: "failed to prove who they are",
  admission: "knocked too often",
  limit: "found no room",
  too_fast: "came too fast",
};

/**
 * A whole number with thin groups of thousands, a rate below ten with one digit after the point; a dash for nothing.
 *
 * @param {number | null | undefined} value
 */
export function number(value) {
  if (value === null || value === undefined) return "-";
  if (value !== 0 && Math.abs(value) < 10 && !Number.isInteger(value)) return value.toFixed(1);
  return Math.round(value).toLocaleString("en-GB");
}

/**
 * An amount of bytes in the unit that keeps it short.
 *
 * @param {number | null | undefined} value
 */
export function bytes(value) {
  if (value === null || value === undefined) return "-";
  let power = 0;
  let left = value;
  while (left >= 1000 && power < UNITS.length - 1) {
    left /= 1000;
    power += 1;
  }
  return `${power && left < 10 ? left.toFixed(1) : Math.round(left)} ${UNITS[power]}`;
}

/**
 * A length of time, in seconds, by its largest unit: `40 s`, `12 min`, `5 h`, `3 days`.
 *
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/**
 * The time of day, in hours and minutes.
 *
 * @param {number} at seconds since 1970
 */
export function clock(at) {
  return new Date(at * 1000).toISOString().slice(11, 16);
}

/**
 * An instant on an axis: the day at its midnight and where the steps are days, else the time of day.
 *
 * @param {number} at seconds since 1970
 * @param {number} step seconds from one mark to the next
 */
export function moment(at, step) {
  const date = new Date(at * 1000);
  return step >= DAY || at % DAY === 0
    ? date.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" })
    : clock(at);
}

/**
 * Who was refused and why, the most frequent reason first; empty when nobody was.
 *
 * @param {Record<string, number>} refused
 */
export function reasons(refused) {
  return Object.entries(refused)
    .sort(([, one], [, other]) => other - one)
    .map(([reason, count]) => `${number(count)} ${REASONS[reason] ?? reason.replaceAll("_", " ")}`)
    .join(", ");
}

/**
 * The verdict of the whole server in a sentence.
 *
 * @param {{severity: string}[]} attention
 */
export function verdict(attention) {
  const pressing = attention.filter((matter) => matter.severity !== "notice").length;
  if (pressing === 0) return "All is well.";
  return pressing === 1 ? "One thing needs you." : `${pressing} things need you.`;
}
