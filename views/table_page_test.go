package views

import (
	"encoding/json"
	"os"
	"testing"
)

// What paper does not hold is said alike by the browser's code.
func TestBeyondPaper(t *testing.T) {
	b, err := os.ReadFile("testdata/format.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Beyond [][2]any }
	if err := json.Unmarshal(b, &golden); err != nil || len(golden.Beyond) == 0 {
		t.Fatal("no cases: ", err)
	}
	for _, c := range golden.Beyond {
		if got := beyond(int(c[0].(float64))); got != c[1] {
			t.Errorf("%v columns: %q, want %q", c[0], got, c[1])
		}
	}
}
