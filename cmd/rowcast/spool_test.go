package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// clogged is a writer that stands still until it is let go on.
type clogged struct {
	open chan struct{}
	bytes.Buffer
}

func (c *clogged) Write(b []byte) (int, error) {
	<-c.open
	return c.Buffer.Write(b)
}

func TestLogNamesUnits(t *testing.T) {
	var to bytes.Buffer
	log, spool := newLogger(&to)
	log.Info("one", "took", 1500*time.Millisecond)
	spool.flush(lastWords)
	if !strings.Contains(to.String(), `"took":"1.5s"`) {
		t.Errorf("a duration is %s", to.String())
	}
}

// Nobody waits for a log that nobody reads; what did not fit is counted, and
// said between the lines before and those after.
func TestSpoolNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &clogged{open: make(chan struct{})}
		log, spool := newLogger(to)
		text := strings.Repeat("x", 1000)
		const many = 5000
		began := time.Now()
		for n := range many {
			log.Info("one", "n", n, "text", text)
			if n == 0 {
				synctest.Wait() // until it is being written, or what waits is taken in between, and there are two gaps
			}
		}
		if took := time.Since(began); took > 0 {
			t.Fatalf("it waited for %s", took)
		}
		spool.flush(lastWords)
		if took := time.Since(began); took != lastWords {
			t.Errorf("the end was held up for %s, want %s", took, lastWords)
		}
		lost := int(spool.dropped())
		if lost == 0 || lost == many {
			t.Fatalf("%d of %d lines were dropped", lost, many)
		}
		close(to.open)
		synctest.Wait()
		log.Info("one", "n", many)
		spool.flush(lastWords)
		next, said := 0, 0
		for line := range strings.Lines(to.String()) {
			var entry struct {
				Msg             string
				N, Lines, Bytes int
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("%v: %.200s", err, line)
			}
			if entry.Msg != "one" {
				next, said = next+entry.Lines, said+1
				if entry.Lines != lost || entry.Bytes < 1000*lost {
					t.Errorf("%d lines of %d bytes are said to be lost, want %d", entry.Lines, entry.Bytes, lost)
				}
				continue
			}
			if entry.N != next {
				t.Fatalf("line %d, want %d", entry.N, next)
			}
			next++
		}
		if next != many+1 || said != 1 {
			t.Errorf("%d of %d lines are accounted for, in %d gaps", next, many+1, said)
		}
	})
}

// Where somebody reads, each line is written by itself, in its order, and all are
// there at the end.
func TestSpoolLosesNothing(t *testing.T) {
	var to bytes.Buffer
	spool := &spool{to: &to, most: 100}
	want := ""
	for n := range 200 {
		line := fmt.Sprintf("line %d of %s\n", n, strings.Repeat("x", n)) // some are longer than all that may wait
		want += line
		if _, err := spool.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		spool.flush(time.Minute)
	}
	if to.String() != want || spool.dropped() > 0 {
		t.Errorf("%d bytes of %d, %d lines were dropped", to.Len(), len(want), spool.dropped())
	}
}
