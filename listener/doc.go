// Package listener is the server's side of the doorbell: it keeps LISTEN and the bells alive, and says which
// tables changed, or that anything may have changed.
//
// Writers ring only while somebody sleeps by the bell. A bell is armed by an exclusive advisory lock on
// (bell, slot); every writer's trigger tries to share it. A writer that gets the lock goes by silently, and
// keeps it to the end of its transaction, so the grant waits for exactly those writers that did not ring.
//
//	           Arm, granted                  Rang
//	unarmed ─────────────────▶ armed (n) ───────────────┐
//	   ▲                        │     │                 ▼
//	   │          Lost          │     └─ Disarm, ──▶ releasing
//	   ├────────────────────────┘        Muted          │
//	   └──────────────── key given back ────────────────┘
//
// # Guarantees
//
//   - A snapshot taken after [Listener.Arm] returned a bell's generation sees every write to its tables that
//     will not ring. Every other write calls Rang when it commits, or ends in Reset.
//   - A generation ends with the first ring, Disarm or loss, and its number never comes back. While
//     [Listener.Generation] still answers with it when Proved(at) is handled, all that committed before `at`
//     was in a snapshot taken after it began.
//   - Reset comes after every LISTEN that committed: what happened before it may have gone unheard.
//   - Lost comes at the latest a second after the next ping is due, when either session fails or is late; by
//     then no bell is armed in the books.
//   - Arming makes writers ring while it waits, so it waits at most 10 ms at a time and a tenth of the time.
//     Nothing that a caller's context does can end it halfway and leave a lock that nobody knows of.
//   - Two sessions, never more. On the server's side each ends after five seconds without a word from here, so
//     a frozen server leaves no lock behind.
//
// # What runs in the database
//
// The arming session: one statement a second (the ping while watched, the queue's usage, the identity of
// rowcast.ring()), rowcast.arm and rowcast.disarm as asked for. The listening session: SELECT 1 every two
// seconds. Nothing else after connecting.
package listener
