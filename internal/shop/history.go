package shop

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	customerCount = 360
	historyDays   = 7
	firstOrder    = 40_001

	// busiest is how many orders come in the busiest hour: about what the demo
	// sells from its start on, so that charts go on as they were.
	busiest = 900.0
)

// history is the shop before it opens, as rows ready to be copied.
type history struct {
	customers, products, orders, lines [][]any
	nextOrder                          int64
}

// imagine makes up customers, products, and the orders of the days before now.
func imagine(r *rand.Rand, now time.Time) *history {
	h := &history{nextOrder: firstOrder}
	countries := h.people(r, now)
	h.shelves(r)
	h.sell(r, countries, now.Add(-historyDays*24*time.Hour).Truncate(time.Hour), now)
	return h
}

// sell adds the orders between two moments, hour by hour.
func (h *history) sell(r *rand.Rand, countries []string, from, now time.Time) {
	hours := rhythm()
	for at := from; at.Before(now); {
		next := at.Truncate(time.Hour).Add(time.Hour)
		busy := hours[at.UTC().Hour()] * busiest / slices.Max(hours[:])
		if day := at.UTC().Weekday(); day == time.Sunday {
			busy *= 0.7
		}
		for {
			at = at.Add(time.Duration(r.ExpFloat64() / busy * float64(time.Hour)))
			if !at.Before(next) || !at.Before(now) {
				break
			}
			h.order(r, countries, at, now)
		}
		at = next
	}
}

// people adds the customers and answers their countries.
func (h *history) people(r *rand.Rand, now time.Time) []string {
	first, last, where := firstNames(), lastNames(), places()
	weights := make([]int, len(where))
	for i, p := range where {
		weights[i] = p.weight
	}
	// A customer's number picks two names, so that no pair comes twice.
	pairs := r.Perm(len(first) * len(last))[:customerCount]
	countries := make([]string, customerCount)
	for i, pair := range pairs {
		name := first[pair%len(first)] + " " + last[pair/len(first)]
		home := where[weighted(r, weights)]
		email := fmt.Sprintf("%s.%d@example.com", strings.ToLower(ascii(first[pair%len(first)])), 1000+i)
		since := now.AddDate(0, 0, -historyDays-r.IntN(1500))
		h.customers = append(h.customers, []any{int32(i + 1), name, email, home.city, home.country, since, newsletter(r)})
		countries[i] = home.country
	}
	return countries
}

func (h *history) shelves(r *rand.Rand) {
	for i, p := range catalog() {
		stock := p.reorder + r.IntN(p.reorder*3)
		if r.IntN(5) == 0 {
			stock = p.reorder / 4 * r.IntN(4) // something is always short
		}
		h.products = append(h.products, []any{int32(i + 1), p.sku, p.name, p.category, money(p.cents), int32(stock), int32(p.reorder),
			"https://shop.example/" + strings.ToLower(p.sku), p.attributes(r)})
	}
}

func (h *history) order(r *rand.Rand, countries []string, at, now time.Time) {
	id := h.nextOrder
	h.nextOrder++
	customer, goods := r.IntN(len(countries)), catalog()
	var items, total int64
	for i, w := range basket(r) {
		price := goods[w.product-1].cents
		h.lines = append(h.lines, []any{id, int16(i + 1), int32(w.product), int32(w.quantity), money(price)})
		items += int64(w.quantity)
		total += price * int64(w.quantity)
	}
	status, updated := progress(r, at, now)
	var tracking any
	if status == "shipped" || status == "delivered" {
		tracking = [16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.Uint64()), r.Uint64()))
	}
	said := details(r)
	h.orders = append(h.orders, []any{id, int32(customer + 1), status, channel(r), countries[customer], int32(items), money(total),
		strings.Contains(said, `"gift"`), tracking, said, at, updated})
}

