package delta_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/delta"
)

type golden struct {
	Note                 string
	Before, Delta, After json.RawMessage
	Lost, Diff           bool
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d golden files, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			if err := json.Unmarshal(b, &g); err != nil {
				t.Fatal(err)
			}
			checkGolden(t, g)
		})
	}
}

func checkGolden(t *testing.T, g golden) {
	before, untouched, step := decode(t, g.Before).State, decode(t, g.Before).State, decode(t, g.Delta)
	got, err := delta.ApplyState(before, &step)
	if !before.Equal(untouched) {
		t.Error("the state before was changed")
	}
	if g.Lost {
		if !errors.Is(err, delta.ErrLost) {
			t.Errorf("error %v, want ErrLost", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	after := decode(t, g.After).State
	if !got.Equal(after) {
		t.Errorf("got  %s\nwant %s", delta.EncodeSnapshot(got), delta.EncodeSnapshot(after))
	}
	if again := decode(t, delta.EncodeSnapshot(after)).State; !again.Equal(after) {
		t.Errorf("the snapshot does not survive its own encoding: %s", delta.EncodeSnapshot(again))
	}
	if !g.Diff {
		return
	}
	encoded := delta.EncodeDelta(before.Cursor, after, delta.DiffState(before, after))
	if want := delta.EncodeDelta(step.From, after, step.Changes); string(encoded) != string(want) {
		t.Errorf("the server says %s\nwant            %s", encoded, want)
	}
}

func decode(t testing.TB, b []byte) delta.Message {
	t.Helper()
	m, err := delta.Decode(b)
	if err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return m
}
