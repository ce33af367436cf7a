package web_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/crypto/bcrypt"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/web"
)

func TestSignOutEndsTheSession(t *testing.T) {
	d := newDoor(t)
	anna := d.signIn("anna")
	c := d.dial(anna...)
	c.watch("/d/shop", "")
	c.expect("watching", "snapshot", "status")
	resp := d.submit("/sign-out", nil, anna...)
	if gone := resp.Cookies(); resp.StatusCode != 303 || len(gone) != 1 || gone[0].MaxAge >= 0 {
		t.Errorf("%d %v", resp.StatusCode, gone)
	}
	if code := c.closed(); code != websocket.StatusPolicyViolation {
		t.Errorf("the socket closed with %d", code)
	}
	if resp, _ := d.ask("GET", "/d/shop", anna...); resp.StatusCode != 303 {
		t.Errorf("the cookie still opens: %d", resp.StatusCode)
	}
}

// What let a viewer in ends while a socket and an event stream are open.
func TestWhatEndsClosesWhatIsOpen(t *testing.T) {
	for what, end := range map[string]func(d *door, anna []string){
		"expired":      func(d *door, anna []string) { d.expire(anna) },
		"user removed": func(d *door, anna []string) { d.write("users", "") },
		"new password": func(d *door, anna []string) { d.repass("anna") },
		"other groups": func(d *door, anna []string) { d.regroup("anna", "tea") },
		"rule changed": func(d *door, anna []string) { d.rule("shop", dashboard.Access{Users: []string{"ben"}}) },
		"session taken": func(d *door, anna []string) {
			_ = os.RemoveAll(d.path("sessions"))
			_ = os.Mkdir(d.path("sessions"), 0o700)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel() // each waits a second for a file to be read again
			d := newDoor(t)
			anna, root := d.signIn("anna"), []string(nil)
			if what == "rule changed" || what == "other groups" {
				root = d.signIn("root")
			}
			c := d.dial(anna...)
			c.watch("/d/shop", "")
			c.expect("watching", "snapshot", "status")
			idle := d.dial(anna...) // it watches nothing
			d.until("both", func() bool { return d.Viewers() == 2 })
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "GET", d.url("/api/v1/events"+query("/d/shop")), nil)
			req.Header.Set(anna[0], anna[1])
			stream, err := http.DefaultClient.Do(req)
			if err != nil || stream.StatusCode != 200 {
				t.Fatal(err)
			}
			defer stream.Body.Close()
			var other *client
			if root != nil {
				other = d.dial(root...)
				other.watch("/d/shop", "")
				other.expect("watching", "snapshot", "status")
			}
			end(d, anna)
			d.until("the files are read again", func() bool { d.Inspect(); return d.watchers("/d/shop") <= len(root)/2 })
			if code := c.closed(); code != websocket.StatusPolicyViolation {
				t.Errorf("the socket closed with %d", code)
			}
			if root == nil {
				if code := idle.closed(); code != websocket.StatusPolicyViolation {
					t.Errorf("the idle socket closed with %d", code)
				}
			}
			told, err := io.ReadAll(stream.Body)
			if err != nil || !strings.Contains(string(told), `"type":"error"`) || strings.Contains(string(told), `"type":"bye"`) {
				t.Errorf("the stream ended with %v after %s", err, told)
			}
			if other != nil { // an admin stays
				other.watch("/d/other", "")
				other.expect("watching")
			}
		})
	}
}

func (d *door) rule(slug string, a dashboard.Access) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules[slug] = a
}

// repass gives a user another password.
func (d *door) repass(name string) {
	hash, err := bcrypt.GenerateFromPassword([]byte("battery staple"), bcrypt.MinCost)
	if err != nil {
		d.Fatal(err)
	}
	b, _ := os.ReadFile(d.path("users"))
	line := regexp.MustCompile(`(?m)^(` + name + `):[^:]+`)
	d.write("users", line.ReplaceAllString(string(b), "${1}:"+strings.ReplaceAll(string(hash), "$", "$$")))
}

