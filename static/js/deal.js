// Panels dealt to the screens of a wall: the fewest screens, and of those ways the one that leaves the least of them empty. Pure.

/**
 * One line of panels; tall: px as those that cannot give way need it; most: px that it can fill; open: it may be taller; whole: no
 * panel reaches into the next; panels: those that begin on it.
 * @template T @typedef {{top: number, tall: number, most: number, open: boolean, whole: boolean, panels: T[]}} Line
 */

/** What a panel costs that is cut short because it reaches into a line of the next screen: as a screen of which a third is empty. */
const CUT = 0.1;

/** px that a line needs. @param {Pick<Line<unknown>, "tall"|"open"|"most">} l @param {number} low of an open line that has more to show */
export const least = (l, low) => Math.max(l.tall, l.open ? Math.min(low, l.most) : 0);

/**
 * @template T
 * @param {T[]} panels in their order @param {(rest: T[]) => Line<T>[]} lines as these panels stand without limits
 * @param {number} room px @param {number} gap px between lines @param {number} low px of an open line at least
 * @returns {T[][]}
 */
export function deal(panels, lines, room, gap, low) {
  /** @typedef {{cost: number, screens: T[][]}} Way */
  /** @type {Map<number, Way>} by how many panels are left: they are always the last ones */ const known = new Map();
  /** @param {T[]} rest @returns {Way} */
  const best = (rest) => {
    if (!rest.length) return { cost: 0, screens: [] };
    const before = known.get(rest.length);
    if (before) return before;
    /** @type {Way|undefined} */ let way;
    const all = lines(rest), /** @type {T[]} */ here = [];
    for (let n = 0, used = -gap, filled = -gap; n < all.length; n++) {
      used += gap + least(all[n], low);
      if (n && used > room) break; // one line stands on each, and be it too tall
      filled += gap + Math.max(least(all[n], low), all[n].most);
      here.push(...all[n].panels);
      const empty = Math.max(0, 1 - filled / room), after = best(rest.filter((p) => !here.includes(p)));
      const cost = after.cost + empty ** 2 + (all[n].whole ? 0 : CUT);
      if (!way || after.screens.length + 1 < way.screens.length || (after.screens.length + 1 === way.screens.length && cost <= way.cost)) way = { cost, screens: [[...here], ...after.screens] };
    }
    way ??= { cost: 0, screens: [rest] };
    known.set(rest.length, way);
    return way;
  };
  return best(panels).screens;
}

/**
 * How the lines that may be taller share what is left: evenly, but none gets more than it can fill while another could use it.
 * @param {Line<unknown>[]} lines @param {number} room px @param {number} gap px @param {number} low px @returns {number[]} px of each
 */
export function shares(lines, room, gap, low) {
  let left = room - gap * (lines.length - 1) - lines.reduce((n, l) => n + (l.open ? 0 : l.tall), 0), hungry = lines.filter((l) => l.open);
  const share = new Map(lines.map((l) => [l, l.open ? least(l, low) : l.tall]));
  for (let sated = true; sated && hungry.length;) {
    const each = left / hungry.length, full = hungry.filter((l) => l.most <= each);
    for (const l of full.length ? full : hungry) share.set(l, Math.max(1, least(l, low), Math.min(l.most, each)));
    for (const l of full) left -= l.most;
    hungry = hungry.filter((l) => !full.includes(l));
    sated = full.length > 0;
  }
  return lines.map((l) => Math.round(share.get(l) ?? 1));
}
