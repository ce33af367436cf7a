package e2e_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

// Over TLS, small frames and frames longer than one of its records come through a
// browser's socket one after the other, none of them broken: the page follows them
// without opening another socket.
func testOverTLS(t *testing.T, b *browser) {
	dir, metrics := t.TempDir(), freeAddress(t)
	certify(t, dir, "example.com")
	server, db := serve(t, `CREATE TABLE notes (id int PRIMARY KEY, n int NOT NULL, body text NOT NULL);
		INSERT INTO notes SELECT i, 0, '-' FROM generate_series(1, 200) i`,
		"--dashboards", dashboards(t, map[string]string{"notes.yaml": "panels:\n  - id: notes\n    query: SELECT id, n, body FROM notes ORDER BY id\n"}),
		"--metrics-listen", metrics, "--tls-cert", filepath.Join(dir, "example.com.crt"), "--tls-key", filepath.Join(dir, "example.com.key"))
	w := b.tab(t)
	if _, err := chromedp.Call(w.ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
		t.Fatal(err) // nobody vouches for it
	}
	w.watch(server.URL + "d/notes")
	if scheme := ask[string](w, `location.protocol`); scheme != "https:" {
		t.Fatalf("the page came by %s", scheme)
	}
	// Random text keeps what is compressed long, too: every fourth frame is of 40 KB, and of 20 when compressed.
	churn(t, db, 2*time.Second, 500, `UPDATE notes SET n = $1::int, body = md5(random()::text) || md5(random()::text) || md5(random()::text) || md5(random()::text) || md5(random()::text) || md5(random()::text)
		WHERE id = $1::int % 200 + 1 OR $1::int % 4 = 0`)
	db.Exec(t, `UPDATE notes SET body = 'the end' WHERE id = 7`)
	w.until("the last change", `document.querySelector("tbody").rows[6].cells[2].innerText === "the end"`)
	var sum int
	if err := db.Conn(t).QueryRow(t.Context(), `SELECT sum(n) FROM notes WHERE id <= 20`).Scan(&sum); err != nil {
		t.Fatal(err)
	}
	if shown := ask[int](w, `[...document.querySelector("tbody").rows].slice(0, 20).reduce((n, tr) => n + Number(tr.cells[1].innerText.replaceAll(",", "")), 0)`); shown != sum {
		t.Errorf("the page shows numbers that make %d, not %d", shown, sum)
	}
	figures, err := scrape("http://" + metrics + "/")
	if err != nil {
		t.Fatal(err)
	}
	if figures["rowcast_viewers"] != 1 || figures["rowcast_resyncs_total"] != 0 || figures["rowcast_sent_bytes_total"] < 100_000 {
		t.Errorf("%v viewers, %v resyncs, %v bytes", figures["rowcast_viewers"], figures["rowcast_resyncs_total"], figures["rowcast_sent_bytes_total"])
	}
	w.stayed()
}
