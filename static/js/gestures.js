// How a reader points at a chart and zooms it: with a mouse, with fingers, with keys. Knows nothing of what is drawn.

/**
 * Places are in px from the left of the plot.
 * @typedef {{
 *   point(left: number): void, leave(): void,
 *   press(left: number): void, drag(left: number): void, drop(): void, cancel(): boolean,
 *   grip(a: number, b: number): void, pinch(a: number, b: number): void,
 *   step(by: number): void, go(end: "first"|"last"): void, closer(by: number): void, shift(by: number): void, whole(): boolean,
 * }} Reader press, drag, drop: of a part to be shown; cancel: says whether there was one; grip, pinch: two fingers; step, go: to
 * another point; whole: back to all of it, says whether it was less
 */

const STILL = 5, TWICE = 350, NEAR = 30; // px that a press may move; ms and px between the taps of a double tap

/** The wheel is left to the page, and so is a finger that goes up or down. @param {HTMLElement} over the plot @param {Reader} reader */
export function pointing(over, reader) {
  /** @type {Map<number, number>} fingers on the plot, and where */ const fingers = new Map();
  /** @type {number|null} */ let pressed = null;
  let moved = false, tapped = 0, tappedAt = 0;
  const left = /** @param {MouseEvent} e */ (e) => e.clientX - over.getBoundingClientRect().left;
  const pair = () => /** @type {[number, number]} */ ([...fingers.values()]);

  over.addEventListener("pointerdown", (e) => {
    const at = left(e);
    if (e.pointerType !== "touch") {
      if (e.button) return;
      over.setPointerCapture(e.pointerId);
      [pressed, moved] = [at, false];
      return reader.press(at);
    }
    fingers.set(e.pointerId, at);
    [pressed, moved] = [at, fingers.size > 1];
    if (fingers.size === 2) reader.grip(...pair());
  });
  over.addEventListener("pointermove", (e) => {
    const at = left(e);
    if (e.pointerType === "touch") {
      if (!fingers.has(e.pointerId)) return;
      fingers.set(e.pointerId, at);
      if (fingers.size === 2) return reader.pinch(...pair());
      moved ||= Math.abs(at - (pressed ?? at)) > STILL;
      if (moved && fingers.size === 1) reader.point(at);
      return;
    }
    reader.point(at);
    moved ||= pressed !== null && Math.abs(at - pressed) >= STILL;
    if (pressed !== null && moved) reader.drag(at);
  });
  const end = /** @param {PointerEvent} e */ (e) => {
    const at = left(e), up = e.type === "pointerup";
    if (e.pointerType !== "touch") {
      if (up && moved && pressed !== null) reader.drop();
      else reader.cancel();
    } else if (fingers.delete(e.pointerId) && up && !moved) tap(e.timeStamp, at);
    if (!fingers.size) pressed = null;
  };
  over.addEventListener("pointerup", end);
  over.addEventListener("pointercancel", end);
  over.addEventListener("pointerleave", (e) => { if (e.pointerType !== "touch" && pressed === null) reader.leave(); });
  over.addEventListener("dblclick", () => reader.whole());

  /** @param {number} time @param {number} at */
  function tap(time, at) {
    const second = time - tapped < TWICE && Math.abs(at - tappedAt) < NEAR;
    [tapped, tappedAt] = [second ? 0 : time, at];
    if (!second || !reader.whole()) reader.point(at);
  }
}

/** @param {HTMLElement} host what has the focus @param {Reader} reader */
export function keys(host, reader) {
  host.addEventListener("keydown", (e) => {
    if (e.metaKey || e.ctrlKey || e.altKey || e.target !== host) return;
    const done = act(e.key, e.shiftKey, reader);
    if (!done) return;
    e.preventDefault();
    e.stopPropagation();
  });
}

/** @param {string} key @param {boolean} shift @param {Reader} reader @returns {boolean} whether it is one of a chart's */
function act(key, shift, reader) {
  switch (key) {
    case "ArrowLeft": case "ArrowRight": {
      const by = key === "ArrowLeft" ? -1 : 1;
      if (shift) reader.shift(by);
      else reader.step(by);
      return true;
    }
    case "Home": reader.go("first"); return true;
    case "End": reader.go("last"); return true;
    case "+": case "=": reader.closer(2); return true;
    case "-": case "_": reader.closer(0.5); return true;
    case "0": reader.whole(); return true;
    case "Escape":
      if (!reader.cancel() && !reader.whole()) reader.leave();
      return true;
    default: return false;
  }
}
