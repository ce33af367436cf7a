// Answers what Go's tests ask of the browser's code: a task's name is the argument, its input comes on stdin as JSON.
import { readFileSync, writeSync } from "node:fs";
import { build, parse } from "../js/address.js";
import { Lost } from "../js/delta.js";
import { describe, format } from "../js/format.js";
import { receive, start } from "../js/store.js";

const tasks = {
  /** What a client shows that holds the first message and gets the others; null once it has lost its place. */
  delta: (cases) => cases.map((messages) => {
    let state = start({ page: messages[0].page, cursor: "", at: "", panels: new Map() }, 0);
    return messages.map((m) => {
      if (!state) return null;
      try { state = receive(state, m, 0); } catch (e) {
        if (!(e instanceof Lost)) throw e;
        state = null;
        return null;
      }
      return { cursor: state.cursor, panels: Object.fromEntries([...state.panels].map(([id, p]) => [id, { ...p, rows: p.rows.map((r) => [r.key, ...r.cells]) }])) };
    });
  }),
  /** Cells as they are shown. */
  format: ({ now, cells }) => cells.map((c) => {
    const [column] = describe([c], c.format ? { [c.name]: c.format } : {}, c.raw), cell = format(column, c.value, Date.parse(now));
    return { text: cell.text, dim: cell.dim, title: cell.title, class: cell.className, glyph: cell.glyph, href: cell.href, tree: cell.isTree };
  }),
  /** Addresses of table pages, read and written again. */
  address: (addresses) => addresses.map((a) => build(a.split("?")[0], parse(a))),
};

const answer = Buffer.from(JSON.stringify(tasks[process.argv[2]](JSON.parse(readFileSync(0, "utf8")))));
for (let at = 0; at < answer.length;) at += writeSync(1, answer, at);
