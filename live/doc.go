// Package live runs the pages that somebody watches, once for all viewers.
//
// # What it promises
//
// Every frame that it publishes is the answer of the page's queries in one
// committed snapshot: all panels of a page are read in one REPEATABLE READ
// READ ONLY transaction, and what changed goes out as one frame. A page never
// goes back within its epoch. A notification only says that it is time to
// look; the truth always comes from the SELECT, so a lost, doubled or forged
// notification costs time, never correctness.
//
// # A cycle
//
//	ring ─▶ page dirty ─▶ wait for the frame interval ─▶ arm its bells
//	     ─▶ BEGIN, LOCK … ACCESS SHARE, snapshot ─▶ read all panels
//	     ─▶ check the relations ─▶ ROLLBACK ─▶ diff ─▶ publish
//
// One cycle runs at a time. It reads the pages that are due, each distinct
// query once, in one pipeline; pages that tore of late apart from the others.
// A page is due when one of its bells rang, when a bell could not be armed,
// when its clock came round, or when the safety interval passed.
//
// # Turns
//
// A cycle has a budget. Pages that it did not begin within that are left as
// they are, dirty and without a proof, and come first in the next cycle. Each
// cycle reads at least one page to its end, so every page has its turn.
//
// # Opening
//
// The first frame of a page waits a moment for each query, and no longer. What
// was put off is tried in the lane, and joins its page or stays there.
//
// # Heavy panels
//
// What takes more than a hundredth of a second rests ten times as long, from its
// first reading on, and leaves its page for the lane before the others notice. So a
// query has a tenth of a core at most, whoever watches and however fast its tables
// change, and the last write is always read.
//
// # Sessions
//
// Three at the most: one opens pages and looks after the catalog and after what
// each page reads, one runs the cycles, one runs what is too slow or too broken to share a cycle. They
// are opened when needed and closed when nobody watches.
//
// # How "live" is proven
//
// A page is proven up to the later of the start of the transaction that took
// its last snapshot, and the clock value of the last ping, if all its bells
// have been armed with the same generation since before that snapshot. It is
// live while that is younger than 2.5 seconds, and the doorbell has been there
// once: on a standby, whose clock says nothing of what is committed, it never is.
package live
