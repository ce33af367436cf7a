package dashboard

import (
	"context"
	"slices"
	"time"
)

// doubtPatience is how long PostgreSQL may take to look at a new version.
const doubtPatience = 2 * time.Second

// doubt keeps the last version where PostgreSQL refuses a query of the new one,
// as long as it takes all of the last one's. Where the database does not say,
// the new version is taken. A doubted one is looked at again whenever the folder
// is read: the table that it needs may be there a moment later.
func (b *Book) doubt(ctx context.Context, old, e *entry) {
	if b.cfg.DB == nil || old == nil || old.good == nil || e.good == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, doubtPatience)
	defer cancel()
	found := b.mistakes(ctx, e.good, e.source)
	if len(found) == 0 || len(b.mistakes(ctx, old.good, old.source)) > 0 {
		return
	}
	e.good, e.problems, e.doubted = old.good, found, true
}

// mistakes are those that PostgreSQL finds in a definition; none where it cannot
// be asked.
func (b *Book) mistakes(ctx context.Context, def *definition, source string) []Problem {
	c := checker{db: b.cfg.DB, source: source}
	if err := c.definition(ctx, def); err != nil {
		b.cfg.Log.Warn("the queries of a dashboard cannot be checked", "dashboard", def.slug, "error", Loggable(err))
		return nil
	}
	return slices.DeleteFunc(c.problems, func(p Problem) bool { return p.Note })
}
