// Times of day as the page's own clock has them: that of the dashboard's time zone, as the server wrote the first ones, wherever
// the reader is.

/** @type {string|undefined} an IANA name; none where there is no page */
const named = globalThis.document?.body?.dataset.zone;
const timeZone = named && known(named) ? named : undefined;

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { timeZone, day: "numeric", month: "short" });
const DATE = new Intl.DateTimeFormat("en-GB", { timeZone, day: "numeric", month: "long", year: "numeric" });

/** A moment's time of day: "14:32:08". @param {number} ms */
export const clock = (ms) => CLOCK.format(ms);

/** A moment's day: "25 November 2026". @param {number} ms */
export const date = (ms) => DATE.format(ms);

/** A moment's time of day, with its day where that is another one. @param {number} ms @param {number} now */
export const moment = (ms, now) => (date(ms) === date(now) ? clock(ms) : `${DAY.format(ms)}, ${clock(ms)}`);

/** Does the browser know a time zone? @param {string} zone */
function known(zone) {
  try {
    return !!new Intl.DateTimeFormat("en-GB", { timeZone: zone });
  } catch {
    return false; // a zone younger than the browser
  }
}
