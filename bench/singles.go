package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// singles are the medians of what the queries of so many values take one session
// without rowcast.
type singles struct {
	anew  time.Duration // each planned for its value, as rowcast has it, and answered before the next is asked
	kept  time.Duration // the same with one plan for all: what is prepared once has it after five runs
	piped time.Duration // planned anew, in one pipeline
}

// references measures them, in turn.
func references(ctx context.Context, g *ground, n int) (s singles, err error) {
	conn, err := g.connect(ctx)
	if err != nil {
		return s, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var anew, kept, piped []time.Duration
	for range 15 {
		for _, way := range []struct {
			mode string
			ask  func(context.Context, *pgx.Conn, string, int) error
			took *[]time.Duration
		}{
			{"force_custom_plan", oneByOne, &anew},
			{"force_generic_plan", oneByOne, &kept},
			{"force_custom_plan", inOnePipeline, &piped},
		} {
			// A name for each mode: a plan that is kept belongs to the statement.
			name := "reference_" + way.mode
			if _, err := conn.Exec(ctx, `SET plan_cache_mode = `+way.mode); err != nil {
				return s, fmt.Errorf("set plan mode: %w", err)
			}
			if _, err := conn.Prepare(ctx, name, `SELECT id, total, note FROM purchases WHERE customer = $1::int ORDER BY id DESC LIMIT 51`); err != nil {
				return s, fmt.Errorf("prepare reference: %w", err)
			}
			began := time.Now()
			if err := way.ask(ctx, conn, name, n); err != nil {
				return s, fmt.Errorf("run reference: %w", err)
			}
			*way.took = append(*way.took, time.Since(began))
		}
	}
	return singles{quantile(anew, 0.5), quantile(kept, 0.5), quantile(piped, 0.5)}, nil
}

func oneByOne(ctx context.Context, conn *pgx.Conn, name string, n int) error {
	for i := range n {
		if err := conn.PgConn().ExecPrepared(ctx, name, [][]byte{strconv.AppendInt(nil, int64(i+1), 10)}, nil, nil).Read().Err; err != nil {
			return err
		}
	}
	return nil
}

func inOnePipeline(ctx context.Context, conn *pgx.Conn, name string, n int) error {
	pipe := conn.PgConn().StartPipeline(ctx)
	for i := range n {
		pipe.SendQueryPrepared(name, [][]byte{strconv.AppendInt(nil, int64(i+1), 10)}, nil, nil)
	}
	return errors.Join(pipe.Sync(), pipe.Close())
}
