package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/postgres"
)

// everywhere are all pages.
var everywhere = []string{"*"}

// sessionTroubles end the program's own sessions; nobody has to notice.
func sessionTroubles() (all []trouble) {
	for _, role := range []string{"listen", "arm", "panels", "open", "bulk", "%"} {
		name := "ended-" + role
		if role == "%" {
			name = "ended-all"
		}
		all = append(all, trouble{name: name, inject: func(a *arena) func() {
			a.exec(ending(role))
			return nil
		}})
	}
	all = append(all, frozenTroubles()...)
	return append(all, trouble{name: "ended-again-and-again", lasts: 3 * time.Second, inject: func(a *arena) func() {
		return a.meanwhile(func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, ending("%")+` AND random() < 0.6`)
			sleep(ctx, time.Duration(100+a.random.IntN(300))*time.Millisecond)
			return err
		})
	}})
}

// ending ends the program's sessions of that role.
func ending(role string) string {
	return fmt.Sprintf(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'rowcast/%s'`, role)
}

// meanwhile does the same over and over on a connection of its own until what
// it returns is called.
func (a *arena) meanwhile(do func(context.Context, *pgx.Conn) error) (end func()) {
	a.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := a.connect(ctx)
	if err != nil {
		a.Fatal(err)
	}
	t, done := a.TB, make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := do(ctx, conn); err != nil && ctx.Err() == nil {
				t.Errorf("in the middle of the fault: %v", err)
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
		_ = conn.Close(context.Background())
	}
}

// databaseTroubles are those of the whole database, and of being let in.
func databaseTroubles() (all []trouble) {
	for _, mode := range []postgres.Mode{postgres.Fast, postgres.Immediate} {
		all = append(all, trouble{name: "restarted-" + string(mode), outage: true, inject: func(a *arena) func() {
			return func() {
				if err := a.database.Restart(a.Context(), mode); err != nil {
					a.Fatal(err)
				}
			}
		}})
	}
	all = append(append(all, fullDisk()...), fullTablespace()...)
	return append(all,
		trouble{name: "idle-ended", lasts: 4 * time.Second, inject: func(a *arena) func() {
			a.exec(`ALTER ROLE `+servant+` SET idle_session_timeout = '1s'`, ending("%"))
			return func() { a.exec(`ALTER ROLE ` + servant + ` RESET idle_session_timeout`) }
		}},
		trouble{name: "restarted-smart", rare: true, outage: true, stale: everywhere, lasts: 4 * time.Second, inject: leftAlone},
		trouble{name: "stopped", outage: true, stale: everywhere, lasts: 8 * time.Second, inject: stopped},
		trouble{name: "stopped-for-long", rare: true, outage: true, stale: everywhere, lasts: 100 * time.Second, inject: stopped},
		trouble{name: "locked-out", stale: everywhere, lasts: 6 * time.Second, spoils: everywhere, inject: func(a *arena) func() {
			a.exec(`ALTER ROLE `+servant+` NOLOGIN`, ending("%"))
			return func() { a.exec(`ALTER ROLE ` + servant + ` LOGIN`) }
		}},
		shown("/d/stage", trouble{name: "forbidden", lasts: 2 * time.Second, spoils: []string{"/d/stage"}, inject: func(a *arena) func() {
			a.exec(`ALTER TABLE stage OWNER TO postgres`, `INSERT INTO stage VALUES (100, 'forbidden', 1)`)
			return func() { a.exec(`DELETE FROM stage WHERE id = 100`, `ALTER TABLE stage OWNER TO `+servant) }
		}}, failed("stage")),
		trouble{name: "full", stale: everywhere, lasts: 6 * time.Second, spoils: everywhere, inject: takeAllConnections},
	)
}

// stopped stops the database until it is healed.
func stopped(a *arena) func() {
	if err := a.database.Stop(postgres.Fast); err != nil {
		a.Fatal(err)
	}
	return a.started
}

// started starts the database that was stopped.
func (a *arena) started() {
	if err := a.database.Restart(a.Context(), postgres.Fast); err != nil {
		a.Fatal(err)
	}
}

// leftAlone stops the database as soon as all clients have left: the application
// does at once, and the program when it sees that nobody new is let in.
func leftAlone(a *arena) func() {
	a.deserted.Store(true)
	began, gone := time.Now(), make(chan error, 1)
	go func() { gone <- a.database.Stop(postgres.Smart) }()
	select {
	case err := <-gone:
		if err != nil {
			a.Fatal(err)
		}
	case <-time.After(noticed + a.lateness.since(began)):
		_ = a.database.Stop(postgres.Fast)
		a.Errorf("a smart shutdown still waits for the program after %s", noticed)
	}
	a.Logf("a smart shutdown took %s", time.Since(began).Round(10*time.Millisecond))
	a.begins()
	return func() {
		a.started()
		a.deserted.Store(false)
	}
}

// takeAllConnections opens all that ordinary roles may have, with those that the
// program had.
func takeAllConnections(a *arena) func() {
	a.exec(`DO $$ BEGIN CREATE ROLE filler LOGIN PASSWORD 'secret'; EXCEPTION WHEN duplicate_object THEN END $$`)
	at, err := url.Parse(a.database.URL())
	if err != nil {
		a.Fatal(err)
	}
	at.User = url.UserPassword("filler", "secret")
	var taken []*pgx.Conn
	for full := 0; full < 3; {
		conn, err := pgx.Connect(a.Context(), at.String())
		if err == nil {
			taken = append(taken, conn)
			continue
		}
		full++
		a.exec(ending("%"))
	}
	a.begins()
	return func() {
		for _, conn := range taken {
			_ = conn.Close(context.Background())
		}
	}
}
