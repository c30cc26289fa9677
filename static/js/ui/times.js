/** Times in words, in English with the reader's own way of writing hours. Pure: now is an argument. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_DAYS = 7;

/**
 * The first English of the reader's languages; the words around a time are English, so its names of days must be.
 * @param {readonly string[]} languages
 */
export function englishLocale(languages) {
  return languages.find((language) => /^en\b/i.test(language)) ?? "en-GB";
}

/** Says instants and spans the way people do. Its formatters are kept, since making one costs more than using it. */
export class TimeWords {
  #formats = new Map();
  #locale;
  #zone;

  /**
   * @param {string} locale
   * @param {string} [zone] time zone; the reader's own when left out
   */
  constructor(locale, zone) {
    this.#locale = locale;
    this.#zone = zone;
  }

  /** "14:03" @param {number} time ms */
  hour(time) {
    return this.#format("hour", { hour: "numeric", minute: "2-digit" }, time);
  }

  /** "14:03:27" @param {number} time ms */
  second(time) {
    return this.#format("second", { hour: "numeric", minute: "2-digit", second: "2-digit" }, time);
  }

  /** "Friday 21 November 2025 at 14:03:27" @param {number} time ms */
  exact(time) {
    return this.#format("exact", { dateStyle: "full", timeStyle: "medium" }, time);
  }

  /**
   * "Today", "Yesterday", "Friday", "21 November", "21 November 2024"
   * @param {number} time ms
   * @param {number} now ms
   */
  day(time, now) {
    const days = this.#daysBetween(time, now);
    if (days === 0) return "Today";
    if (days === 1) return "Yesterday";
    if (days > 1 && days < WEEK_DAYS) return this.#format("weekday", { weekday: "long" }, time);
    if (this.#year(time) === this.#year(now)) return this.#format("date", { day: "numeric", month: "long" }, time);
    return this.#format("dated", { day: "numeric", month: "long", year: "numeric" }, time);
  }

  /** For lists: "14:03" today, else "Yesterday", "Fri", "21 Nov" @param {number} time ms @param {number} now ms */
  brief(time, now) {
    const days = this.#daysBetween(time, now);
    if (days <= 0) return this.hour(time);
    if (days === 1) return "Yesterday";
    if (days < WEEK_DAYS) return this.#format("short weekday", { weekday: "short" }, time);
    return this.#format("short date", { day: "numeric", month: "short" }, time);
  }

  /** For what is yet to come or long past: "14:03", "Friday at 14:03" @param {number} time ms @param {number} now ms */
  moment(time, now) {
    if (this.sameDay(time, now)) return this.hour(time);
    if (this.sameDay(time, now + DAY_MS)) return `tomorrow at ${this.hour(time)}`;
    if (this.sameDay(time, now - DAY_MS)) return `yesterday at ${this.hour(time)}`;
    const shape = { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" };
    return this.#format("moment", shape, time);
  }

  /** @param {number} one ms @param {number} other ms */
  sameDay(one, other) {
    return this.#date(one) === this.#date(other);
  }

  /** Calendar days, so an hour before midnight is yesterday an hour later. */
  #daysBetween(time, now) {
    return Math.round((Date.parse(this.#date(now)) - Date.parse(this.#date(time))) / DAY_MS);
  }

  #date(time) {
    return this.#format("iso", { year: "numeric", month: "2-digit", day: "2-digit" }, time, "sv-SE");
  }

  #year(time) {
    return this.#date(time).slice(0, 4);
  }

  #format(name, shape, time, locale = this.#locale) {
    if (!this.#formats.has(name)) {
      this.#formats.set(name, new Intl.DateTimeFormat(locale, { ...shape, timeZone: this.#zone }));
    }
    return this.#formats.get(name).format(time);
  }
}

/** "under a minute", "1 minute", "23 minutes", "2 hours", "3 days" @param {number} span ms */
export function spanWords(span) {
  if (span < MINUTE_MS) return span < 1000 ? "a moment" : plural(Math.floor(span / 1000), "second");
  if (span < HOUR_MS) return plural(Math.round(span / MINUTE_MS), "minute");
  if (span < 2 * DAY_MS) return plural(Math.round(span / HOUR_MS), "hour");
  return plural(Math.round(span / DAY_MS), "day");
}

/** @param {number} count @param {string} noun */
export function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export const times = new TimeWords(englishLocale(globalThis.navigator?.languages ?? []));
