package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/postgres"
	"github.com/rowcast/rowcast/internal/shop"
	"github.com/rowcast/rowcast/web"
)

// demoCommand shows what rowcast does, with nothing to install or configure.
type demoCommand struct {
	databaseFlags
	serveFlags
	Rate float64 `default:"0.3" help:"Orders a second; 0 sells nothing by itself."`
	Psql string  `help:"How a person reaches the database with psql, for the line that is printed."`
	TCP  bool    `help:"Let the demo's PostgreSQL listen on 127.0.0.1 too, with a generated password."`
	Data string  `placeholder:"DIR" help:"Where the demo's PostgreSQL keeps its data; by default a folder of its own in the cache."`
}

// Run starts a PostgreSQL, unless a database was named, puts the shop on it,
// keeps selling and serves its dashboards until ctx ends.
func (c *demoCommand) Run(ctx context.Context, s *streams) error {
	edge, err := c.openEdge(s.log) // before a shop is built that nobody could visit
	if err != nil {
		return err
	}
	defer edge.Close()
	psql := c.Psql
	var own *postgres.Server
	if c.DatabaseURL == "" {
		server, err := c.startPostgres(ctx, s)
		if err != nil {
			return err
		}
		defer func() {
			if err := server.Close(); err != nil {
				s.log.Warn("cannot stop PostgreSQL", "error", err)
			}
		}()
		own, c.DatabaseURL = server, server.URL()
		if psql == "" {
			psql = server.PsqlCommand()
		}
	}
	db, err := c.open()
	if err != nil {
		return err
	}
	if psql == "" {
		psql = "psql " + shellURL(db.config)
	}
	command := psql + ` -c "` + shop.InsertSQL + `"`
	err = db.reach(ctx, c.Wait, func(err error) {
		s.log.Warn("waiting for the database", "database", db.where(), "error", err, "wait", c.Wait)
	})
	if err != nil {
		return err
	}
	trade, err := c.open() // what the shop writes is none of the server's figures
	if err != nil {
		return err
	}
	if err := c.createShop(ctx, s, trade); err != nil {
		return err
	}
	seller := shop.NewSeller(shop.SellerConfig{
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return trade.connectAs(ctx, "shop/till") },
		Rate:    c.Rate, Log: s.log,
	})
	parts := []func(context.Context) error{seller.Run}
	if own != nil {
		parts = append(parts, stopsWith(own))
	}
	return c.serve(ctx, s, db, serving{
		source: shop.Dashboards(), edge: edge,
		demo: &web.Demo{Command: command, Tables: shop.Ordered(), Insert: func(ctx context.Context) error {
			_, err := seller.InsertOrder(ctx)
			return err
		}},
		started: func(url string) {
			fmt.Fprintf(s.out, "\n  The shop is open:  %sd/shop\n\n  Insert an order and watch it appear:\n  %s\n\n  Ctrl-C stops everything.\n\n", url, command)
		},
		extra: parts,
	})
}

// createShop puts the sample shop into the database.
func (c *demoCommand) createShop(ctx context.Context, s *streams, db *database) error {
	conn, err := db.connect(ctx, "demo")
	if err != nil {
		return db.unreachable(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	began := time.Now()
	if err := shop.Create(ctx, conn); err != nil {
		return err
	}
	if c.Rate > 0 {
		if err := shop.CatchUp(ctx, conn); err != nil { // somebody may have changed its tables: it is theirs to play with
			s.log.Warn("the shop did not sell while it stood still", "error", err)
		}
	}
	s.log.Info("the shop is stocked", "took", time.Since(began).Round(time.Millisecond))
	return nil
}

func (c *demoCommand) startPostgres(ctx context.Context, s *streams) (*postgres.Server, error) {
	dir := c.Data
	if dir == "" {
		var err error
		if dir, err = postgres.DefaultDir("demo"); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	server, err := postgres.Start(ctx, postgres.Config{
		Dir: dir, Database: "demo", TCP: c.TCP, Progress: s.err,
	})
	if errors.Is(err, postgres.ErrInUse) {
		return nil, fmt.Errorf("%w: is another demo running? --data names another folder", err)
	}
	if err != nil {
		return nil, err
	}
	s.log.Info("PostgreSQL is running", "directory", dir, "took", time.Since(began).Round(time.Millisecond))
	return server, nil
}

// stopsWith ends the demo when its PostgreSQL ends.
func stopsWith(server *postgres.Server) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-server.Done():
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("the demo's PostgreSQL ended: %w", server.Wait())
		}
	}
}

// shellURL names the database for psql, without a password.
func shellURL(config *pgx.ConnConfig) string {
	return fmt.Sprintf(`"host=%s port=%d dbname=%s user=%s"`, config.Host, config.Port, config.Database, config.User)
}
