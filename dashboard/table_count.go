package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/extended"
)

// Count is how many rows there are, or about how many.
type Count struct {
	Rows  int64     `json:"rows"`
	Exact bool      `json:"exact"`       // else it is the planner's estimate
	At    time.Time `json:"at,omitzero"` // when they were counted
}

// Estimate is what the catalog knows about the number of rows; nil where it
// knows nothing, as of filtered rows.
func (t *Table) Estimate() *Count {
	if t.RowsEstimate < 0 || len(t.Where) > 0 || t.Search != "" {
		return nil
	}
	return &Count{Rows: t.RowsEstimate}
}

// Counting is bounded, so that viewers cannot load the database with it: by
// the planner's forecast, by time, and by how many counts run at once. An answer
// serves everybody for a moment that grows with what it cost.
const (
	countedRows  = 100_000
	countedCost  = 100_000 // of the planner: about a second of reading
	countLimit   = time.Second
	countFresh   = 2 * time.Second
	countShare   = 20 // times as long as it took, an answer serves
	mostCounts   = 2  // at once
	heldCounts   = 1000
	countPatient = 5 * time.Second
)

// counter remembers counts, and lets one at a time ask the same.
type counter struct {
	mu    sync.Mutex
	held  map[string]*counting // by what is counted
	slots chan struct{}
}

// counting is a count, under way until done is closed.
type counting struct {
	done  chan struct{}
	count Count
	until time.Time
	err   error
}

// Count counts the rows that a table page's filters leave, on all its pages:
// exactly where that is cheap, else by the planner's estimate.
func (b *Book) Count(ctx context.Context, p *Page) (Count, error) {
	if p.Table == nil {
		return Count{}, refuse("bad_request", "only the rows of a table are counted")
	}
	w := &condition{}
	from := p.Table.from(w)
	what := fmt.Sprintf("%q %q", p.Role, p.Settings) + from // others may see other rows
	for _, a := range w.args {
		what += "\x00" + *a
	}
	c, first := b.counts.begin(what)
	if first {
		c.count, c.until, c.err = b.count(context.WithoutCancel(ctx), p, from, w.args)
		close(c.done)
	}
	select {
	case <-c.done:
		return c.count, c.err
	case <-ctx.Done():
		return Count{}, ctx.Err()
	}
}

// begin finds the count that serves; first is true for who has to make it.
func (c *counter) begin(what string) (count *counting, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if held := c.held[what]; held != nil {
		select {
		case <-held.done:
			if time.Now().Before(held.until) {
				return held, false
			}
		default:
			return held, false
		}
	}
	if c.held == nil || len(c.held) >= heldCounts {
		c.held = map[string]*counting{}
	}
	count = &counting{done: make(chan struct{})}
	c.held[what] = count
	return count, true
}

func (b *Book) count(ctx context.Context, p *Page, from string, args []*string) (c Count, until time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, countPatient)
	defer cancel()
	select {
	case b.counts.slots <- struct{}{}:
		defer func() { <-b.counts.slots }()
	case <-ctx.Done():
		return c, until, refuse("too_many", "too many tables are being counted; ask again in a moment")
	}
	began := time.Now()
	err = reading(ctx, b.cfg.Bulk, p, countLimit, func(tx extended.Tx) error {
		c, err = countRows(ctx, tx, from, args)
		return err
	})
	if known := p.Table.Estimate(); refusedBySQL(err) && known != nil {
		c, err = *known, nil // it is locked, or gone since; the catalog's word is better than none
		c.At = began.UTC().Truncate(time.Microsecond)
	}
	if err != nil {
		return c, until, unavailable(err)
	}
	if p.RunsAsViewer() && !c.Exact { // the planner's numbers are those of everybody's rows
		return Count{}, until, refuse("forbidden", "there are too many rows to count those that are for you")
	}
	return c, time.Now().Add(max(countFresh, countShare*time.Since(began))), nil
}

func countRows(ctx context.Context, tx extended.Tx, from string, args []*string) (Count, error) {
	rows, cost, err := forecast(ctx, tx, "SELECT 1"+from, args)
	c := Count{Rows: rows, At: time.Now().UTC().Truncate(time.Microsecond)}
	if err != nil || rows > countedRows || cost > countedCost {
		return c, err
	}
	var exact int64
	err = tx.Conn().QueryRow(ctx, "SELECT pg_catalog.count(*)"+from, textArgs(args)...).Scan(&exact)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "57014" {
		return c, nil // it takes too long after all
	}
	if err != nil {
		return c, fmt.Errorf("count rows: %w", err)
	}
	return Count{Rows: exact, Exact: true, At: c.At}, nil
}

// forecast is what the planner expects of a query.
func forecast(ctx context.Context, tx extended.Tx, sql string, args []*string) (rows int64, cost float64, err error) {
	text, err := explain(ctx, tx, sql, args)
	if err != nil {
		return 0, 0, err
	}
	var plans []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
			Cost float64 `json:"Total Cost"`
		}
	}
	if err := json.NewDecoder(strings.NewReader(string(text))).Decode(&plans); err != nil || len(plans) != 1 {
		return 0, 0, fmt.Errorf("read plan: %w", err)
	}
	return int64(plans[0].Plan.Rows), plans[0].Plan.Cost, nil
}