// progress is how far an order of that age has come, and when it last moved.
func progress(r *rand.Rand, at, now time.Time) (string, time.Time) {
	age, luck := now.Sub(at), r.Float64()
	moved := at.Add(time.Duration(r.Float64() * float64(min(age, 30*time.Hour))))
	switch {
	case luck < 0.035 && age > 5*time.Minute:
		return "cancelled", moved
	case age < time.Minute && luck < 0.6, luck > 0.9998:
		return "pending", at
	case age < 2*time.Minute:
		return "paid", moved
	case age < 6*time.Minute && luck < 0.7:
		return "packed", moved
	case r.Float64() > float64(age)/float64(20*time.Hour):
		return "shipped", moved
	}
	return "delivered", moved
}

// line is so many pieces of a product, by its number from 1.
type line struct{ product, quantity int }

// basket is what one customer buys: mostly one to three different things.
func basket(r *rand.Rand) []line {
	goods := catalog()
	weights := make([]int, len(goods))
	for i, p := range goods {
		weights[i] = p.weight
	}
	n := 1 + int(math.Min(5, r.ExpFloat64()*1.4))
	lines := make([]line, 0, n)
	for range n {
		i := weighted(r, weights)
		weights[i] = 0 // each thing once
		quantity := 1
		if goods[i].cents < 2000 {
			quantity += int(math.Min(5, r.ExpFloat64()*0.7))
		}
		lines = append(lines, line{i + 1, quantity})
	}
	return lines
}

// details is what else a customer said, as JSON.
func details(r *rand.Rand) string {
	var said []string
	if r.IntN(4) == 0 {
		said = append(said, fmt.Sprintf(`"voucher": {"code": "THANKS-%d", "percent": %d}`, 1000+r.IntN(9000), 5+5*r.IntN(3)))
	}
	if r.IntN(6) == 0 {
		note := []string{"Happy birthday!", "With love from Léa", "For your new desk", "Thank you for everything"}[r.IntN(4)]
		said = append(said, fmt.Sprintf(`"gift": {"wrap": %t, "note": %q}`, r.IntN(2) == 0, note))
	}
	if r.IntN(3) == 0 {
		said = append(said, fmt.Sprintf(`"delivery": {"window": [%d, %d], "leave_at": null}`, 8+r.IntN(4), 12+r.IntN(7)))
	}
	return "{" + strings.Join(said, ", ") + "}"
}

// newsletter is whether a customer wants it; nil: nobody asked.
func newsletter(r *rand.Rand) any {
	if answer := r.IntN(4); answer > 0 {
		return answer > 1
	}
	return nil
}

func channel(r *rand.Rand) string {
	return []string{"web", "app", "market", "phone"}[weighted(r, []int{56, 27, 13, 4})]
}

// weighted picks an index as often as its weight says.
func weighted(r *rand.Rand, weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	at := r.IntN(sum)
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}

// money is an amount as the text of a numeric.
func money(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 127 {
			return 'e' // é and è are the only ones among the first names
		}
		return r
	}, s)
}

// write fills the empty tables.
func (h *history) write(ctx context.Context, tx pgx.Tx) error {
	if err := h.add(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`
		ALTER TABLE shop.customers ALTER COLUMN id RESTART WITH %d;
		ALTER TABLE shop.products ALTER COLUMN id RESTART WITH %d;
		ALTER TABLE shop.orders ALTER COLUMN id RESTART WITH %d;
		ANALYZE shop.customers, shop.products, shop.orders, shop.order_lines`,
		len(h.customers)+1, len(h.products)+1, h.nextOrder), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return fmt.Errorf("number what comes next: %w", err)
	}
	return nil
}

// add copies the rows into the tables.
func (h *history) add(ctx context.Context, tx pgx.Tx) error {
	for _, t := range []struct {
		name    string
		columns []string
		rows    [][]any
	}{
		{"customers", []string{"id", "name", "email", "city", "country", "since", "newsletter"}, h.customers},
		{"products", []string{"id", "sku", "name", "category", "price", "stock", "reorder_at", "page", "attributes"}, h.products},
		{"orders", []string{"id", "customer_id", "status", "channel", "country", "items", "total", "gift", "tracking", "details", "placed_at", "updated_at"}, h.orders},
		{"order_lines", []string{"order_id", "line", "product_id", "quantity", "price"}, h.lines},
	} {
		if len(t.rows) == 0 {
			continue
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{Schema, t.name}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return fmt.Errorf("fill %s: %w", t.name, err)
		}
	}
	return nil
}
