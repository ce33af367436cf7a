package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/extended"
	"github.com/rowcast/rowcast/listener"
	"github.com/rowcast/rowcast/live"
	"github.com/rowcast/rowcast/status"
	"github.com/rowcast/rowcast/web"
)

// serveCommand serves one database until it is told to stop.
type serveCommand struct {
	databaseFlags
	adminFlags
	serveFlags
}

// serveFlags shape the server; demo has them too.
type serveFlags struct {
	accessFlags
	limitFlags
	Listen        string        `default:"127.0.0.1:8080" help:"Address to listen on."`
	Dashboards    string        `placeholder:"DIR" help:"Folder of dashboard files; watched."`
	Watch         []string      `default:"auto" help:"What gets the doorbell at start: auto (the tables that dashboards read), none, or patterns such as public.*."`
	TimeZone      string        `name:"timezone" default:"UTC" help:"Time zone of pages that name none."`
	Wait          time.Duration `default:"60s" help:"How long to wait for the database at start; 0 tries once."`
	Origins       []string      `name:"origin" help:"Further origins whose pages may open a socket or an event stream, and nothing else, such as https://wall.example."`
	Embed         []string      `name:"embed" help:"Origins whose pages may show this server's pages in a frame, such as https://wiki.example."`
	Hosts         []string      `name:"host" help:"Names under which the server is asked for; others are refused. On loopback its own, elsewhere any."`
	PublicURL     string        `name:"public-url" help:"The address that people use: for messages, and as the origin of this server's own pages."`
	BasePath      string        `help:"Path that a proxy puts before every URL, such as /live."`
	Safety        time.Duration `default:"30s" help:"How often a watched page is read unasked."`
	PanelTimeout  time.Duration `default:"5s" help:"Longest a panel's query may take."`
	MetricsListen string        `name:"metrics-listen" placeholder:"ADDRESS" help:"Answer GET /metrics on an address of its own, and not with the pages."`
	TLSCert       string        `placeholder:"FILE" help:"Certificate with its chain, as PEM; renewed when the file changes."`
	TLSKey        string        `placeholder:"FILE" help:"Its private key, as PEM."`
	StrictTLS     time.Duration `name:"hsts" placeholder:"DURATION" help:"How long browsers are told to reach this host by TLS alone, on whichever port, such as 8760h; with --tls-cert."`
	Pprof         string        `placeholder:"ADDRESS" help:"Serve Go's profiles on this loopback address."`
	AllowPrepared bool          `help:"Ring although max_prepared_transactions is set: PREPARE TRANSACTION fails for writers of a watched table."`

	ServeEveryone bool `name:"let-anyone-on-the-network-read" help:"Listen beyond loopback although nobody has to sign in."`
	TrustWay      bool `name:"trust-the-way-to-the-database" help:"Do not warn of a database that need not prove who it is: the network to it is nobody else's."`
	AnyRole       bool `name:"allow-powerful-role" help:"Beyond loopback, read panels as a superuser or an owner of tables."`
}

// Run serves until ctx ends.
func (c *serveCommand) Run(ctx context.Context, s *streams) error {
	db, err := c.open()
	if err != nil {
		return err
	}
	admin, err := c.openAdmin(db)
	if err != nil {
		return err
	}
	return c.serve(ctx, s, db, serving{admin: admin})
}

// serving is what demo adds to serve.
type serving struct {
	admin   *database                     // installs the doorbell; nil: the one that is served
	source  fs.FS                         // dashboards that are not in a folder
	edge    *edge                         // taken already; nil: of the flags
	demo    *web.Demo                     // the order form
	started func(url string)              // called once the address is known
	extra   []func(context.Context) error // run beside the server
}

