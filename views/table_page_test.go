package views

import "testing"

func TestTotalWord(t *testing.T) {
	for want, m := range map[string]TablePage{
		"row":        {Total: "1"},
		"rows":       {Total: "~21"},
		"that match": {Total: "1", Search: "x"},
	} {
		if got := totalWord(m); got != want {
			t.Errorf("of %s is %q, want %q", m.Total, got, want)
		}
	}
}
