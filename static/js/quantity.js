// Numbers as percentages, sizes, durations and with short units: the same rules as views/quantity.go. Pure.
import { group, number } from "./number.js";

/** @typedef {import("./format.js").Column} Column @typedef {{text: string, title: string}} Shown */

/**
 * Formats a number that is no key.
 * @param {string} s @param {string|undefined} style @param {number|undefined} decimals @returns {Shown}
 */
export function quantity(s, style, decimals) {
  const v = Number(s);
  switch (style) {
    case "plain": return { text: s.startsWith("-") ? `−${s.slice(1)}` : s, title: "" };
    case "percent": return percentage(s, decimals ?? 1);
    case "compact":
      if (Math.abs(v) >= 9999.5) return scaled(s, 1000, ["k", "M", "G", "T"], "", decimals);
      break;
    case "bytes": {
      if (Math.abs(v) >= 1023.5) return scaled(s, 1024, ["KiB", "MiB", "GiB", "TiB", "PiB"], " bytes", decimals);
      const { text, title } = number(s, decimals);
      return { text: `${text} B`, title };
    }
    case "duration": return seconds(s, v);
  }
  return number(s, decimals);
}

/** 0.125 is 12.5%. @param {string} s @param {number} decimals */
function percentage(s, decimals) {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(s);
  if (!m) return number(s, undefined);
  const frac = (m[3] ?? "").padEnd(2, "0"), whole = (m[2] + frac.slice(0, 2)).replace(/^0+(?=\d)/, "");
  const { text, title } = number(`${m[1]}${whole}${frac.length > 2 ? `.${frac.slice(2)}` : ""}`, decimals);
  return { text: `${text}%`, title: title && s };
}

/** @param {string} s @param {number} base @param {string[]} units @param {string} of @param {number|undefined} decimals */
function scaled(s, base, units, of, decimals) {
  let v = Number(s) / base, unit = 0;
  for (; Math.abs(v) >= base - 0.5 && unit < units.length - 1; unit++) v /= base;
  if (!(Math.abs(v) < 1e15)) return number(s, decimals);
  return { text: `${number(String(v), decimals ?? (Math.abs(v) >= 99.95 ? 0 : 1)).text} ${units[unit]}`, title: number(s, undefined).text + of };
}

/** "850 ms", "12.3 s", "3 min 20 s", "1 h 4 min", "3 d 4 h". @param {string} s @param {number} v @returns {Shown} */
export function seconds(s, v) {
  const t = Math.abs(v), n = Math.floor(t + 0.5);
  if (!(t < 1e12)) return number(s, undefined);
  /** @param {number} big @param {number} small @param {string} unit @param {string} rest */
  const two = (big, small, unit, rest) => `${group(String(Math.floor(big)))} ${unit}${Math.floor(small) > 0 ? ` ${Math.floor(small)} ${rest}` : ""}`;
  if (t === 0) return { text: "0 s", title: "" };
  const text = t < 0.0005 ? "<1 ms" : t < 0.9995 ? `${Math.floor(t * 1000 + 0.5)} ms` : t < 59.95 ? `${Math.floor(t * 10 + 0.5) / 10} s`
    : n < 3600 ? two(n / 60, n % 60, "min", "s") : n < 86400 ? two(n / 3600, (n % 3600) / 60, "h", "min") : two(n / 86400, (n % 86400) / 3600, "d", "h");
  return { text: v < 0 ? `−${text}` : text, title: s };
}

/** An interval or money as it is stored, or an interval as a duration; one with months or years stays as it is. @param {Column} c @param {string} s @returns {Shown} */
export function amount(c, s) {
  const v = c.kind === "duration" && c.style === "duration" && !/mon|year/.test(s) ? lapse(s) : null;
  return v === null ? { text: s, title: "" } : seconds(s, Number(v));
}

/** Does a column hold quantities, which can be drawn? @param {Column} c */
export const measured = (c) => c.kind === "integer" || c.kind === "decimal" || c.kind === "duration" || c.kind === "currency";

/** A number as it is drawn: as it is stored, the seconds of an interval, money without its currency; null for none. @param {Column} c @param {string|null} s */
export const digits = (c, s) => (s === null ? null : c.kind === "duration" ? lapse(s) : c.kind === "currency" ? coins(s)?.digits ?? null : s);
/** The same, NaN for none. @param {Column} c @param {string|null|undefined} s */
export function float(c, s) {
  const d = digits(c, s ?? null), n = d === null ? NaN : Number(d);
  return Number.isFinite(n) ? n : NaN;
}

/** An interval in seconds, as PostgreSQL's extract(epoch FROM …) counts: a month is 30 days, a year 365.25. @param {string} s */
function lapse(s) {
  const m = /^(?:([+-]?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?(?:([+-])?(\d+):(\d\d):(\d\d(?:\.\d+)?))?$/.exec(s);
  if (!m || !s) return null;
  const [years, months, days, , h, min, sec] = m.slice(1).map((p) => Number(p ?? 0)), clock = h * 3600 + min * 60 + sec;
  return String(Math.floor((years * 31557600 + months * 2592000 + days * 86400 + (m[4] === "-" ? -clock : clock)) * 1e6 + 0.5) / 1e6);
}

/**
 * Money as the database's locale writes it, such as "-$1,234.50", "1.234,50 €" or "(£3.00)": a point or comma before one or two
 * last digits begins the decimals, and so does the last sign where there are both. @param {string} s
 */
export function coins(s) {
  const m = /^(\D*)(\d(?:[\d.,'’\u00a0\u202f ]*\d)?)(\D*)$/.exec(s);
  if (!m) return undefined;
  const cut = (/^.*[.,](\d{1,2})$/.exec(m[2]) ?? /^(?:.*,.*\.|.*\..*,)(\d+)$/.exec(m[2]))?.[1], strip = (/** @type {string} */ p) => p.replace(/[-−()]/g, "");
  const whole = (cut ? m[2].slice(0, -cut.length) : m[2]).replace(/\D/g, "");
  return { digits: `${/[-−(]/.test(m[1] + m[3]) ? "-" : ""}${whole}${cut ? `.${cut}` : ""}`, before: strip(m[1]), after: strip(m[3]) };
}

/** What stands before and after the numbers of a column of money, told by the first that has it. @param {Column} c @param {(string|null)[]} values */
export function currency(c, values) {
  const s = c.kind === "currency" ? values.find((v) => v !== null && coins(v)) : null, m = s != null && coins(s);
  return m ? { before: m.before, after: m.after } : { before: "", after: "" };
}

/** Puts a currency to a number: a sign comes first. @param {{before: string, after: string}} c @param {string} text */
export const priced = ({ before, after }, text) => (text.startsWith("−") ? `−${before}${text.slice(1)}${after}` : before + text + after);