// serve wires the parts and runs them until ctx ends or one of them fails.
func (f *serveFlags) serve(ctx context.Context, s *streams, db *database, with serving) error {
	signal.Ignore(syscall.SIGPIPE) // the end of who reads the log is not ours
	edge := with.edge
	if edge == nil {
		var err error
		if edge, err = f.openEdge(s.log); err != nil {
			return err
		}
		defer edge.Close()
	}
	proxies, err := access.ParseProxies(f.TrustedProxies)
	if err != nil {
		return err
	}
	gate, sessions, done, err := f.gate(s.log, f.PublicURL, proxies)
	if err != nil {
		return err
	}
	defer done()
	err = db.reach(ctx, f.Wait, func(err error) {
		s.log.Warn("waiting for the database", "database", db.where(), "error", err, "wait", f.Wait)
	})
	if err != nil {
		return err
	}
	if err := f.guardRole(ctx, s, db); err != nil {
		return err
	}
	if f.openToAll() {
		with.extra = append(with.extra, f.remind(s.log))
	}
	pool, err := db.pool(ctx, "catalog", catalogSessions)
	if err != nil {
		return err
	}
	defer pool.Close()
	bulk, err := db.pool(ctx, "bulk", bulkSessions)
	if err != nil {
		return err
	}
	defer bulk.Close()
	book, err := dashboard.Open(ctx, dashboard.Config{
		Dir: f.Dashboards, Source: with.source, DB: pool, Bulk: bulk, TimeZone: f.TimeZone, Log: s.log,
	})
	if err != nil {
		return err
	}
	for _, p := range book.Problems() {
		s.log.Warn("a dashboard has a mistake", "file", p.File, "line", p.Line, "column", p.Column, "what", p.What)
	}
	installer := db
	if with.admin != nil {
		installer = with.admin
	}
	f.cautionWays(s.log, db, installer)
	bells := newBells(installer, db, f.Watch, book, s.log)
	bells.prepare(ctx)

	if gate == nil && book.Restricted() {
		s.log.Warn("dashboards say who may see them, and nobody has to sign in: everybody who gets here may; --auth names a way in")
	}
	app := f.wire(s, db, book, gate, proxies, with)
	if sessions != nil {
		with.extra = append(with.extra, sessions.Run)
	}
	if f.MetricsListen != "" {
		figures, err := f.openMetrics(ctx, app.metrics, s.log)
		if err != nil {
			return err
		}
		with.extra = append(with.extra, figures)
	}
	app.listening.Store(true)
	url := f.url(edge)
	s.log.Info("serving", "url", url, "database", db.where())
	if with.started != nil {
		with.started(url)
	}
	return app.run(ctx, edge, bells, append(with.extra, edge.parts()...))
}

// app is the running server.
type app struct {
	log       *slog.Logger
	spool     *spool
	db        *database
	admin     *database // installs the doorbell; nil, or db: that one does
	gauges    *gauges
	hub       *broadcast.Hub[*delta.State]
	listener  *listener.Listener
	engine    *live.Engine
	book      *dashboard.Book
	web       *web.Server
	metrics   http.Handler
	status    *status.Board
	listening atomic.Bool

	connections int // that one address may have
	relays      func(address string) bool
}

func (f *serveFlags) wire(s *streams, db *database, book *dashboard.Book, gate *access.Gate, proxies access.Proxies, with serving) *app {
	log := s.log
	a := &app{
		log: log, spool: s.spool, db: db, admin: with.admin, book: book, hub: broadcast.New[*delta.State](broadcast.Config{}),
		connections: f.MaxAddressSockets, relays: proxies.Relays,
	}
	a.listener = listener.New(listener.Config{Connect: db.connect, Log: log, AllowPrepared: f.AllowPrepared})
	a.gauges = newGauges(a.listener.Notice)
	a.engine = live.New(live.Config{
		Connect: db.connect, Hub: a.hub, Bell: a.listener, Define: book.Page, Log: log, Meter: a.gauges,
		Safety: f.Safety, StatementTimeout: f.PanelTimeout,
	})
	registry := a.count()
	a.status = status.New(status.Config{Hub: a.hub, Gather: registry, Examine: a.examine, TimeZone: f.TimeZone, Log: log})
	a.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{}) // in Prometheus' text format
	metrics := a.metrics
	if f.MetricsListen != "" {
		metrics = nil
	}
	a.web = web.New(web.Config{
		Access: gate, Metrics: metrics, Pages: pages{book, a.status}, Status: status.Address, Tables: book, Feed: feed{a.engine, a.status}, Hub: a.hub, PublicURL: f.PublicURL, Origins: f.Origins, Log: log,
		BasePath: strings.TrimRight(f.BasePath, "/"), Limits: f.limits(), Proxies: proxies, Hosts: f.hosts(),
		Ready: a.ready, Demo: with.demo, Database: db.config.Database,
		Folder: f.Dashboards, Role: db.config.User, Embed: f.Embed, Direct: f.direct(), StrictTLS: f.StrictTLS, Authors: f.mayAuthor(),
	})
	return a
}

