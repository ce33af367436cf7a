// Marks on what just changed, which fade by themselves.

const WASH = 1500;

/** Washes the values of one panel that a frame changed. */
export class Wash {
  /** @type {HTMLElement[]} */ #washed = [];

  /** @param {HTMLElement} node the panel */
  constructor(node) { this.node = node; }

  /** One reflow restarts all washes of a frame. @param {HTMLElement[]} nodes which way a number went is in data-went */
  over(nodes) {
    if (!nodes.length) return;
    nodes.forEach((n) => n.classList.remove("flash", "up", "down"));
    void this.node.offsetWidth;
    nodes.forEach((n) => n.classList.add("flash", ...(n.dataset.went ? [n.dataset.went] : [])));
    this.#washed = nodes;
    setTimeout(() => nodes.forEach((n) => { if (this.#washed === nodes || !this.#washed.includes(n)) n.classList.remove("flash", "up", "down"); }), WASH);
  }
}

/** Gives nodes a class for a while. @param {HTMLElement[]} nodes @param {string} name @param {number} ms */
export function mark(nodes, name, ms) {
  if (!nodes.length) return;
  nodes.forEach((n) => n.classList.add(name));
  setTimeout(() => nodes.forEach((n) => n.classList.remove(name)), ms);
}
