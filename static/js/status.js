// Colours of an enum's labels: the same rules as views/status.go. Pure.

/** Words that people use for states, by the colour that says the same. @type {Record<string, string>} */
const MEANINGS = {
  green: "accepted active approved complete completed delivered done enabled healthy ok online passed resolved succeeded success successful up verified",
  teal: "available confirmed paid ready",
  blue: "created in_progress in_transit info new packed processing running sending started",
  amber: "delayed high hold in_review late on_hold open paused pending queued review todo unpaid waiting warn warning",
  red: "blocked broken canceled cancelled critical dead declined denied down error expired failed failure fatal invalid lost overdue refunded rejected urgent",
  grey: "archived closed deleted disabled draft ignored inactive low none off offline shipped skipped unknown",
};
const MEANING = new Map(Object.entries(MEANINGS).flatMap(([color, words]) => words.split(" ").map((w) => /** @type {const} */ ([w, color]))));
/** Colours that promise nothing, in the order in which they are dealt out. */
const NEUTRAL = ["blue", "purple", "teal", "olive", "pink", "navy", "brown"];

/** Gives the labels of an enum their colours. @param {string[]} labels @returns {Record<string, string>} */
export function deal(labels) {
  const known = labels.map((l) => MEANING.get(l.replace(/[A-Z]/g, (c) => c.toLowerCase()).replace(/[- ]/g, "_")) ?? "");
  const left = NEUTRAL.filter((c) => !known.includes(c));
  return Object.fromEntries(labels.map((l, i) => [l, known[i] || left.shift() || "grey"]));
}
