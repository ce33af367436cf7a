package main

import (
	"context"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/live"
	"github.com/rowcast/rowcast/status"
)

// pages are those of the book and the server's own.
type pages struct {
	*dashboard.Book
	status *status.Board
}

// Subject says what an address is about.
func (p pages) Subject(address string) (dashboard.Subject, error) {
	if status.Is(address) {
		return dashboard.Subject{Kind: dashboard.KindStatus}, nil
	}
	return p.Book.Subject(address)
}

// Page makes the page of an address.
func (p pages) Page(ctx context.Context, address string) (*dashboard.Page, error) {
	if status.Is(address) {
		return p.status.Page(), nil
	}
	return p.Book.Page(ctx, address)
}

// feed runs a page where it is run.
type feed struct {
	engine *live.Engine
	status *status.Board
}

// Open watches a page until release is called.
func (f feed) Open(p *dashboard.Page) (release func()) {
	if p.Kind == dashboard.KindStatus {
		return f.status.Open(p)
	}
	return f.engine.Open(p)
}

// examine is the doctor's visit for the status page.
func (a *app) examine(ctx context.Context) ([]status.Finding, error) {
	conn, err := a.db.connect(ctx, "doctor")
	if err != nil {
		return nil, short(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	list, err := examine(ctx, a.db, conn, looks())
	if err != nil {
		return nil, short(err)
	}
	all := make([]status.Finding, len(list))
	for i, f := range list {
		all[i] = status.Finding{State: f.state(), What: f.what, Mend: f.mend()}
	}
	return all, nil
}
