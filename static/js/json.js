// JSON read without loss: numbers keep their digits, keys their order and their repetitions. Pure.

/**
 * One value: a container with its entries, or a leaf with its text.
 * @typedef {{kind: "object"|"array", entries: Entry[]}} Container
 * @typedef {{kind: "string"|"number"|"word", text: string}} Leaf
 * @typedef {{key: string, node: Container|Leaf}} Entry
 */

const DEEPEST = 64; // levels that are read; what is deeper stands as text
const TOKEN = /\s*([{}[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+)/y;

/** Reads a document; null for a text that is none. @param {string} text @returns {Container|Leaf|null} */
export function read(text) {
  let at = 0, token = "";
  const next = () => {
    TOKEN.lastIndex = at;
    const m = TOKEN.exec(text);
    token = m ? m[1] : "";
    if (m) at = TOKEN.lastIndex;
    return token;
  };
  /** @param {number} depth @returns {Container|Leaf|null} */
  const value = (depth) => {
    if (token === "{" || token === "[") return depth < DEEPEST ? container(depth) : skip();
    if (token.startsWith('"')) return { kind: "string", text: token };
    if (/^-?\d/.test(token)) return { kind: "number", text: token };
    return /^(true|false|null)$/.test(token) ? { kind: "word", text: token } : null;
  };
  /** @param {number} depth @returns {Container|null} */
  const container = (depth) => {
    const object = token === "{", end = object ? "}" : "]";
    /** @type {Entry[]} */ const entries = [];
    if (next() === end) return { kind: object ? "object" : "array", entries };
    for (;;) {
      let key = String(entries.length);
      if (object) {
        if (!token.startsWith('"')) return null;
        key = token;
        if (next() !== ":") return null;
        next();
      }
      const node = value(depth + 1);
      if (!node) return null;
      entries.push({ key, node });
      const then = next();
      if (then === end) return { kind: object ? "object" : "array", entries };
      if (then !== ",") return null;
      next();
    }
  };
  /** What is too deep to be a tree. @returns {Leaf|null} */
  const skip = () => {
    const from = at - 1;
    for (let open = 1; open > 0; ) {
      const t = next();
      if (!t) return null;
      open += t === "{" || t === "[" ? 1 : t === "}" || t === "]" ? -1 : 0;
    }
    return { kind: "word", text: text.slice(from, at) };
  };
  next();
  const node = value(0);
  return node && next() === "" && text.slice(at).trim() === "" ? node : null;
}
