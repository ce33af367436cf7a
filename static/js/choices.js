// What may be chosen and what is, as words and as an address: the same rules as views/variables.go and dashboard/address.go, held
// to the same examples in views/testdata/variables.json. Pure: nothing here knows the page.

/**
 * @typedef {{value: string, label: string}} Option
 * @typedef {Option & {chosen: boolean}} Choice
 * @typedef {{name: string, type: string, multiple: boolean, values: string[], defaults: string[], options: Option[]}} Variable
 */

/** From so many options on they can be searched. */
export const MANY = 10;
const ANYTHING = "any";
const SAID = 6; // chosen options that are said by name
/** @type {Record<string, string>} */
const CALENDAR = { today: "Today", yesterday: "Yesterday", "this-week": "This week", "this-month": "This month" };

/** Options of a result's rows: the first cell is the value, the second its label. @param {(string|null)[][]} rows @returns {Option[]} */
export function optionRows(rows) {
  /** @type {Map<string, Option>} */
  const options = new Map();
  for (const [value, label] of rows) if (value !== null && value !== undefined && !options.has(value)) options.set(value, { value, label: label ?? value });
  return [...options.values()];
}

/** The options as the bar offers them: what is chosen is always among them. @param {Variable} v @returns {Choice[]} */
export function choices(v) {
  const options = [...v.options], missing = v.multiple ? v.values : [...v.defaults, ...v.values];
  for (const value of [...missing].reverse()) {
    if (!options.some((o) => o.value === value)) options.unshift({ value, label: v.type === "range" ? rangeText(value) : v.type === "date" ? dayText(value) : value });
  }
  return options.map((o) => ({ value: o.value, label: o.label || ANYTHING, chosen: v.values.includes(o.value) }));
}

/** What is chosen, in few words. @param {Variable} v */
export function chosenText(v) {
  const all = choices(v), chosen = all.filter((c) => c.chosen);
  if (chosen.length > 2) return `${chosen.length} of ${all.length}`;
  return chosen.map((c) => c.label).join(", ") || ANYTHING;
}

/** What is chosen, by name, as part of a sentence. @param {Variable} v */
function allChosen(v) {
  const labels = choices(v).filter((c) => c.chosen).map((c) => c.label), n = labels.length - SAID;
  const text = (n > 0 ? [...labels.slice(0, SAID), `${n} more`] : labels).join(", ") || ANYTHING;
  return v.type === "range" ? text[0].toLowerCase() + text.slice(1) : text;
}

/** What was chosen on a page, where the bar is not: on a wall and on paper. @param {(Variable & {label: string})[]} variables */
export const said = (variables) => variables.filter((v) => v.type === "range" || !same(v.values, v.defaults)).map((v) => `${v.label}: ${allChosen(v)}`).join(" · ");

/** A time range as readers see it. @param {string} value */
export function rangeText(value) {
  if (Object.hasOwn(CALENDAR, value)) return CALENDAR[value];
  const span = /^last-(.*)(.)$/.exec(value);
  if (span) return `Last ${span[1]} ${span[2] === "m" ? "min" : span[2]}`;
  const at = value.indexOf("..");
  if (at < 0) return value;
  const [from, to] = [value.slice(0, at), value.slice(at + 2)], [day] = from.split("T");
  return `${from.replaceAll("T", " ")} – ${(to.startsWith(`${day}T`) ? to.slice(day.length + 1) : to).replaceAll("T", " ")}`;
}

/** @type {Record<string, string>} */
const DAYS = { today: "Today", yesterday: "Yesterday", tomorrow: "Tomorrow" };
/** A day as readers see it. @param {string} value */
export const dayText = (value) => (Object.hasOwn(DAYS, value) ? DAYS[value] : value.replace(/^today-(.*)$/, "$1 days ago").replace(/^today\+(.*)$/, "In $1 days"));

/** @param {string} s */
const escape = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The address of a dashboard with these values: defaults are left out. @param {string} path @param {Variable[]} variables */
export function address(path, variables) {
  const parts = [];
  for (const { name, multiple, values, defaults } of variables) {
    if (same(values, defaults)) continue;
    for (const value of multiple && values.length === 0 ? [""] : values) parts.push(`${escape(name)}=${escape(value)}`);
  }
  return parts.length ? `${path}?${parts.join("&")}` : path;
}

/** @param {string[]} a @param {string[]} b */
export const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

/** Of the units of a time range up to now, in milliseconds. @type {Record<string, number>} */
export const LENGTHS = { s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

/**
 * Both ends of a time range by the clock of a time zone, to begin with where somebody sets them by hand.
 * @param {string} value @param {number} now @param {string} zone @returns {[string, string]}
 */
export function moments(value, now, zone) {
  const [from, to] = value.split("..");
  if (to !== undefined) return [from, to];
  const span = /^last-(\d+)([smhd])$/.exec(value);
  const length = span ? Number(span[1]) * LENGTHS[span[2]] : LENGTHS.h;
  return [wall(now - length, zone), wall(now, zone)];
}

/** A moment by the clock of a time zone, as fields for date and time have it. @param {number} at @param {string} zone */
function wall(at, zone) {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
  return format.format(at).replace(" ", "T");
}
