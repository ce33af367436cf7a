package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// traffic counts what the program asks of the database outside of the pages'
// pipelines, which the engine counts itself.
type traffic struct {
	statements, connects, refused atomic.Uint64
	busy                          atomic.Int64 // nanoseconds that those statements took
}

// began is the key under which a statement's context holds its beginning.
type began struct{}

// TraceQueryStart and TraceQueryEnd count a statement.
func (t *traffic) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	t.statements.Add(1)
	return context.WithValue(ctx, began{}, time.Now())
}

func (t *traffic) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if at, ok := ctx.Value(began{}).(time.Time); ok {
		t.busy.Add(int64(time.Since(at)))
	}
}

// TraceConnectStart and TraceConnectEnd count an attempt to open a session.
func (t *traffic) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	t.connects.Add(1)
	return ctx
}

func (t *traffic) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	if data.Err != nil {
		t.refused.Add(1)
	}
}
