package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/live"
	"github.com/rowcast/rowcast/migrations"
)

// bells keeps the doorbell on the tables that it should be on: at start, when
// dashboards change, and now and then for partitions that are new. A viewer's
// click never gets here.
type bells struct {
	db       *database
	patterns []string
	book     *dashboard.Book
	log      *slog.Logger
	again    chan struct{} // size 1
	said     string        // the last complaint, so that it is said once
}

func newBells(db *database, patterns []string, book *dashboard.Book, log *slog.Logger) *bells {
	return &bells{db: db, patterns: patterns, book: book, log: log, again: make(chan struct{}, 1)}
}

// bellsEvery is how often new partitions and repaired triggers are looked for.
const bellsEvery = time.Minute

func (b *bells) nudge() {
	select {
	case b.again <- struct{}{}:
	default:
	}
}

// Run repeats prepare until ctx ends.
func (b *bells) Run(ctx context.Context) error {
	tick := time.NewTicker(bellsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-b.again:
		}
		b.prepare(ctx)
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
		if said != b.said {
			b.log.Warn("some tables have no doorbell; their pages go by the clock", "error", said)
		}
	}
	b.said = said
}

func (b *bells) install(ctx context.Context) error {
	conn, err := b.db.connect(ctx, "bells")
	if err != nil {
		return fmt.Errorf("reach database: %w", short(err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	patterns := b.patterns
	if slices.Equal(patterns, []string{"auto"}) {
		if patterns, err = tablesOf(ctx, b.book, conn); err != nil {
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

// tablesOf lists the tables that the dashboards read.
func tablesOf(ctx context.Context, book *dashboard.Book, conn *pgx.Conn) ([]string, error) {
	index, err := book.Index(ctx)
	if err != nil {
		return nil, fmt.Errorf("list dashboards: %w", err)
	}
	found := map[string]bool{}
	for _, d := range index.Dashboards {
		page, err := book.Page(ctx, d.Address)
		if err != nil {
			continue // the page itself says what is wrong with it
		}
		tables, err := live.Tables(ctx, conn, page)
		if err != nil {
			return nil, err
		}
		for _, t := range tables {
			found[t] = true
		}
	}
	list := make([]string, 0, len(found))
	for t := range found {
		list = append(list, t)
	}
	slices.Sort(list)
	return list, nil
}
