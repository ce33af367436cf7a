// A small DOM vocabulary. Text goes in as text, never as markup.

/** @param {string} selector @param {ParentNode} [root] @returns {HTMLElement|null} */
export const one = (selector, root = document) => root.querySelector(selector);
/** @param {string} selector @param {ParentNode} [root] @returns {HTMLElement[]} */
export const all = (selector, root = document) => [...root.querySelectorAll(selector)].filter((n) => n instanceof HTMLElement);

/**
 * @param {string} tag @param {Record<string, string>} [attributes] @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";
/** @param {string} tag @param {Record<string, string>} [attributes] @param {...Node} children */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
/** @param {string} name of a symbol in the sprite */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon small");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${document.body.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

/** Writes only what differs, so that a selection stays. @param {Node|null|undefined} node @param {string} text */
export function write(node, text) {
  if (!node) return;
  const first = node.firstChild;
  if (first instanceof Text && node.childNodes.length === 1) { if (first.data !== text) first.data = text; }
  else if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} node @param {string} name @param {string} value "" removes it */
export function attribute(node, name, value) {
  if (value === "") { if (node.hasAttribute(name)) node.removeAttribute(name); }
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Says something once to whoever listens instead of looking. @param {string} text */
export const announce = (text) => write(one("#say"), text);

/** A note about what the reader did; it leaves after 5 s. @param {string} text @param {"check"|"triangle-alert"|"info"} [sign] */
export function toast(text, sign = "check") {
  const node = el("div", { class: "toast", role: "status" }, icon(sign), el("span", {}, text));
  one("#toasts")?.append(node);
  setTimeout(() => node.remove(), 5000);
}

/** Puts a text on the clipboard, and says so. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("This browser does not let the page copy", "triangle-alert");
  }
}

/** The colour that a custom property has here and now. @param {string} name */
export function color(name) {
  const probe = el("i");
  probe.hidden = true;
  document.body.append(probe);
  probe.style.setProperty("color", `var(${name})`);
  const c = getComputedStyle(probe).color;
  probe.remove();
  return c;
}

/** Is the reader writing somewhere, so that keys are letters? @param {EventTarget|null} target */
export const writing = (target) => target instanceof HTMLElement && !!target.closest("input, select, textarea, [contenteditable], dialog:not(.drawer)");