func (a *app) ready() web.Readiness {
	r := web.Readiness{Ready: a.listening.Load()}
	if state := a.listener.State(); !state.Connected {
		r.Degraded = state.Reason
		if r.Degraded == "" {
			r.Degraded = "database_unreachable"
		}
	}
	return r
}

// run runs every part; the first that fails stops the others. When ctx ends
// the sockets are told before anything is torn down.
func (a *app) run(ctx context.Context, edge *edge, bells *bells, extra []func(context.Context) error) error {
	parts, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, running := errgroup.WithContext(parts)
	group.Go(func() error { return a.listener.Run(running, a.engine) })
	group.Go(func() error { return a.engine.Run(running) })
	group.Go(func() error { return a.status.Run(running) })
	group.Go(func() error {
		return a.book.Run(running, func(slugs []string) { a.reloaded(running, bells, slugs) })
	})
	group.Go(func() error { return bells.Run(running, a.listener) })
	group.Go(func() error { return a.db.probe(running) })
	for _, part := range extra {
		group.Go(func() error { return part(running) })
	}
	group.Go(func() error { return a.web.Run(running) })
	server := a.web.HTTPServer()
	gate := newGate(edge.Listener, descriptors(), a.connections, a.relays, a.web.Connections)
	server.ConnState = gate.count
	group.Go(func() error { return edge.serve(server, gate) })
	group.Go(func() error {
		select {
		case <-ctx.Done():
		case <-running.Done():
		}
		a.shutDown(server)
		stop()
		return nil
	})
	err := group.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// shutDown says goodbye to every socket, then closes the server; together at
// most nine seconds, so that the process is gone within ten.
func (a *app) shutDown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	a.web.Drain(ctx)
	ctx, cancel = context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}

// reloaded brings changed dashboards into the open browsers.
func (a *app) reloaded(ctx context.Context, bells *bells, slugs []string) {
	changed := map[string]bool{}
	for _, slug := range slugs {
		changed[slug] = true
	}
	for _, p := range a.book.Problems() {
		a.log.Warn("a dashboard has a mistake", "file", p.File, "line", p.Line, "column", p.Column, "what", p.What, "hint", p.Hint)
	}
	bells.nudge()
	a.web.Look() // they may be for others now
	a.engine.Retire(func(p *dashboard.Page) bool { return changed[p.Slug] })
}

func (f *serveFlags) url(edge *edge) string {
	if f.PublicURL != "" {
		return strings.TrimRight(f.PublicURL, "/") + "/"
	}
	host, port, _ := net.SplitHostPort(edge.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return edge.scheme() + "://" + net.JoinHostPort(host, port) + strings.TrimRight(f.BasePath, "/") + "/"
}

// standstill has the database end a session that stands still, because its process
// does, between two statements of a transaction or, over TCP, in the middle of an
// answer. A server that does not know one of the settings goes without.
const standstill = `SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', '5s', false),
	(SELECT pg_catalog.set_config(name, '8s', false) FROM pg_catalog.pg_settings WHERE name = 'tcp_user_timeout')`

// pool serves what is asked beside the pages: lookups in the catalog, or counts
// and exports. It is small, and holds no session that nobody uses.
func (d *database) pool(ctx context.Context, role string, most int32) (pool extended.Pool, err error) {
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		return pool, fmt.Errorf("make pool: %w", redacted(err))
	}
	config.ConnConfig = d.named("rowcast/" + role)
	// Not as parameters of the start, which PgBouncer refuses; and machine code
	// would be made anew for each look at the catalog.
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		const set = `SELECT pg_catalog.set_config('statement_timeout', '5s', false), pg_catalog.set_config('jit', 'off', false)`
		for _, limits := range []string{set, standstill} {
			if err := extended.Exec(ctx, conn, limits); err != nil {
				return fmt.Errorf("limit session: %w", err)
			}
		}
		return nil
	}
	config.MaxConns, config.MinConns = most, 0
	config.MaxConnIdleTime = 30 * time.Second
	// It looks at each session first: one that the database ended just now would be a page that fails.
	if pool, err = extended.NewPool(ctx, config); err != nil {
		return pool, fmt.Errorf("make pool: %w", err)
	}
	return pool, nil
}
