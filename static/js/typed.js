// A filter as one would type it, and as the address has it. Pure.
import { items, listed } from "./address.js";

/**
 * @typedef {{name: string, type: string, kind: string, not_null: boolean, primary_key: boolean, sortable: boolean, operators: string[],
 *   enum?: string[], references?: {table: string, address: string, column: string, where: string}}} TableColumn
 * @typedef {{op: string, value: string}} Condition
 */

/** Sign and words of each operator; ".." stands for a pair of them. @type {Record<string, [sign: string, words: string]>} */
export const OPERATORS = {
  has: ["~", "contains"], hasnt: ["!~", "does not contain"], is: ["=", "is"], isnt: ["!=", "is not"], starts: ["^=", "begins with"], ends: ["$=", "ends with"],
  lt: ["<", "less than"], le: ["<=", "at most"], gt: [">", "more than"], ge: [">=", "at least"], "..": ["..", "between"],
  last: ["last", "in the last"], in: ["in:", "one of"], contains: ["@>", "contains"], null: ["null", "is null"], notnull: ["!null", "is not null"],
};

/** What one may type first, the longest first. @type {[string, string][]} */
const SIGNS = [["!null", "notnull"], ["null", "null"], ["last ", "last"], ["in:", "in"], ["@>", "contains"], ["!~", "hasnt"], ["!=", "isnt"], ["<>", "isnt"],
  ["<=", "le"], [">=", "ge"], ["≤", "le"], ["≥", "ge"], ["≠", "isnt"], ["<", "lt"], [">", "gt"], ["~", "has"], ["=", "is"], ["^=", "starts"], ["$=", "ends"]];

/** The operators that a column offers, with the pair where it has both: null only where it can be. @param {TableColumn} c */
export const offered = (c) => understood(c).filter((o) => !(c.not_null && (o === "null" || o === "notnull")));

/** The operators that may be typed: null is null in every column, also where no row is. @param {TableColumn} c */
function understood(c) {
  const ops = [...new Set([...c.operators, "null", "notnull"])], at = ops.indexOf("ge");
  if (at >= 0 && ops.includes("le")) ops.splice(at + 1, 0, "..");
  return ops;
}

/** The operator that a column is filtered by where nobody chose one. @param {TableColumn} c */
export const usual = (c) => (["time", "date"].includes(c.kind) && c.operators.includes("ge") ? "ge" : c.operators[0] ?? "is");

const QUOTED = /^"((?:[^"]|"")*)"$/;

/**
 * The conditions that a text means: it may begin with an operator, else the one that stands before it counts; " & " and another
 * operator begin a further one. What stands in quotes is taken as it is.
 * @param {string} text @param {string} op @param {TableColumn} c @returns {Condition[]}
 */
export function conditions(text, op, c) {
  const ops = understood(c), again = (/** @type {string} */ s) => SIGNS.some(([sign, o]) => ops.includes(o) && begins(s, sign));
  /** @type {string[]} */ const parts = [];
  for (const part of text.split(/\s+&\s+/)) {
    const open = ((parts.at(-1) ?? "").split('"').length - 1) % 2; // within quotes
    if (parts.length && (open || !again(part))) parts[parts.length - 1] += ` & ${part}`;
    else parts.push(part);
  }
  return parts.flatMap((p) => condition(p, op, c));
}

/** @param {string} text @param {string} op @param {TableColumn} c @returns {Condition[]} */
function condition(text, op, c) {
  let value = text.trim();
  const ops = understood(c), sign = SIGNS.find(([s, o]) => ops.includes(o) && begins(value, s));
  if (sign) {
    op = sign[1];
    value = value.slice(sign[0].trim().length).trim();
  }
  if (op === "null" || op === "notnull") return [{ op, value: "" }];
  const quoted = QUOTED.exec(value);
  if (quoted && op !== "in" && op !== "contains") return [{ op: op === ".." ? "ge" : op, value: quoted[1].replaceAll('""', '"') }];
  const range = /^(.+?)\s*\.\.\s*(.+)$/.exec(value);
  if (range && ops.includes("..") && (op === ".." || !sign)) return [{ op: "ge", value: plain(range[1], c) }, { op: "le", value: plain(range[2], c) }];
  if (op === "..") op = "ge";
  if (value === "") return [];
  if (op === "in") {
    const list = items(value, true);
    return list.length ? [{ op, value: listed(list) }] : [];
  }
  if (op === "ge" && !sign && ops.includes("last") && /^\d+\s*(s|m|min|h|d|w|mo|y)$/.test(value)) op = "last"; // 15m is a span, not a moment
  if (op === "last") return [{ op, value: value.replace(/\s+/g, "").replace(/min$/, "m") }];
  return [{ op, value: plain(value, c) }];
}

/** @param {string} value @param {string} sign */
function begins(value, sign) {
  if (/^!?null$/.test(sign)) return value.toLowerCase() === sign;
  return value.toLowerCase().startsWith(sign);
}

/** A number without the commas that people set. @param {string} value @param {TableColumn} c */
const plain = (value, c) => (c.kind === "number" ? value.replace(/(?<=\d),(?=\d{3}\b)/g, "").replace(/^−/, "-") : value);

/** What is wrong with conditions, "" for nothing that can be known here. @param {Condition[]} list @param {TableColumn} c */
export function wrong(list, c) {
  for (const { op, value } of list) {
    if (op === "last" && !/^[1-9]\d{0,5}(s|m|h|d|w|mo|y)$/.test(value)) return "Write a number and s, m, h, d, w, mo or y, such as 15m";
    if (c.kind === "number" && ["is", "isnt", "lt", "le", "gt", "ge"].includes(op) && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^-?infinity$|^nan$/i.test(value)) return `${c.name} is a number`;
  }
  return "";
}

/** How conditions on one column are shown: the first one's operator, then its value and the others as they are typed. @param {Condition[]} list */
export function written(list) {
  if (!list.length) return { op: "", text: "" };
  const [a, b] = list, pair = list.length === 2 && [a.op, b.op].sort().join() === "ge,le";
  if (pair) return { op: "..", text: a.op === "ge" ? `${a.value}..${b.value}` : `${b.value}..${a.value}` };
  return { op: a.op, text: [typed(a), ...list.slice(1).map((f) => `${OPERATORS[f.op]?.[0] ?? f.op} ${typed(f)}`.trim())].join(" & ") };
}

/** A value so that it is read as it is. @param {Condition} f */
function typed({ op, value }) {
  const quote = (/** @type {string} */ s) => `"${s.replaceAll('"', '""')}"`;
  if (op === "in") return items(value).map((i) => (/^$|^\s|[,"]| & |\s$/.test(i) ? quote(i) : i)).join(", ");
  if (op === "contains") return value;
  return SIGNS.some(([s]) => begins(value, s)) || QUOTED.test(value) || value !== value.trim() || / & |\.\./.test(value) ? quote(value) : value;
}

/** How conditions are read, in words. @param {Condition[]} list @param {TableColumn} c */
export const read = (list, c) => list.map(({ op, value }) => `${c.name} ${OPERATORS[op]?.[1] ?? op} ${value}`.trim()).join(" and ");

/** What one may type into a column's filter. @param {TableColumn} c */
export const hint = (c) => `${c.name} ${OPERATORS[usual(c)]?.[1] ?? ""} …, or ${offered(c).filter((o) => o !== usual(c)).map((o) => `${OPERATORS[o]?.[0] ?? o} ${OPERATORS[o]?.[1] ?? ""}`).join(", ")}; & joins several, "quotes" take a text as it is`;
