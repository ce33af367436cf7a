// JSON as text for people: nothing is parsed into numbers, so that digits stay as they are stored. Pure.

/** @typedef {{kind: "key"|"text"|"word"|"mark", text: string}} Token a name, a text, a number or the like, or what stands between */

const TOKEN = /\s+|"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s"[\]{},:]+/gy;

/** Sets a JSON text over lines. Text that is none comes back as it is. @param {string} json @param {string} [indent] @returns {Token[]} */
export function pretty(json, indent = "") {
  /** @type {Token[]} */ const out = [];
  const parts = (json.match(TOKEN) ?? []).filter((t) => t.trim());
  let pad = indent;
  for (let i = 0; i < parts.length; i++) {
    const t = parts[i], next = parts[i + 1];
    switch (t) {
      case "{": case "[":
        if (next === "}" || next === "]") {
          out.push({ kind: "mark", text: t + next });
          i++;
          break;
        }
        pad += "  ";
        out.push({ kind: "mark", text: `${t}\n${pad}` });
        break;
      case "}": case "]":
        pad = pad.slice(0, -2);
        out.push({ kind: "mark", text: `\n${pad}${t}` });
        break;
      case ",": out.push({ kind: "mark", text: `,\n${pad}` }); break;
      case ":": out.push({ kind: "mark", text: ": " }); break;
      default: out.push({ kind: t[0] === '"' ? (next === ":" ? "key" : "text") : "word", text: t });
    }
  }
  return out;
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/, NUMBERS = /^(int[248]|oid|numeric|float[48])$/;

/** A row as a JSON object over lines. @param {{name: string, type: string}[]} columns @param {readonly (string|null)[]} cells @returns {Token[]} */
export function rowTokens(columns, cells) {
  if (!columns.length) return [{ kind: "mark", text: "{}" }];
  /** @type {Token[]} */ const out = [{ kind: "mark", text: "{" }];
  columns.forEach(({ name, type }, i) => {
    const cell = cells[i] ?? null;
    out.push({ kind: "mark", text: i ? ",\n  " : "\n  " }, { kind: "key", text: JSON.stringify(name) }, { kind: "mark", text: ": " });
    if (cell === null) out.push({ kind: "word", text: "null" });
    else if (type === "bool") out.push({ kind: "word", text: cell === "t" ? "true" : "false" });
    else if (NUMBERS.test(type) && NUMBER.test(cell)) out.push({ kind: "word", text: cell });
    else if (type === "json" || type === "jsonb") out.push(...pretty(cell, "  "));
    else out.push({ kind: "text", text: JSON.stringify(cell) });
  });
  out.push({ kind: "mark", text: "\n}" });
  return out;
}
