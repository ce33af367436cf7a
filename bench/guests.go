package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/rowcast/rowcast/access"
)

// guests are users of `--auth password` who signed in, as many as viewers need:
// one user may have 500 sockets.
type guests struct {
	state   string   // the folder with their names and sessions
	cookies []string // of a session of each
}

const (
	guestCount    = 25
	guestPassword = "only for this measurement"
)

// serveGuests serves to those who signed in, and to nobody else.
func (st *stand) serveGuests(ctx context.Context, dashboards string) (_ *serving, err error) {
	if st.guests == nil {
		if st.guests, err = st.invite(ctx, dashboards); err != nil {
			return nil, err
		}
	}
	at, err := st.serve(ctx, dashboards, "--auth", "password", "--state", st.guests.state)
	if err != nil {
		return nil, err
	}
	if err := closed(ctx, at.url); err != nil {
		return nil, errors.Join(err, at.stop())
	}
	at.cookies = st.guests.cookies
	return at, nil
}

// invite makes users and signs each in, over HTTP, at a server that ends then:
// the memory that passwords take is not that of viewers, and sessions outlive it.
func (st *stand) invite(ctx context.Context, dashboards string) (_ *guests, err error) {
	g := &guests{state: filepath.Join(st.dir, "state")}
	for n := range guestCount {
		add := st.command(ctx, "user", "add", "--state", g.state, guestName(n))
		add.Stdin = strings.NewReader(guestPassword + "\n")
		if out, err := add.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("add a user: %w\n%s", err, out)
		}
	}
	at, err := st.serve(ctx, dashboards, "--auth", "password", "--state", g.state)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	if g.cookies, err = signIn(ctx, at.url); err != nil {
		return nil, err
	}
	// Who comes in a storm signed in long before: a file younger than a second is not kept in mind.
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
	}
	return g, ctx.Err()
}

func guestName(n int) string { return fmt.Sprintf("guest%02d", n) }

// signIn signs every guest in, as the form does, and returns their cookies.
func signIn(ctx context.Context, base string) (cookies []string, err error) {
	form := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for n := range guestCount {
		body := url.Values{"name": {guestName(n)}, "password": {guestPassword}, "next": {"/"}}.Encode()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"sign-in", strings.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", strings.TrimSuffix(base, "/"))
		response, err := form.Do(request)
		if err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
		_ = response.Body.Close()
		cookie := ""
		for _, c := range response.Cookies() {
			if c.Name == access.CookieName {
				cookie = c.Name + "=" + c.Value
			}
		}
		if response.StatusCode != http.StatusSeeOther || cookie == "" {
			return nil, fmt.Errorf("sign in as %s: the server said %s", guestName(n), response.Status)
		}
		cookies = append(cookies, cookie)
	}
	return cookies, nil
}

// closed returns an error unless the server turns away who brings no session.
func closed(ctx context.Context, base string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"api/v1/events?page=/d/still", nil)
	if err != nil {
		return fmt.Errorf("come without a session: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("come without a session: %w", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("come without a session: the server said %s", response.Status)
	}
	return nil
}
