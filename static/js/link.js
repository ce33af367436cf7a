// Where cells lead: the same rules as views/link.go. Pure.

const LONGEST = 2000;
const encoder = new TextEncoder();

/** An address of the web without anything that could make a reader take it for another. */
const WEB = /^[hH][tT][tT][pP][sS]?:\/\/[^"'<>\\^`{|}@/?#\p{Cc}\p{Cf}\p{Co}\p{Z}]+(?:[/?#][^"<>\\^`{|}\p{Cc}\p{Cf}\p{Co}\p{Z}]*)?$/u;

/** Is a text as a whole an address that a cell may lead to? @param {string} s */
export const linkable = (s) => /^http/i.test(s) && s.length <= LONGEST && encoder.encode(s).length <= LONGEST && WEB.test(s);

/**
 * Reads "https://crm.example/orders/{id}": texts, and the places of columns; none where it names a column that is not there.
 * @param {string} link @param {{name: string}[]} fields @returns {(string|number)[]}
 */
export function pieces(link, fields) {
  /** @type {(string|number)[]} */ const list = [];
  for (let rest = link; rest; ) {
    const open = rest.indexOf("{"), close = rest.indexOf("}", open), at = open < 0 ? -1 : fields.findIndex((f) => f.name === rest.slice(open + 1, close));
    if (open !== 0) list.push(open < 0 ? rest : rest.slice(0, open));
    if (open < 0) break;
    if (close < 0 || at < 0) return [];
    list.push(at);
    rest = rest.slice(close + 1);
  }
  return list;
}

/** Where a cell of a row leads; "" for nowhere. @param {(string|number)[]} link @param {(string|null)[]} cells */
export function target(link, cells) {
  let href = "";
  for (const p of link) {
    if (typeof p === "string") { href += p; continue; }
    const value = cells[p];
    if (value == null || value === "." || value === "..") return "";
    href += encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  }
  return href.length <= LONGEST && /^(https?:\/\/|\/(?!\/))/.test(href) ? href : "";
}

/** Does a link leave this server? @param {string} href */
export const outside = (href) => !href.startsWith("/");
