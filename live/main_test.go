package live_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/listener"
	"github.com/rowcast/rowcast/live"
	"github.com/rowcast/rowcast/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// bench is an engine with a real listener on a database of its own.
type bench struct {
	*testing.T
	wire   wire
	url    string
	conn   *pgx.Conn
	hub    *broadcast.Hub[*delta.State]
	engine *live.Engine
}

// start runs an engine on a database with the given SQL and bells on every
// table of public.
func start(t *testing.T, sql string, change ...func(*live.Config)) *bench {
	t.Parallel()
	t.Helper()
	db := pgtest.New(t)
	b := &bench{T: t, url: db.URL, hub: broadcast.New[*delta.State](broadcast.Config{})}
	b.conn = b.connect()
	b.exec(sql)
	b.watch()
	b.run(change...)
	return b
}

func (b *bench) run(change ...func(*live.Config)) {
	connect := func(ctx context.Context, role string) (*pgx.Conn, error) {
		config, err := pgx.ParseConfig(b.url)
		if err != nil {
			return nil, err
		}
		config.MaxProtocolMessageBodyLen = 16 << 20
		config.RuntimeParams["application_name"] = "rowcast/" + role
		config.DialFunc = b.wire.dialer(config.DialFunc, role)
		return pgx.ConnectConfig(ctx, config)
	}
	log := slog.New(slog.NewTextHandler(testWriter{b.T}, nil))
	bell := listener.New(listener.Config{Connect: connect, Log: log})
	config := live.Config{Connect: connect, Hub: b.hub, Bell: bell, Log: log}
	for _, f := range change {
		f(&config)
	}
	b.engine = live.New(config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- bell.Run(ctx, b.engine) }()
	go func() { done <- b.engine.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		}
	})
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

func (b *bench) connect() *pgx.Conn {
	b.Helper()
	conn, err := pgx.Connect(context.Background(), b.url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (b *bench) exec(sql string, args ...any) {
	b.Helper()
	// Several statements at once go by the simple protocol; tests may.
	var err error
	if len(args) == 0 {
		err = b.conn.PgConn().Exec(context.Background(), sql).Close()
	} else {
		_, err = b.conn.Exec(context.Background(), sql, args...)
	}
	if err != nil {
		b.Fatalf("%s: %v", sql, err)
	}
}

func (b *bench) watch() {
	b.Helper()
	config, err := pgx.ParseConfig(b.url)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := migrations.Up(context.Background(), config); err != nil {
		b.Fatal(err)
	}
	var tables int
	if err := b.conn.QueryRow(context.Background(), `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname = 'public' AND relkind IN ('r','p')`).Scan(&tables); err != nil {
		b.Fatal(err)
	}
	if tables == 0 {
		return
	}
	if _, err := migrations.Watch(context.Background(), b.conn, []string{"public.*"}); err != nil {
		b.Fatal(err)
	}
}

// viewer is one who watches a page and applies what it is sent.
type viewer struct {
	*bench
	sub      *broadcast.Subscription[*delta.State]
	state    *delta.State
	status   delta.Message
	proof    time.Time // up to when what is shown is proven, as the newest status says
	frames   int
	replaced int // panels that were, by a delta
	queue    []broadcast.Message
	heard    time.Time // when the queue came
}

func page(address string, panels ...dashboard.Panel) *dashboard.Page {
	for i := range panels {
		if panels[i].Limit == 0 {
			panels[i].Limit = 1000
		}
	}
	return &dashboard.Page{Address: address, Panels: panels}
}

func panel(id, sql string) dashboard.Panel {
	return dashboard.Panel{ID: id, SQL: sql, Type: "table", Ordered: true}
}

func (b *bench) view(p *dashboard.Page) *viewer {
	release := b.engine.Open(p)
	v := &viewer{bench: b, sub: b.hub.Subscribe(p.ID(), "")}
	b.Cleanup(func() { v.sub.Close(); release() })
	return v
}

// next applies the next message.
func (v *viewer) next(ctx context.Context) error {
	for len(v.queue) == 0 {
		batch, err := v.sub.Next(ctx)
		if err != nil {
			return err
		}
		v.queue, v.heard = batch.Messages, time.Now()
	}
	data := v.queue[0].Data
	v.queue = v.queue[1:]
	msg, err := delta.Decode(data)
	if err != nil {
		v.Fatalf("decode %.2000s: %v", data, err)
	}
	switch msg.Type {
	case delta.TypeSnapshot, delta.TypeDelta:
		if v.state, err = delta.ApplyState(v.state, &msg); err != nil {
			v.Fatalf("apply %.2000s: %v", data, err)
		}
		v.frames++
		for _, c := range msg.Changes {
			if msg.Type == delta.TypeDelta && c.Replace {
				v.replaced++
			}
		}
	case delta.TypeStatus:
		v.status, v.proof = msg, v.heard.Add(-msg.Age)
		if at := v.told().At; at.Before(v.proof) { // it was heard late
			v.proof = at
		}
	}
	return nil
}

// until applies what comes until the condition holds, for half a minute.
func (v *viewer) until(what string, holds func() bool) {
	v.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for v.state == nil || !holds() {
		if err := v.next(ctx); err != nil {
			v.Fatalf("waiting for %s: %v (shown: %s; status: %+v)", what, err, v.text(), v.told())
		}
	}
}

// cell is the text of one cell of a panel, or a word for what is in its way.
func (v *viewer) cell(id string, row, column int) string {
	if v.state == nil || v.state.Panels[id] == nil || len(v.state.Panels[id].Rows) <= row {
		return "nothing"
	}
	c := v.state.Panels[id].Rows[row].Cells[column]
	if c.Null {
		return "null"
	}
	return c.Text
}

// apart tells whether a panel is shown with a time of its own.
func (v *viewer) apart(id string) bool {
	p := v.state.Panels[id]
	return p != nil && !p.At.IsZero()
}

func (v *viewer) fault(id string) string {
	if v.state == nil || v.state.Panels[id] == nil || v.state.Panels[id].Err == nil {
		return ""
	}
	return v.state.Panels[id].Err.Code
}

// told is the newest status, or an empty one.
func (v *viewer) told() delta.Status {
	if v.status.Status == nil {
		return delta.Status{}
	}
	return *v.status.Status
}

// is tells whether the newest status says so.
func (v *viewer) is(state string) bool { return v.told().State == state }

func (v *viewer) text() string {
	if v.state == nil {
		return "nothing"
	}
	return fmt.Sprintf("%.1500s", delta.EncodeSnapshot(v.state))
}
