package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/web"
)

// standIns has so many watch an address with each session.
func (d *door) standIns(tb testing.TB, many int, address string, sessions ...[]string) (all []*web.StandIn) {
	for _, header := range sessions {
		r, err := http.NewRequestWithContext(tb.Context(), "GET", "http://rowcast.example/live", nil)
		if err != nil {
			tb.Fatal(err)
		}
		r.Header.Set(header[0], header[1])
		for range many {
			one := d.StandIn(r, address)
			if one == nil {
				tb.Fatal("there is no place")
			}
			all = append(all, one)
			tb.Cleanup(func() { d.Gone(one) })
		}
	}
	return all
}

func stayed(all []*web.StandIn) (n int) {
	for _, one := range all {
		if !one.Left() {
			n++
		}
	}
	return n
}

// Who is connected is looked at every ten seconds: that costs what the sessions
// cost, however many seats have them.
func TestInspectingAThousandSeatsCostsWhatTheirSessionsDo(t *testing.T) {
	d := newDoor(t, func(c *web.Config) { c.Limits.UserSockets = 1000 })
	anna, root := d.signIn("anna"), d.signIn("root")
	few := d.standIns(t, 1, "/d/shop", anna, root)
	alone := testing.AllocsPerRun(3, d.Inspect)
	many := d.standIns(t, 500, "/d/shop", anna, root)
	crowded := testing.AllocsPerRun(3, d.Inspect)
	t.Logf("%.0f allocations for two seats, %.0f for a thousand more", alone, crowded)
	if crowded > alone+50 {
		t.Errorf("%.0f allocations for two seats, %.0f for a thousand more", alone, crowded)
	}
	if n := stayed(few) + stayed(many); n != 1002 {
		t.Errorf("%d stayed", n)
	}
}

// What is found of a session once is not what each of its pages is for.
func TestOneSessionsPagesAreJudgedOneByOne(t *testing.T) {
	d := newDoor(t)
	d.add("/d/other", "latest")
	d.rule("other", dashboard.Access{Users: []string{"anna"}})
	anna := d.signIn("anna")
	shop, other, none := d.standIns(t, 3, "/d/shop", anna), d.standIns(t, 3, "/d/other", anna), d.standIns(t, 3, "", anna)
	d.Inspect()
	if n := stayed(shop) + stayed(other) + stayed(none); n != 9 {
		t.Fatalf("%d of 9 stayed", n)
	}
	d.rule("other", dashboard.Access{Users: []string{"ben"}})
	d.Inspect()
	if stayed(shop) != 3 || stayed(other) != 0 || stayed(none) != 3 {
		t.Errorf("%d of the shop, %d of the other page, %d of none stayed", stayed(shop), stayed(other), stayed(none))
	}
	if said := strings.Count(d.audit.String(), "viewer_ended"); said != 3 {
		t.Errorf("the audit log tells of %d who had to leave", said)
	}
}
