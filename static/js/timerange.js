// What a time range means on an axis, now. Pure: the same rules as views/timerange.go, held to the same examples in
// views/testdata/chart.json.
import { ahead } from "./scale.js";

const LENGTHS = { s: 1, m: 60, h: 3600, d: 86400 };
/** @type {Record<string, [unit: string, from: number, to: number]>} */
const CALENDAR = { today: ["day", 0, 1], yesterday: ["day", -1, 0], "this-week": ["week", 0, 1], "this-month": ["month", 0, 1] };

/**
 * Up to now is a window of so many seconds; anything else has two ends, in seconds since 1970, or by the zone's clock where the
 * times on the axis have no zone.
 * @param {string} range "last-15m", "today", "2026-11-20T10:00..2026-11-20T12:00" @param {number} now in milliseconds
 * @param {string} zone @param {boolean} zoned whether the times on the axis have a zone @returns {{window?: number, from?: number, to?: number}}
 */
export function bounds(range, now, zone, zoned) {
  const last = /^last-(\d+)([smhd])$/.exec(range);
  if (last) return { window: Number(last[1]) * LENGTHS[/** @type {keyof typeof LENGTHS} */ (last[2])] };
  const place = zoned ? /** @param {number} wall */ (wall) => moment(wall, zone) : /** @param {number} wall */ (wall) => wall;
  if (Object.hasOwn(CALENDAR, range)) {
    const [unit, from, to] = CALENDAR[range], today = new Date(now + ahead(zone, now) * 1000);
    return { from: place(begin(unit, from, today)), to: place(begin(unit, to, today)) };
  }
  const [from, to = ""] = range.split("..").map((s) => Date.parse(`${s}Z`) / 1000);
  return Number.isFinite(from) && Number.isFinite(to) ? { from: place(from), to: place(Number(to)) } : {};
}

/** When a day, week or month begins, by its own clock. @param {string} unit @param {number} by so many later @param {Date} d */
function begin(unit, by, d) {
  const [year, month, day] = [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate()];
  if (unit === "month") return Date.UTC(year, month + by) / 1000;
  return Date.UTC(year, month, unit === "week" ? day - ((d.getUTCDay() + 6) % 7) + 7 * by : day + by) / 1000; // weeks begin on Mondays
}

/** The moment at which a zone's clock shows this. @param {number} wall @param {string} zone */
function moment(wall, zone) {
  const about = wall - ahead(zone, wall * 1000);
  return wall - ahead(zone, about * 1000);
}
