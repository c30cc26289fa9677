/**
 * Which of a file's ports to dial and in which order, when to leave one, and how quick each was. Chance is an argument.
 *
 * Spec: 3.15
 */

import { UsageError } from "./errors.js";

/** Clients of one server do not all move at the same instant, and none waits until its port is about to close. */
export const LONGEST_MOVE_PAUSE_SECONDS = 4;
/** A server as full as it lets itself be is still asked now and then: its file may be an hour old. */
const LEAST_WEIGHT = 0.05;
/** A handshake that took so much longer than the quickest one: a host to be left alone. */
export const SLOW_FACTOR = 2;
export const SLOW_MARGIN_MS = 50;
/** How long, and of how many places, handshake times are remembered. */
export const TIMES_KEPT_SECONDS = 3600;
export const MAX_TIMES = 64;

/** @typedef {import("./connection_info.js").Endpoint} Endpoint */
/** @typedef {import("./connection_info.js").ConnectionInfo} ConnectionInfo */
/** @typedef {Map<string, [number, number]>} Times ms of a handshake and when it was, by place; the newest last */

/**
 * The endpoints in the order in which to dial them, without those that may not be dialled.
 *
 * Those whose time is not over come first, then those that move, that stay, that are not slow, that are in our region.
 * Equals are drawn by lot, without putting back, each with a weight that falls with its load; draws[k] fills place k.
 * Units: seconds since 1970; a draw is from 0 up to 1.
 * Raises: usage (fewer draws than endpoints, or one that is none).
 * Spec: 3.15
 * @param {Iterable<Endpoint>} endpoints
 * @param {{now: number, draws: number[], slow?: Set<string>, region?: string}} circumstances
 * @returns {Endpoint[]}
 */
export function orderEndpoints(endpoints, { now, draws, slow = new Set(), region = "" }) {
  const candidates = dialable(endpoints);
  if (draws.length < candidates.length || !draws.every((draw) => 0 <= draw && draw < 1)) {
    throw new UsageError("a draw from 0 up to 1 is needed for each endpoint");
  }
  const rank = (endpoint) => {
    const isAway = region !== "" && endpoint.region !== region;
    const isOver = endpoint.validUntil < now;
    const flags = [isOver, endpoint.fixed, endpoint.retiring, slow.has(placeOf(endpoint)), isAway];
    return flags.reduce((sum, flag) => 2 * sum + Number(flag), 0);
  };
  const ordered = [];
  const ranks = [...new Set(candidates.map(rank))].sort((left, right) => left - right);
  for (const wanted of ranks) {
    const equals = candidates.filter((endpoint) => rank(endpoint) === wanted);
    while (equals.length > 0) ordered.push(...equals.splice(drawIndex(equals, draws[ordered.length]), 1));
  }
  return ordered;
}

/**
 * Whether who is on this endpoint stays: it is listed and not retiring, and not fixed while others can be had.
 * @param {string} url @param {ConnectionInfo} info
 */
export function isContent(url, info) {
  const own = listed(url, info);
  if (own === undefined || own.retiring) return false;
  return !own.fixed || betterEndpoints(url, info).length === 0;
}

/**
 * Where who is on this endpoint goes instead, in the file's order; none when it stays.
 *
 * From a fixed port only to one that moves; to one that retires only when our own is not listed at all.
 * @param {string} url @param {ConnectionInfo} info @returns {Endpoint[]}
 */
export function betterEndpoints(url, info) {
  const own = listed(url, info);
  const others = dialable(info.endpoints).filter((endpoint) => endpoint.url !== url);
  const lasting = others.filter((endpoint) => !endpoint.retiring);
  if (own === undefined) return lasting.length > 0 ? lasting : others;
  if (own.fixed) return lasting.filter((endpoint) => !endpoint.fixed);
  return own.retiring ? lasting : [];
}

/**
 * Seconds to wait before a move, when the old port serves for so many more.
 *
 * Units: seconds; a draw is from 0 up to 1.
 */
export function movePause(left, draw) {
  return draw * Math.min(LONGEST_MOVE_PAUSE_SECONDS, Math.max(0, left) / 3);
}

/**
 * When to ask the mirrors for a newer file, if none came that says that this endpoint is retiring.
 *
 * That is in the third quarter of its grace: by then it should have been told. Units: seconds since 1970.
 */
export function lookAt(endpoint, grace, draw) {
  return endpoint.validUntil - grace / 2 + (draw * grace) / 4;
}

/** `host:port`, under which its handshake times are remembered. */
export function placeOf(endpoint) {
  return `${endpoint.host}:${endpoint.port}`;
}

/**
 * The times with one more: the mean of it and what was known of that place. What is old or too much is dropped.
 *
 * Units: `now` in seconds since 1970.
 * @param {Times} times @returns {Times}
 */
export function rememberTime(times, endpoint, milliseconds, now) {
  const kept = recent(times, now);
  const [former] = kept.get(placeOf(endpoint)) ?? [milliseconds];
  kept.delete(placeOf(endpoint));
  kept.set(placeOf(endpoint), [Math.floor((former + milliseconds) / 2), now]);
  return new Map([...kept].slice(-MAX_TIMES));
}

/**
 * The places that took more than twice as long as the quickest of these, and more than 50 ms longer.
 *
 * A port that was never dialled counts as the last one of its host: a busy host is busy on its next port too.
 * Units: `now` in seconds since 1970.
 * @param {Iterable<Endpoint>} endpoints @param {Times} times @returns {Set<string>}
 */
export function slowPlaces(endpoints, times, now) {
  const known = recent(times, now);
  const ofHost = new Map([...known].map(([place, [took]]) => [place.slice(0, place.lastIndexOf(":")), took]));
  const took = new Map();
  for (const endpoint of endpoints) {
    const [milliseconds] = known.get(placeOf(endpoint)) ?? [ofHost.get(endpoint.host)];
    if (milliseconds !== undefined) took.set(placeOf(endpoint), milliseconds);
  }
  const best = Math.min(...took.values());
  const isSlow = ([, milliseconds]) => milliseconds > Math.max(SLOW_FACTOR * best, best + SLOW_MARGIN_MS);
  return new Set([...took].filter(isSlow).map(([place]) => place));
}

function dialable(endpoints) {
  const unique = new Map();
  for (const endpoint of endpoints) {
    if (endpoint.isDialable && !unique.has(endpoint.url)) unique.set(endpoint.url, endpoint);
  }
  return [...unique.values()];
}

/** The index that a draw hits; sums and products only, so that both languages hit the same one. */
function drawIndex(equals, draw) {
  const weights = equals.map((endpoint) => Math.max(LEAST_WEIGHT, 1 - endpoint.load));
  const target = draw * weights.reduce((sum, weight) => sum + weight, 0);
  let reached = 0;
  for (const [index, weight] of weights.entries()) {
    reached += weight;
    if (target < reached) return index;
  }
  return equals.length - 1;
}

function listed(url, info) {
  return info.endpoints.find((endpoint) => endpoint.url === url);
}

function recent(times, now) {
  return new Map([...times].filter(([, [, at]]) => Math.abs(now - at) <= TIMES_KEPT_SECONDS));
}
