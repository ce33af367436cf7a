package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/delta"
)

// answerTo answers a question on this connection, as text.
func answerTo(ctx context.Context, conn *pgconn.PgConn, q question) ([][]delta.Cell, error) {
	res := conn.ExecParams(ctx, q.query, nil, nil, nil, nil).Read()
	if res.Err != nil {
		return nil, fmt.Errorf("ask %s: %w", q.id, res.Err)
	}
	rows := make([][]delta.Cell, len(res.Rows))
	for i, r := range res.Rows {
		for _, b := range r {
			rows[i] = append(rows[i], delta.Cell{Text: string(b), Null: b == nil})
		}
	}
	return rows, nil
}

// differ says how a panel is not this answer; "" when it is.
func differ(q question, p *delta.Panel, want [][]delta.Cell) string {
	got := make([]string, len(p.Rows))
	for i, r := range p.Rows {
		got[i] = fmt.Sprint(r.Cells[q.skip:])
	}
	asked := make([]string, len(want))
	for i, cells := range want {
		asked[i] = fmt.Sprint(cells[q.skip:])
	}
	if q.set {
		slices.Sort(got)
		slices.Sort(asked)
	}
	if len(got) != len(asked) {
		return fmt.Sprintf("%d rows for %d", len(got), len(asked))
	}
	for i := range got {
		if got[i] != asked[i] {
			return fmt.Sprintf("row %d is %.80s for %.80s", i, got[i], asked[i])
		}
	}
	return ""
}

// snapshot is pg_snapshot: what began before max and is not running is seen.
type snapshot struct {
	max     uint64
	running map[uint64]bool
}

func parseSnapshot(text string) (snapshot, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return snapshot{}, fmt.Errorf("snapshot %q", text)
	}
	s := snapshot{running: map[uint64]bool{}}
	var err error
	if s.max, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return s, err
	}
	for _, x := range strings.FieldsFunc(parts[2], func(r rune) bool { return r == ',' }) {
		xid, err := strconv.ParseUint(x, 10, 64)
		if err != nil {
			return s, err
		}
		s.running[xid] = true
	}
	return s, nil
}

func (s snapshot) sees(xid uint64) bool { return xid < s.max && !s.running[xid] }

// before tells whether everything that s sees is seen by t too.
func (s snapshot) before(t snapshot) bool {
	if s.max > t.max {
		return false
	}
	for xid := range t.running {
		if s.sees(xid) {
			return false
		}
	}
	return true
}
