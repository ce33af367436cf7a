package dashboard

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	mostOptions     = 1000
	optionsFresh    = 10 * time.Second // how long a list of options is used again
	optionsPatience = 2 * time.Second
)

// optionCache keeps what the options' queries answered last.
type optionCache struct {
	mu   sync.Mutex
	held map[string]heldOptions // by query
}

type heldOptions struct {
	options []string
	at      time.Time
}

// fillOptions asks the database for the options that come from it. A page
// without them still works, so trouble is only logged.
func (b *Book) fillOptions(ctx context.Context, p *Page) {
	for i := range p.Variables {
		v := &p.Variables[i]
		if v.query == "" || b.cfg.DB == nil {
			continue
		}
		v.Options = b.optionsOf(ctx, p, v)
		for _, value := range []string{v.Value, v.Default} {
			if !slices.Contains(v.Options, value) && (value != "" || v.nullable) {
				v.Options = slices.Insert(v.Options, 0, value) // what is chosen can be seen, and unchosen
			}
		}
	}
}

// optionsOf answers with a list that the caller may change.
func (b *Book) optionsOf(ctx context.Context, p *Page, v *Variable) []string {
	b.options.mu.Lock()
	held, ok := b.options.held[v.query]
	b.options.mu.Unlock()
	if ok && time.Since(held.at) < optionsFresh {
		return slices.Clone(held.options)
	}
	ctx, cancel := context.WithTimeout(ctx, optionsPatience)
	defer cancel()
	options, err := b.askOptions(ctx, v.query)
	if err != nil {
		b.cfg.Log.Warn("the options of a variable cannot be read", "dashboard", p.Slug, "variable", v.Name, "error", err)
		options = held.options
	}
	b.options.mu.Lock()
	defer b.options.mu.Unlock()
	if b.options.held == nil || len(b.options.held) > mostOptions {
		b.options.held = map[string]heldOptions{}
	}
	b.options.held[v.query] = heldOptions{options, time.Now()}
	return slices.Clone(options)
}

// askOptions reads the first column of the query's rows, without NULLs and
// repetitions.
func (b *Book) askOptions(ctx context.Context, query string) ([]string, error) {
	tx, err := b.cfg.DB.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	rows, err := tx.Query(ctx, fmt.Sprintf("SELECT * FROM (\n%s\n) q LIMIT %d", query, mostOptions),
		pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	defer rows.Close()
	var options []string
	seen := map[string]bool{}
	for rows.Next() {
		values := rows.RawValues()
		if len(values) == 0 || values[0] == nil || seen[string(values[0])] {
			continue
		}
		seen[string(values[0])] = true
		options = append(options, string(values[0]))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	return options, nil
}
