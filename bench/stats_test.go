package main

import (
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []time.Duration
		q      float64
		want   time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0.99, 7},
		{[]time.Duration{30, 10, 20}, 0, 10},
		{[]time.Duration{30, 10, 20}, 0.5, 20},
		{[]time.Duration{30, 10, 20}, 1, 30},
		{[]time.Duration{10, 20}, 0.5, 15},
		{[]time.Duration{-10, 0, 10, 20, 30}, 0.75, 20},
	} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("quantile(%v, %g) = %v, want %v", c.values, c.q, got, c.want)
		}
	}
}

func TestThroughput(t *testing.T) {
	for _, c := range []struct {
		report string
		want   float64
		ok     bool
	}{
		{"number of failed transactions: 0 (0.000%)\ntps = 2563.731 (without initial connection time)\n", 2563.731, true},
		{"tps = 99.5 (without initial connection time)\n", 99.5, true},
		{"number of failed transactions: 3 (0.100%)\ntps = 2563.731 (without initial connection time)\n", 0, false},
		{"pgbench: error\n", 0, false},
	} {
		got, err := throughput([]byte(c.report))
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("throughput(%q) = %v, %v", c.report, got, err)
		}
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		bound              bound
		floor, ours, ratio float64
		text, verdict      string
	}{
		{ratioAtMost(1.2), 10, 12, 1.2, "≤ 1.2 ×", "kept"},
		{ratioAtMost(1.2), 10, 13, 1.3, "≤ 1.2 ×", "MISSED"},
		{ratioAtLeast(0.8), 10, 8, 0.8, "≥ 0.8 ×", "kept"},
		{ratioAtLeast(0.8), 10, 7, 0.7, "≥ 0.8 ×", "MISSED"},
		{within(0.2), 10, 12.5, 1.25, "1 ± 0.2 ×", "MISSED"},
		{within(0.2), 10, 7.5, 0.75, "1 ± 0.2 ×", "MISSED"},
		{within(0.2), 10, 9, 0.9, "1 ± 0.2 ×", "kept"},
		{atMost(18), 4, 18.1, 4.5, "≤ 18", "MISSED"},
		{atMost(18), 4, 14, 3.5, "≤ 18", "kept"},
		{floorPlus(30), 5, 36, 7.2, "≤ floor + 30", "MISSED"},
		{floorPlus(30), 5, 34, 6.8, "≤ floor + 30", "kept"},
		{bound{}, 5, 34, 6.8, "", ""},
		{anyRatio(), 5, 34, 6.8, "", ""},
	} {
		if got := c.bound.verdict(c.floor, c.ours, c.ratio); got != c.verdict || c.bound.String() != c.text {
			t.Errorf("%v of %v and %v: %q, %s", c.bound, c.ours, c.floor, got, c.text)
		}
	}
}

func TestFigures(t *testing.T) {
	for v, want := range map[float64]string{0: "0 ms", 0.046: "0.05 ms", 1.234: "1.23 ms", 12.34: "12.3 ms", 123.4: "123 ms", 12345: "12345 ms"} {
		if got := figure(v, "ms"); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}
