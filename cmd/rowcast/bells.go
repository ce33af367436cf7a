package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/extended"
	"github.com/rowcast/rowcast/listener"
	"github.com/rowcast/rowcast/live"
	"github.com/rowcast/rowcast/migrations"
)

// bells keeps the doorbell on the tables that it should be on: at start, when
// dashboards change, and now and then for partitions that are new. A viewer's
// click never gets here.
type bells struct {
	db       *database // as the role that installs
	reader   *database // as the one that reads; the same where no other is named
	patterns []string
	book     *dashboard.Book
	log      *slog.Logger
	again    chan struct{} // size 1
	said     string        // the last complaint, so that it is said once
	crowded  bool          // that there is no room was said
}

func newBells(db, reader *database, patterns []string, book *dashboard.Book, log *slog.Logger) *bells {
	return &bells{db: db, reader: reader, patterns: patterns, book: book, log: log, again: make(chan struct{}, 1)}
}

// bellsEvery is how often new partitions and repaired triggers are looked for.
const bellsEvery = time.Minute

// roomAfter is how long a server waits for a slot before it makes one more: so long
// as one that is being replaced by it may take to leave. Who had one waits againAfter:
// what has it is mostly a session of its own that nothing can end, as where the process
// behind it stands still, and its pages go by the clock meanwhile.
const (
	roomAfter  = 5 * time.Second
	againAfter = 2 * time.Second
	roomEvery  = time.Second // how often it looks
)

func (b *bells) nudge() {
	select {
	case b.again <- struct{}{}:
	default:
	}
}

// Run repeats prepare until ctx ends, and sees to it that the doorbell has a slot.
func (b *bells) Run(ctx context.Context, doorbell *listener.Listener) error {
	tick, look := time.NewTicker(bellsEvery), time.NewTicker(roomEvery)
	defer tick.Stop()
	defer look.Stop()
	var full time.Time // since when it is known to have none, or it last asked for room
	patience := roomAfter
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			switch state := doorbell.State(); {
			case state.Slot > 0:
				full, patience = time.Time{}, againAfter
			case !state.Full():
				full = time.Time{}
			case full.IsZero():
				full = time.Now()
			case time.Since(full) >= patience:
				b.makeRoom(ctx, state.Slots)
				full = time.Now()
			}
			continue
		case <-tick.C:
		case <-b.again:
		}
		b.prepare(ctx)
	}
}

// makeRoom makes one slot more for a server that found none. It costs the writers, so
// only that server asks for it, and nobody takes it back unasked: whoever owns the
// functions may.
func (b *bells) makeRoom(ctx context.Context, slots int) {
	if slices.Equal(b.patterns, []string{"none"}) || slots >= listener.MostSlots {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, roomAfter)
	defer cancel()
	conn, err := b.db.connect(ctx, "bells")
	if err != nil {
		return // prepare says so
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	const set = `SELECT rowcast.set_slots($1::pg_catalog.int4) WHERE rowcast.slots() OPERATOR(pg_catalog.=) $2::pg_catalog.int4`
	err = conn.QueryRow(ctx, set, slots+1, slots).Scan(nil)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // another one that has no slot was quicker
	case err != nil && ctx.Err() == nil && !b.crowded:
		b.crowded = true
		b.log.Warn("there is no room for this server by the bell", "slots", slots, "error", short(err))
	case err == nil:
		b.log.Info("writers ring for one server more", "slots", slots+1)
	}
}

// prepare does what the role may; the pages say where a bell is missing, so
// trouble is only logged.
func (b *bells) prepare(ctx context.Context) {
	if slices.Equal(b.patterns, []string{"none"}) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	said := ""
	if err := b.install(ctx); err != nil && ctx.Err() == nil {
		said = err.Error()
		switch {
		case said == b.said:
		case onlyAwaited(err):
			b.log.Info("no table is there yet for some patterns; it is looked again every minute", "watch", b.patterns)
		default:
			b.log.Warn("some tables have no doorbell; their pages go by the clock", "error", said)
		}
	}
	b.said = said
}

// onlyAwaited tells whether nothing is wrong but that tables which a pattern would name
// have not been made yet, as in a database that is new.
func onlyAwaited(err error) bool {
	switch err := err.(type) {
	case *migrations.NoTableError:
		return err.Many
	case interface{ Unwrap() error }:
		return onlyAwaited(err.Unwrap())
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(err.Unwrap(), func(err error) bool { return !onlyAwaited(err) })
	}
	return false
}

func (b *bells) install(ctx context.Context) error {
	conn, err := b.db.connect(ctx, "bells")
	if err != nil {
		return fmt.Errorf("reach database: %w", short(err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := extended.Exec(ctx, conn, standstill); err != nil {
		return fmt.Errorf("limit session: %w", short(err))
	}
	patterns := b.patterns
	if slices.Equal(patterns, []string{"auto"}) {
		if patterns, err = b.tables(ctx, conn); err != nil {
			return err
		}
		if len(patterns) == 0 {
			return nil
		}
	}
	if _, err := migrations.Up(ctx, b.db.named("rowcast/bells")); err != nil {
		return err
	}
	_, err = migrations.Watch(ctx, conn, patterns)
	return err
}

// tables lists the tables that the dashboards read. Their queries are begun as the role
// that reads; the one that installs only parses them, for it may see what that one may
// not by itself, and must run nothing that stands in a dashboard.
func (b *bells) tables(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	named, err := tablesOf(ctx, b.book, conn, b.reader == b.db)
	if err != nil || b.reader == b.db {
		return named, err
	}
	reads, err := b.reader.connect(ctx, "bells")
	if err != nil {
		return nil, fmt.Errorf("reach database: %w", short(err))
	}
	defer func() { _ = reads.Close(context.WithoutCancel(ctx)) }()
	if err := extended.Exec(ctx, reads, standstill); err != nil {
		return nil, fmt.Errorf("limit session: %w", short(err))
	}
	begun, err := tablesOf(ctx, b.book, reads, true)
	all := slices.Concat(named, begun)
	slices.Sort(all)
	return slices.Compact(all), err
}

// nobody is for whom dashboards are looked at that are read as their viewer: a claim of
// theirs may have to be there, and be a number.
const nobody = "0"

// tablesOf lists the tables that the dashboards read, as parsing their queries shows,
// and starting them where start is true.
func tablesOf(ctx context.Context, book *dashboard.Book, conn *pgx.Conn, start bool) ([]string, error) {
	index, err := book.Index(ctx)
	if err != nil {
		return nil, fmt.Errorf("list dashboards: %w", err)
	}
	found := map[string]bool{}
	for _, d := range index.Dashboards {
		page, err := book.Page(ctx, d.Address)
		if err == nil {
			err = page.For(nobody, []string{nobody})
		}
		if err != nil {
			continue // the page itself says what is wrong with it
		}
		tables, err := live.Tables(ctx, conn, page, start)
		if err != nil {
			return nil, err
		}
		for _, t := range tables {
			found[t] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
