// Decimal numbers as people read them. Pure.

/**
 * Writes a decimal number as people read it, working on digits and never on floats.
 * @param {string} s @param {number|undefined} decimals @returns {{text: string, title: string}}
 */
export function number(s, decimals) {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(s);
  if (!m) return { text: minus(s).replace("Infinity", "∞"), title: "" };
  const [, sign, whole, frac = ""] = m;
  let places = frac.length, trim = false;
  if (decimals !== undefined) places = Math.max(0, decimals);
  else if (frac.length > 4) {
    places = 4; trim = true;
    if (/^0*$/.test(whole)) places = Math.max(4, frac.length - frac.replace(/^0+/, "").length + 3);
  }
  let [w, f] = round(whole, frac, places);
  if (trim) f = f.replace(/0+$/, "");
  let text = group(w) + (f ? `.${f}` : "");
  if (sign && /[1-9]/.test(w + f)) text = `−${text}`;
  return { text, title: /[1-9]/.test(frac.slice(places)) ? s : "" };
}

/** Keeps that many decimals, half away from zero. @param {string} whole @param {string} frac @param {number} places */
function round(whole, frac, places) {
  if (frac.length <= places) return [whole, frac.padEnd(places, "0")];
  let digits = whole + frac.slice(0, places);
  if (frac[places] >= "5") {
    const nines = /9*$/.exec(digits)?.[0].length ?? 0, keep = digits.slice(0, digits.length - nines);
    digits = (keep ? keep.slice(0, -1) + String(+keep.slice(-1) + 1) : "1") + "0".repeat(nines);
  }
  return [digits.slice(0, digits.length - places), digits.slice(digits.length - places)];
}

/** Sets commas between thousands. @param {string} digits */
export const group = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");
/** @param {string} s */
export const minus = (s) => (s.startsWith("-") ? `−${s.slice(1)}` : s);
