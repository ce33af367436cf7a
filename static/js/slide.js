// Moves what the clock moves: as often as it is a pixel further, and only while somebody could see it.
import { calm, one } from "./dom.js";

/** Does the page run? What is paused or stale stands still. */
const flows = () => ["live", "timed"].includes(one("#live")?.dataset.state ?? "");

export class Slide {
  #timer = 0;

  /** @param {() => boolean} wanted @param {() => number} pace ms until the next pixel @param {() => void} move */
  constructor(wanted, pace, move) {
    this.wanted = wanted;
    this.pace = pace;
    this.move = move;
  }

  /** Goes on until it is not wanted any more or the page stands still. Who likes little motion gets one step for each call. */
  go() {
    if (calm.matches && this.#may()) return this.move();
    if (this.#timer || calm.matches || !this.#may()) return;
    this.#timer = setTimeout(() => requestAnimationFrame(() => { // a hidden page has no frames: it goes on when it is seen
      this.#timer = 0;
      if (!this.#may()) return;
      this.move();
      this.go();
    }), this.pace());
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** Does the clock go on for the reader? */
  runs() { return flows(); }

  #may() { return this.wanted() && flows(); }
}
