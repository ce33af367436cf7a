// Numbers as percentages, sizes, durations and with short units: the same rules as views/quantity.go. Pure.
import { group, number } from "./number.js";

/** @typedef {{text: string, title: string}} Shown */

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
function seconds(s, v) {
  const t = Math.abs(v), n = Math.floor(t + 0.5);
  if (!(t < 1e12)) return number(s, undefined);
  /** @param {number} big @param {number} small @param {string} unit @param {string} rest */
  const two = (big, small, unit, rest) => `${group(String(Math.floor(big)))} ${unit}${Math.floor(small) > 0 ? ` ${Math.floor(small)} ${rest}` : ""}`;
  if (t === 0) return { text: "0 s", title: "" };
  const text = t < 0.0005 ? "<1 ms" : t < 0.9995 ? `${Math.floor(t * 1000 + 0.5)} ms` : t < 59.95 ? `${Math.floor(t * 10 + 0.5) / 10} s`
    : n < 3600 ? two(n / 60, n % 60, "min", "s") : n < 86400 ? two(n / 3600, (n % 3600) / 60, "h", "min") : two(n / 86400, (n % 86400) / 3600, "d", "h");
  return { text: v < 0 ? `−${text}` : text, title: s };
}

/** A duration as PostgreSQL writes it; one with months or years stays as it is. @param {string} s @returns {Shown} */
export function interval(s) {
  const m = /^(?:([+-]?\d+) days? ?)?(?:([+-])?(\d+):(\d\d):(\d\d(?:\.\d+)?))?$/.exec(s);
  if (!m || s === "") return { text: s, title: "" };
  const clock = m[3] ? Number(m[3]) * 3600 + Number(m[4]) * 60 + Number(m[5]) : 0;
  return seconds(s, (m[2] === "-" ? -clock : clock) + Number(m[1] ?? 0) * 86400);
}