func (d *door) regroup(name, groups string) {
	b, _ := os.ReadFile(d.path("users"))
	line := regexp.MustCompile(`(?m)^(` + name + `:[^:]+).*$`)
	d.write("users", line.ReplaceAllString(string(b), "${1}:"+groups))
}

func TestSocketIsNotWeakerThanThePage(t *testing.T) {
	d := newDoor(t)
	anna, ben := d.signIn("anna"), d.signIn("ben")
	d.add("/d/mine", "latest")
	d.rule("mine", dashboard.Access{Users: []string{"ben"}})
	d.begin("/d/mine", "row")
	// A page of the browser is told by a close code, any other client by a status.
	_, resp, err := websocket.Dial(t.Context(), d.url("/live"), nil)
	if err == nil || resp == nil || resp.StatusCode != 401 {
		t.Errorf("nobody got a socket: %v", err)
	}
	c := d.dial("Origin", d.http.URL)
	if m := c.next(); m.Type != "error" || c.closed() != websocket.StatusPolicyViolation {
		t.Errorf("a page without a session got %+v", m)
	}
	c = d.dial(ben...)
	for _, page := range []string{"/d/shop", "/t/public.orders", "/d/shpo", "/d/mine/../shop", "//d/shop"} {
		c.watch(page, "e:1")
		if m := c.next(); m.Type != "error" {
			t.Errorf("ben may watch %s: %+v", page, m)
		}
	}
	c.watch("/d/mine", "")
	c.expect("watching", "snapshot", "status")
	if n := d.watchers("/d/shop"); n != 0 {
		t.Errorf("%d watch the shop", n)
	}
	// The session is looked at again with every watch.
	c = d.dial(anna...)
	c.watch("/d/shop", "")
	c.expect("watching", "snapshot", "status")
	d.expire(anna)
	c.watch("/d/shop", "")
	if code := c.closed(); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}
}

// What cannot be looked up is no reason to sign in: the page tries again.
func TestAFaultDoesNotSignOut(t *testing.T) {
	d := newDoor(t)
	anna := d.signIn("anna")
	d.expire(anna)
	files, err := os.ReadDir(d.path("sessions"))
	if err != nil || len(files) != 1 {
		t.Fatal(err)
	}
	d.write("sessions/"+files[0].Name(), "{")
	c := d.dial(append(anna, "Origin", d.http.URL)...)
	if m := c.expect("error"); m.Err.Code != "unavailable" {
		t.Errorf("%+v", m.Err)
	}
	if code := c.closed(); code != websocket.StatusInternalError {
		t.Errorf("closed with %d", code)
	}
}

// One user, or one link, cannot take the places of the others.
func TestEachHasSoManySockets(t *testing.T) {
	d := newDoor(t, func(c *web.Config) { c.Limits.UserSockets = 2 })
	anna, ben := d.signIn("anna"), d.signIn("ben")
	first := d.dial(anna...)
	d.dial(d.signIn("anna")...) // another session of the same user
	d.until("both in", func() bool { return d.Viewers() == 2 })
	third := d.dial(anna...)
	if m := third.next(); m.Type != "error" || m.Err.Message != "you have too many connections open" || third.closed() != websocket.StatusTryAgainLater {
		t.Errorf("the third socket got %+v", m)
	}
	if resp, body := d.ask("GET", "/api/v1/events"+query("/d/shop"), anna...); resp.StatusCode != 429 || !strings.Contains(body, "too many connections") {
		t.Errorf("a stream: %d %s", resp.StatusCode, body)
	}
	other := d.dial(ben...)
	other.watch("/d/nothing", "")
	other.expect("error")
	link := d.share("/d/shop", anna) // has its own count
	for range 2 {
		c := d.dialAt(link + "/live")
		c.watch("/d/shop", "")
		c.expect("watching", "snapshot", "status")
	}
	if c := d.dialAt(link + "/live"); c.next().Type != "error" {
		t.Error("a link has no end of sockets")
	}
	_ = first.CloseNow()
	d.until("the place is free", func() bool { return d.Viewers() == 4 })
	again := d.dial(anna...)
	again.watch("/d/shop", "")
	again.expect("watching", "snapshot", "status")
}
