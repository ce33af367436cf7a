package shop

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

func TestHistoryIsTheSameForTheSameSeed(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 32, 8, 0, time.UTC)
	seeded := func(seed uint64) *history { return imagine(rand.New(rand.NewPCG(seed, 0)), now) }
	if !reflect.DeepEqual(seeded(1), seeded(1)) {
		t.Error("the same seed made another history")
	}
	if reflect.DeepEqual(seeded(1).orders, seeded(2).orders) {
		t.Error("another seed made the same orders")
	}
	var noon, night int
	for _, o := range seeded(1).orders {
		switch o[len(o)-2].(time.Time).Hour() {
		case 12:
			noon++
		case 3:
			night++
		}
	}
	if noon < 5*night {
		t.Errorf("%d orders at noon and %d at three in the night", noon, night)
	}
}
