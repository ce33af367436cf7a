// What an open row is called, where its own page is, which rows it names and where those are that name it. Pure.
import { NOTHING, build } from "./address.js";

/**
 * @typedef {import("./delta.js").Row} Row
 * @typedef {import("./tablepage.js").TableData} TableData
 * @typedef {{name: string}[]} Fields
 * Columns that lead to those of another table, or are led to by them; values are this row's.
 * @typedef {{columns: string[], table: string, address: string, values: string[]}} Link
 */

const FIRST = 3, LONG = 24; // cells that name a row without a key, and letters of each

const FOLD = 300, REST = 100; // letters of a long value that stand in an open row, and how many more at least are worth folding

/** The beginning of a long value, or all of a short one. @param {string} value */
export const folded = (value) => (value.length > FOLD + REST ? `${value.slice(0, FOLD).replace(/[\uD800-\uDBFF]$/, "")}…` : value);

/** The texts that a key is made of; null where it is no such key. @param {string} key @returns {string[]|null} */
function parts(key) {
  try {
    const list = JSON.parse(key);
    return Array.isArray(list) && list.every((p) => typeof p === "string") ? list : null;
  } catch { return null; }
}

/** @param {Fields} fields @param {Row|null} row @param {string} name @returns {string|null} null, too, where it is not known */
const cell = (fields, row, name) => row?.cells[fields.findIndex((f) => f.name === name)] ?? null;

/** The address of a row's own page; "" where no filter names it. @param {TableData} data @param {Fields} fields @param {Row|null} row @param {string} key */
export function rowAddress(data, fields, row, key) {
  const said = parts(key);
  const where = data.key.flatMap((column, n) => {
    if (!data.columns.find((c) => c.name === column)?.operators.includes("is")) return [];
    const value = cell(fields, row, column) ?? (said?.length === data.key.length ? said[n] : null);
    return value === null ? [] : [{ column, op: "is", value }];
  });
  return where.length && where.length === data.key.length ? build(data.address, { ...NOTHING, where }) : "";
}

/** What a table's row is called: by its key, or by what stands first in it. @param {TableData} data @param {Fields} fields @param {Row|null} row @param {string} key */
export function rowTitle({ name, key: columns }, fields, row, key) {
  const values = columns.map((c) => cell(fields, row, c));
  if (columns.length) return `${name} ${(values.every(Boolean) ? values : parts(key) ?? [key]).join(", ")}`;
  const said = (row?.cells ?? []).flatMap((c) => (c ? [c.length > LONG ? `${c.slice(0, LONG - 1)}…` : c] : []));
  return said.length ? `${name} ${said.slice(0, FIRST).join(", ")}` : `${name}, a row without a key`;
}

/** The rows that this one names. @param {TableData} data @param {Fields} fields @param {Row} row @returns {Link[]} */
export const named = (data, fields, row) => data.foreign_keys.flatMap((k) => link(fields, row, k, k.columns, k.references));

/** The pages of the rows of other tables that name this one. @param {TableData} data @param {Fields} fields @param {Row} row @returns {Link[]} */
export const naming = (data, fields, row) => data.referenced_by.flatMap((k) => link(fields, row, k, k.references, k.columns));

/** @param {Fields} fields @param {Row} row @param {import("./tablepage.js").ForeignKey} k @param {string[]} here @param {string[]} there @returns {Link[]} */
function link(fields, row, k, here, there) {
  const values = here.flatMap((c) => cell(fields, row, c) ?? []);
  if (values.length < here.length) return []; // a key with a NULL in it names nothing
  const where = there.map((column, i) => ({ column, op: "is", value: values[i] }));
  return [{ columns: k.columns, table: k.table, address: build(k.address, { ...NOTHING, where }), values }];
}
