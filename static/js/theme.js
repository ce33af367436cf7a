// Light, dark, or as the system has it. The choice is kept in this browser.
import { clock, date } from "./clock.js";
import { all, attribute, one, write } from "./dom.js";

const ORDER = ["system", "light", "dark"];
const KEY = "rowcast.theme";

const read = () => {
  const asked = new URLSearchParams(location.search).get("theme");
  if (asked === "light" || asked === "dark") return asked;
  try { return localStorage.getItem(KEY) ?? "system"; } catch { return "system"; }
};

/** Sets the theme that was chosen; changed is called whenever colours are other ones. @param {() => void} changed */
export function theme(changed) {
  let now = read();
  const show = () => {
    const root = document.documentElement;
    if (now === "light" || now === "dark") root.dataset.theme = now;
    else delete root.dataset.theme;
    for (const b of all(".topbar [data-do=theme]")) {
      attribute(b, "aria-label", `Theme: ${now}`);
      attribute(b, "title", `Theme: ${now}`);
    }
    changed();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  addEventListener("storage", (e) => { if (e.key === KEY) { now = read(); show(); } }); // chosen in another tab
  addEventListener("beforeprint", () => write(one("[data-paper]"), paper()));
  show();
  return {
    /** The next of system, light, dark. */
    next() {
      now = ORDER[(ORDER.indexOf(now) + 1) % ORDER.length];
      try { localStorage.setItem(KEY, now); } catch { /* a browser that keeps nothing keeps no theme */ }
      document.cookie = `${KEY}=${now}; path=${document.body.dataset.base || "/"}; max-age=31536000; samesite=lax`; // for the server: the first paint has it
      show();
      return now;
    },
  };
}

/** What paper says once: what it is, as of when, from where. */
function paper() {
  const at = Date.parse(one("[data-asof]")?.getAttribute("datetime") ?? "") || Date.now();
  return `${document.title}, ${date(at)}, ${clock(at)}, ${location.href}`;
}
