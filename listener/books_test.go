package listener

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A bell that rings as soon as it is armed, again and again, rests between two
// tries; one that slept in between does not.
func TestAHurriedBellRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bell = 17
		b := newBooks()
		arm := func() bool {
			asked := b.ask([]int64{bell}, 1)
			b.granted(asked, map[int64]bool{bell: true})
			return len(asked) > 0
		}
		ring := func(after time.Duration) {
			time.Sleep(after)
			b.rang(bell)
			time.Sleep(keepFor)
			b.released(b.releases())
		}
		hurry := func() {
			t.Helper()
			for n := range hurriedTimes {
				if !arm() {
					t.Fatalf("it is not asked for after %d rings", n)
				}
				ring(quietFor - time.Millisecond)
			}
		}
		hurry()
		if arm() {
			t.Fatal("it does not rest")
		}
		time.Sleep(restFor - keepFor - time.Millisecond)
		if arm() {
			t.Fatal("its rest is too short")
		}
		time.Sleep(time.Millisecond)
		if !arm() {
			t.Fatal("it is never asked for again")
		}
		ring(time.Millisecond)
		if arm() {
			t.Fatal("one that is still in a hurry does not rest")
		}
		time.Sleep(restFor)
		if !arm() {
			t.Fatal("it is not asked for again")
		}
		ring(quietFor) // it slept: all is forgotten
		hurry()
		b.disarm([]int64{bell})
		if !arm() {
			t.Fatal("a page that opens finds it resting")
		}
	})
}

// A key that was waited for in vain is tried as often as before, and waited for
// only after a while: those who write meanwhile would ring for nothing.
func TestAWaitInVainIsNotRepeatedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooks()
		bells := []int64{17, 18}
		b.waited(b.worth(bells), map[int64]bool{18: true})
		if got := b.worth(bells); !slices.Equal(got, []int64{18}) {
			t.Fatalf("%v are waited for", got)
		}
		if got := b.ask(bells, 2); len(got) != 2 {
			t.Fatalf("only %v are tried", got)
		}
		time.Sleep(noWaitFor)
		if got := b.worth(bells); !slices.Equal(got, bells) {
			t.Errorf("after a while only %v are waited for", got)
		}
	})
}
