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
