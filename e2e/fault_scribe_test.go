package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

// scribe writes the tables of the gallery's page, all of them in each
// transaction: mostly with so long between two that the bells are armed again,
// sometimes with no time at all, and some are taken back.
type scribe struct {
	*diary
	random *rand.Rand
}

// partMark is where the marks of parts begin: what is below is not the scribe's.
const partMark = 1000

func (s *scribe) run(ctx context.Context, a *arena) {
	a.working(ctx, func(conn *pgx.Conn, excused func() bool) time.Duration {
		if err := s.write(conn, a.judge.mute.Load); err != nil && !excused() {
			a.judge.accuse("a write of the gallery failed: %v", err)
		}
		pause := s.random.Int64N(int64(900 * time.Millisecond))
		if s.random.IntN(3) == 0 {
			pause /= 30
		}
		return time.Duration(pause)
	})
}

// write is one transaction. Nobody need hear of one that is mute.
func (s *scribe) write(conn *pgx.Conn, mute func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	takesBack := s.random.IntN(8) == 0
	mark := s.tries()
	e := edit{mark: mark, began: time.Now()}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE gallery SET word = $1 WHERE id = 1`, fmt.Sprintf("picture 1 v%d", mark)); err != nil {
			return err
		}
		// By the root: who writes a leaf locks it and then the root, and deadlocks
		// with one who detaches it, whoever watches.
		if _, err := tx.Exec(ctx, `UPDATE parts SET n = $1 WHERE n >= $2`, partMark+mark, partMark); err != nil {
			return err
		}
		if takesBack {
			return errAborted
		}
		return nil
	})
	switch {
	case errors.Is(err, errAborted):
		s.tookBack(mark)
		return nil
	case err != nil:
		return err // whether it was committed is not known
	}
	if e.acked = time.Now(); !mute() {
		s.did(e)
	}
	return nil
}

// galleryOf is the gallery's page as this scribe writes it.
func galleryOf(d *diary) *written {
	const mark = "PICTURE 1 V"
	return &written{diary: d,
		mark: func(id string, p *delta.Panel) (uint64, bool) {
			if len(p.Rows) == 0 || len(p.Rows[0].Cells) == 0 {
				return 0, false
			}
			cells := p.Rows[0].Cells
			text := cells[len(cells)-1].Text
			if id != "parts" {
				text = strings.TrimPrefix(strings.ToUpper(text), mark)
			}
			n, err := strconv.ParseUint(text, 10, 64)
			if id == "parts" {
				n -= partMark
			}
			return n, err == nil
		},
		holds: func(mark uint64) map[string][][]delta.Cell {
			all := map[string][][]delta.Cell{}
			for i := 1; i <= 20; i++ {
				word := fmt.Sprintf("picture %d", i)
				if i == 1 {
					word = fmt.Sprintf("picture 1 v%d", mark)
				}
				all["glance"] = append(all["glance"], textRow(i, word))
				all["loud"] = append(all["loud"], textRow(i, strings.ToUpper(word)))
			}
			all["parts"] = [][]delta.Cell{textRow(1, 11, partMark+mark), textRow(2, 11, partMark+mark)}
			return all
		},
	}
}

// tillOf is the till's page as its patron writes it.
func tillOf(d *diary) *written {
	return &written{diary: d,
		mark: func(_ string, p *delta.Panel) (uint64, bool) {
			if n := len(p.Rows); n != 1 && n != 2 {
				return 0, false
			}
			n, err := strconv.ParseUint(p.Rows[len(p.Rows)-1].Cells[0].Text, 10, 64)
			return marked(len(p.Rows), n), err == nil
		},
		holds: func(mark uint64) map[string][][]delta.Cell {
			if mark%3 == 1 { // one was put beside the other
				return map[string][][]delta.Cell{"till": {textRow(mark - 1), textRow(mark + 1)}}
			}
			return map[string][][]delta.Cell{"till": {textRow(mark)}}
		},
	}
}

// textRow are a row's cells as text.
func textRow(values ...any) (cells []delta.Cell) {
	for _, v := range values {
		cells = append(cells, delta.Cell{Text: fmt.Sprint(v)})
	}
	return cells
}
