// Marks on what just changed, which fade by themselves.

const WASH = 1500;

/** Washes the values of one panel that a frame changed. */
export class Wash {
  /** @type {WeakMap<HTMLElement, number>} the wash that a node had last */ #last = new WeakMap();
  #turn = 0;

  /**
   * A wash that is not over begins anew under another name: to take the class away and give it back would have the page laid out in the
   * middle of a frame. @param {HTMLElement[]} nodes which way a number went is in data-went
   */
  over(nodes) {
    if (!nodes.length) return;
    const turn = ++this.#turn;
    for (const n of nodes) {
      const { classList, dataset: { went } } = n, again = classList.contains("flash") && !classList.contains("again");
      classList.add("flash", ...(again ? ["again"] : []), ...(went ? [went] : []));
      classList.remove(...(again ? [] : ["again"]), ...["up", "down"].filter((way) => way !== went));
      this.#last.set(n, turn);
    }
    setTimeout(() => nodes.forEach((n) => { if (this.#last.get(n) === turn) n.classList.remove("flash", "again", "up", "down"); }), WASH);
  }
}

/** Gives nodes a class for a while. @param {HTMLElement[]} nodes @param {string} name @param {number} ms */
export function mark(nodes, name, ms) {
  if (!nodes.length) return;
  nodes.forEach((n) => n.classList.add(name));
  setTimeout(() => nodes.forEach((n) => n.classList.remove(name)), ms);
}
