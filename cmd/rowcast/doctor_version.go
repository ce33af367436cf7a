package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// release is what is known of a major version of PostgreSQL.
type release struct {
	// sound is the first minor version in which LISTEN no longer fails for good after a
	// notification queue was left unread for long (November 2025).
	sound int
	// safe is the minor version of knownUntil. Those before it lack what keeps a role that
	// only reads from running code as the server: CVE-2026-2006 (February 2026) and
	// CVE-2026-14669 (August 2026), among others.
	safe int
	// ends is the day from which on nothing of it is mended.
	ends time.Time
}

// knownUntil is the day of the newest releases that were known when this was written:
// 18.6, 17.11, 16.15, 15.19 and 14.24. The days on which they end are those of
// https://www.postgresql.org/support/versioning/.
var knownUntil = time.Date(2026, time.August, 13, 0, 0, 0, 0, time.UTC)

// releaseOf is nil for a major version of which nothing is known.
func releaseOf(major int) *release {
	november := func(year, day int) time.Time { return time.Date(year, time.November, day, 0, 0, 0, 0, time.UTC) }
	switch major {
	case 14:
		return &release{20, 24, november(2026, 12)}
	case 15:
		return &release{15, 19, november(2027, 11)}
	case 16:
		return &release{11, 15, november(2028, 9)}
	case 17:
		return &release{7, 11, november(2029, 8)}
	case 18:
		return &release{1, 6, november(2030, 14)}
	}
	return nil
}

func lookVersion(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	var number int
	var text string
	err := conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
		pg_catalog.current_setting('server_version')`).Scan(&number, &text)
	return versionFinding(number, text, time.Now()), err
}

// versionFinding judges a version by its number, such as 150014, and names it by
// its text. It says what it goes by, for newer releases than it knows are to be had.
func versionFinding(number int, text string, now time.Time) finding {
	major, minor := number/10000, number%10000
	f := finding{good: major >= 14, what: "PostgreSQL " + text}
	known := releaseOf(major)
	switch {
	case !f.good:
		f.what += ", which is older than 14"
		f.do = "upgrade PostgreSQL"
		return f
	case known == nil:
		f.what += ", which is newer than what this program was tested with"
		return f
	}
	upgrade := fmt.Sprintf("upgrade to the newest %d, which is %d.%d or later; no dump is needed", major, major, known.safe)
	by := ", by what was released until " + knownUntil.Format(time.DateOnly)
	switch {
	case minor < known.sound:
		f.note, f.do = true, upgrade
		f.what += ": a notification queue that nobody empties can make LISTEN fail until a restart, and a role that only reads can do more; mended since" + by
	case minor < known.safe:
		f.note, f.do = true, upgrade
		f.what += fmt.Sprintf(": %d.%d mended what lets a role that only reads do more%s", major, known.safe, by)
	default:
		f.what += " lacks nothing" + by
	}
	if !now.Before(known.ends) {
		f.note = true
		f.what += fmt.Sprintf("; since %s nothing of PostgreSQL %d is mended any more", known.ends.Format(time.DateOnly), major)
		f.do = "upgrade to a newer major version"
	}
	return f
}
