// The browser's own parameters in the address bar, beside those of the page. URLSearchParams would write all others anew, in its own
// way: kiosk= for kiosk, %2C for a comma. Pure.

/**
 * A query with a parameter set, or without it; all else stays as it is, letter by letter.
 * @param {string} search "" or from the ? on @param {string} name a plain word @param {string|null} value null: without it
 */
export function parameter(search, name, value) {
  const parts = split(search).filter((p) => p.split("=")[0] !== name);
  if (value !== null) parts.push(value ? `${name}=${encodeURIComponent(value).replace(/%(2C|3A)/g, decodeURIComponent)}` : name);
  return parts.length ? `?${parts.join("&")}` : "";
}

/** A query with those of its parameters that have these names. @param {string} search @param {string[]} names */
export function only(search, names) {
  const parts = split(search).filter((p) => names.includes(p.split("=")[0]));
  return parts.length ? `?${parts.join("&")}` : "";
}

/** @param {string} search */
const split = (search) => search.replace(/^\?/, "").split("&").filter(Boolean);
