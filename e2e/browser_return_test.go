package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A page whose file goes for a moment is back with it, also on a wall; one whose
// choice goes from the file comes without that choice, and says so.
func testPageComesBack(t *testing.T, b *browser) {
	folder := dashboards(t, map[string]string{"orders.yaml": ordersPage})
	server, _ := serve(t, orders, "--dashboards", folder)
	file := filepath.Join(folder, "orders.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	desk, wall := b.tab(t), b.tab(t)
	for _, w := range []*tab{desk, wall} {
		w.allow(`status of 40[04]`)
	}
	desk.watch(server.URL + "d/orders?status=paid&country=DE")
	wall.watch(server.URL + "d/orders?kiosk")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*tab{desk, wall} {
		w.says("no page at /d/orders")
		w.says("comes by itself")
	}
	write(ordersPage)
	desk.shows("2")
	wall.shows("1,2,3,4")

	write(strings.Replace(ordersPage, "{value: paid, label: Paid for}, ", "", 1))
	desk.at("/d/orders?country=DE")
	desk.says("not there any more")
	desk.shows("1,2")

	// An address that never was right waits for its reader.
	desk.open(server.URL + "d/orders?status=nothing")
	desk.says("cannot be read")
}
