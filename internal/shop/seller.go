package shop

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/place.sql
	placeSQL string
	//go:embed sql/advance.sql
	advanceSQL string
	//go:embed sql/cancel.sql
	cancelSQL string
	//go:embed sql/deliver.sql
	deliverSQL string
	//go:embed sql/restock.sql
	restockSQL string
	//go:embed sql/forget.sql
	forgetSQL string
)

// stepsPerOrder is how many other events come with each order: four steps of its
// status and now and then a restocking, and a little more to catch up.
const stepsPerOrder = 4.6

// SellerConfig says how a [Seller] works.
type SellerConfig struct {
	// Connect opens a connection to the database with the shop.
	Connect func(ctx context.Context) (*pgx.Conn, error)
	// Rate is how many orders a second; see SetRate.
	Rate float64
	// Seed makes the sequence of events repeatable; 0: another one each time.
	Seed uint64
	// Log is told of failures; nil: nobody.
	Log *slog.Logger
}

// Seller keeps the shop selling. Its methods may be called from any goroutine.
type Seller struct {
	cfg  SellerConfig
	rate atomic.Uint64 // the bits of a float64
	wake chan struct{} // the rate has changed
}

// NewSeller makes a seller who begins with Run.
func NewSeller(cfg SellerConfig) *Seller {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	s := &Seller{cfg: cfg, wake: make(chan struct{}, 1)}
	s.SetRate(cfg.Rate)
	return s
}

// SetRate changes how many orders come a second on average; 0 or less pauses.
func (s *Seller) SetRate(perSecond float64) {
	s.rate.Store(math.Float64bits(perSecond))
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Rate is how many orders come a second on average.
func (s *Seller) Rate() float64 { return math.Float64frombits(s.rate.Load()) }

// Run sells until ctx ends, and then answers nil. While the database cannot be
// reached it tries again, up to five seconds apart.
func (s *Seller) Run(ctx context.Context) error {
	r := rand.New(rand.NewPCG(s.cfg.Seed, 1))
	const first, longest = 100 * time.Millisecond, 5 * time.Second
	for delay := first; ctx.Err() == nil; delay = min(delay*2, longest) {
		sold, err := s.session(ctx, r)
		if ctx.Err() != nil {
			break
		}
		s.cfg.Log.Warn("the shop cannot sell", "error", err, "retry_in", delay)
		if sold {
			delay = first
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
	return nil
}

// session sells on one connection until something fails.
func (s *Seller) session(ctx context.Context, r *rand.Rand) (sold bool, err error) {
	conn, err := s.cfg.Connect(ctx)
	if err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(bye) // it is given up in any case
	}()
	for {
		if err := s.wait(ctx, r); err != nil {
			return sold, err
		}
		if err := event(ctx, conn, r); err != nil {
			return sold, err
		}
		sold = true
	}
}

// wait sleeps until the next event; events come independently of each other,
// as customers do. A new rate begins the wait anew.
func (s *Seller) wait(ctx context.Context, r *rand.Rand) error {
	luck := r.ExpFloat64()
	for {
		var next <-chan time.Time
		if rate := s.Rate(); rate > 0 {
			seconds := math.Min(luck/(rate*(1+stepsPerOrder)), 3600)
			next = time.After(time.Duration(seconds * float64(time.Second)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-next:
			return nil
		case <-s.wake:
		}
	}
}

// event is one thing that happens in the shop, in one transaction.
func event(ctx context.Context, conn *pgx.Conn, r *rand.Rand) error {
	switch luck := r.Float64() * (1 + stepsPerOrder); {
	case luck < 1:
		_, err := placeOrder(ctx, conn, r)
		return err
	case luck < 1.1:
		return run(ctx, conn, "restock", restockSQL)
	case luck < 1.12:
		return run(ctx, conn, "forget old orders", forgetSQL)
	case luck < 2.12:
		return run(ctx, conn, "deliver", deliverSQL)
	default:
		return advance(ctx, conn, r.IntN(40), r.IntN(30) == 0)
	}
}

func run(ctx context.Context, conn *pgx.Conn, what, sql string) error {
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// errSoldOut says that nothing in the basket was in stock.
var errSoldOut = errors.New("sold out")

// placeOrder puts an order with its lines into the books and takes the goods
// from the shelf; 0 when nothing was left of any of them.
func placeOrder(ctx context.Context, conn *pgx.Conn, r *rand.Rand) (int64, error) {
	var products, quantities []int32
	for _, l := range basket(r) {
		products, quantities = append(products, int32(l.product)), append(quantities, int32(l.quantity))
	}
	var id int64
	err := conn.QueryRow(ctx, placeSQL, 1+r.IntN(customerCount), channel(r), products, quantities, details(r)).Scan(&id)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("place an order: %w", err)
	}
	return id, nil
}

// advance moves one of the orders that have waited longest by one step; the
// goods of a cancelled one go back.
func advance(ctx context.Context, conn *pgx.Conn, which int, cancel bool) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var id int64
		var status string
		err := tx.QueryRow(ctx, advanceSQL, which, cancel).Scan(&id, &status)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // everything is done
		}
		if err == nil && status == "cancelled" {
			_, err = tx.Exec(ctx, cancelSQL, id)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("advance an order: %w", err)
	}
	return nil
}

// InsertOrder places one more order now, on a connection of its own, and
// answers its number.
func (s *Seller) InsertOrder(ctx context.Context) (int64, error) {
	conn, err := s.cfg.Connect(ctx)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	for range 20 {
		if id, err := placeOrder(ctx, conn, r); err != nil || id != 0 {
			return id, err
		}
		if err := run(ctx, conn, "restock", restockSQL); err != nil {
			return 0, err
		}
	}
	return 0, errSoldOut
}
