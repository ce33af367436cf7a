package access

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// signIn tries one from a browser that keeps these cookies, and returns its session's.
func signIn(t *testing.T, g *Gate, name, password, from string, kept ...*http.Cookie) (session, browser *http.Cookie, err error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/sign-in", nil)
	for _, c := range kept {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	got, err := g.SignIn(r, name, password, from)
	if err != nil {
		return nil, nil, err
	}
	return got[0], got[1], nil
}

// A name that is not there takes as long as a wrong password does, whatever kind of
// hash the file has.
func TestUnknownNamesTakeAsLong(t *testing.T) {
	dir := t.TempDir()
	if err := SetUser(filepath.Join(dir, "argon2id"), "anna", "correct horse", nil); err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), 9)
	if err != nil {
		t.Fatal(err)
	}
	quick, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "bcrypt", "anna:"+string(hash)+"\n")
	write(t, dir, "quick", "anna:"+string(quick)+"\n")
	for _, kind := range []string{"argon2id", "bcrypt", "quick"} {
		users, err := OpenUsers(filepath.Join(dir, kind), quiet)
		if err != nil {
			t.Fatal(err)
		}
		median := func(name string) time.Duration {
			var took []time.Duration
			for range 5 {
				began := time.Now()
				_, _ = users.check(t.Context(), name, "wrong password")
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			return took[2]
		}
		if known, unknown := median("anna"), median("nobody"); unknown < known/3 || known < unknown/3 {
			t.Errorf("%s: a wrong password takes %v, an unknown name %v", kind, known, unknown)
		}
	}
	// Of several kinds each stands for as many unknown names as it has known ones,
	// and a name does not change sides.
	all := userList{hashes: []string{"a", "a", "a", "b"}}
	u, seen := &Users{seed: maphash.MakeSeed()}, map[string]int{}
	for i := range 1000 {
		name := fmt.Sprint("user", i)
		first, again := u.decoy(all, name), u.decoy(all, name)
		if seen[first]++; first != again {
			t.Fatal("a name changes sides")
		}
	}
	if seen["b"] < 150 || seen["b"] > 350 {
		t.Errorf("%v", seen)
	}
}

func TestSignInsThatFailAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := passwordGate(t, time.Hour)
		try := func(name, password, from string) error {
			_, _, err := signIn(t, g, name, password, from)
			return err
		}
		var wait *Wait
		for i := range perPair.Burst { // from one place, one name
			if err := try("anna", "wrong", "10.0.0.1"); !errors.Is(err, ErrWrong) {
				t.Fatal(i, err)
			}
		}
		if err := try("ANNA", "wrong", "10.0.0.1"); !errors.As(err, &wait) || wait.For <= 0 || wait.For > perPair.Every {
			t.Errorf("the name is not limited there: %v", err)
		}
		if err := try("anna", "correct horse", "10.0.0.1"); !errors.As(err, &wait) {
			t.Errorf("while it waits even the right password must, or waiting would tell: %v", err)
		}
		if err := try("anna", "correct horse", "10.0.1.1"); err != nil {
			t.Errorf("failures elsewhere keep anna out: %v", err)
		}
		time.Sleep(perPair.Every)
		if err := try("anna", "correct horse", "10.0.0.1"); err != nil {
			t.Errorf("after a while: %v", err)
		}
		for range 50 { // what does not fail is not counted
			if err := try("anna", "correct horse", "10.0.1.1"); err != nil {
				t.Fatal(err)
			}
		}
		for i := range perAddress.Burst { // from one network, many names
			if err := try(fmt.Sprint("user", i), "wrong", fmt.Sprintf("2001:db8::%d", i+1)); !errors.Is(err, ErrWrong) {
				t.Fatal(i, err)
			}
		}
		if err := try("someone", "wrong", "2001:db8::ffff"); !errors.As(err, &wait) {
			t.Errorf("the network is not limited: %v", err)
		}
		if err := try("someone", "wrong", "2001:db8:0:1::1"); !errors.Is(err, ErrWrong) {
			t.Errorf("another network: %v", err)
		}
	})
}

// Whoever guesses at one name from everywhere is bounded, and does not keep its owner
// out of a browser that the owner signed in from.
func TestNobodyIsKeptOutByOthersFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := passwordGate(t, time.Hour)
		_, known, err := signIn(t, g, "anna", "correct horse", "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		var wait *Wait
		guessed := 0
		for i := range 1000 {
			if _, _, err := signIn(t, g, "anna", "wrong", fmt.Sprintf("10.1.%d.%d", i/250, i%250)); errors.Is(err, ErrWrong) {
				guessed++
			} else if !errors.As(err, &wait) {
				t.Fatal(err)
			}
		}
		if guessed != perName.Burst {
			t.Errorf("of 1000 guesses from everywhere %d were tried", guessed)
		}
		for range perPair.Burst { // a colleague, at the same address as anna
			_, _, _ = signIn(t, g, "anna", "wrong", "10.0.0.1")
		}
		if _, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1"); !errors.As(err, &wait) {
			t.Errorf("a strange browser is let try: %v", err)
		}
		_, again, err := signIn(t, g, "anna", "correct horse", "10.0.0.1", known)
		if err != nil {
			t.Errorf("anna is kept out of her own browser: %v", err)
		}
		// The cookie is for her name, whole, once, and for a while; and has a count too.
		forged := *again
		forged.Value = strings.Replace(forged.Value, ".", ".9", 1)
		for what, kept := range map[string][]*http.Cookie{"made longer": {&forged}, "there twice": {known, again}, "empty": {{Name: BrowserCookie}}, "of another kind": {{Name: BrowserCookie, Value: "a.b.c"}}} {
			if _, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1", kept...); !errors.As(err, &wait) {
				t.Errorf("a cookie that is %s: %v", what, err)
			}
		}
		r := httptest.NewRequest("POST", "/", nil)
		r.AddCookie(&http.Cookie{Name: again.Name, Value: again.Value})
		if g.config.Browsers.knows(r, "anna") == "" || g.config.Browsers.knows(r, "Anna") != "" || g.config.Browsers.knows(r, "ben") != "" {
			t.Error("a browser is known for another name")
		}
		for range perBrowser.Burst {
			if _, _, err := signIn(t, g, "anna", "wrong", "10.0.0.1", again); !errors.Is(err, ErrWrong) {
				t.Fatal(err)
			}
		}
		if _, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1", again); !errors.As(err, &wait) {
			t.Errorf("guesses from a known browser have no end: %v", err)
		}
		time.Sleep(lately)
		if g.config.Browsers.knows(r, "anna") != "" {
			t.Error("a browser is known for good")
		}
	})
}

// That too many sign in at once is not the failure of those who do.
func TestABusyMomentIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := passwordGate(t, time.Hour)
		for range cap(g.config.Users.slots) {
			g.config.Users.slots <- struct{}{}
		}
		var all sync.WaitGroup
		for range perPair.Burst {
			all.Go(func() {
				if _, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1"); !errors.Is(err, ErrBusy) {
					t.Errorf("it is busy: %v", err)
				}
			})
		}
		all.Wait()
		for range cap(g.config.Users.slots) {
			<-g.config.Users.slots
		}
		if _, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// Nor is a sign-in that has not ended yet: of those at one address who come at the same
// moment, more than may fail, each gets in.
func TestWhoSignsInAtTheSameMomentHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, dir := passwordGate(t, time.Hour)
		const many = 100
		hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		lines := ""
		for i := range many {
			lines += fmt.Sprintf("user%d:%s\n", i, hash)
		}
		write(t, dir, "users", lines)
		time.Sleep(2 * time.Second) // until it is read again
		for range cap(g.config.Users.slots) {
			g.config.Users.slots <- struct{}{} // all are under way before the first one ends
		}
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				if _, _, err := signIn(t, g, fmt.Sprint("user", i), "correct horse", "10.0.0.1"); err != nil {
					t.Errorf("user%d: %v", i, err)
				}
				if _, _, err := signIn(t, g, "user0", "correct horse", "10.0.0.2"); err != nil {
					t.Errorf("user0 in many windows: %v", err)
				}
			})
		}
		synctest.Wait()
		for range cap(g.config.Users.slots) {
			<-g.config.Users.slots
		}
		all.Wait()
		if len(g.trials.flying) > 0 || len(g.trials.failed.empty) > 0 || g.trials.waiting > 0 {
			t.Errorf("%v are under way, %v failed, %d wait", g.trials.flying, g.trials.failed.empty, g.trials.waiting)
		}
		// Far more do not wait, and those who do wait for so long.
		for range cap(g.config.Users.slots) {
			g.config.Users.slots <- struct{}{}
		}
		var busy atomic.Int64
		const crowd = mostWaiting + 50
		for range crowd {
			all.Go(func() {
				if _, _, err := signIn(t, g, "user0", "correct horse", "10.0.0.2"); errors.Is(err, ErrBusy) {
					busy.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := int(busy.Load()); n != crowd-mostWaiting-perPair.Burst {
			t.Errorf("%d of %d are refused at once", n, crowd)
		}
		all.Wait()
		for range cap(g.config.Users.slots) {
			<-g.config.Users.slots
		}
		if n := busy.Load(); n != crowd || g.trials.waiting > 0 {
			t.Errorf("%d of %d are refused in the end, %d wait", n, crowd, g.trials.waiting)
		}
		// And many at the same moment are no way around.
		var tried atomic.Int64
		for range many {
			all.Go(func() {
				var wait *Wait
				if _, _, err := signIn(t, g, "user0", "wrong", "10.0.0.3"); errors.Is(err, ErrWrong) {
					tried.Add(1)
				} else if !errors.As(err, &wait) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := tried.Load(); n != int64(perPair.Burst) {
			t.Errorf("%d guesses at once were tried", n)
		}
	})
}

// Nor is an outage of the provider, or that many come back from it at the same moment.
func TestAnOutageIsNotCounted(t *testing.T) {
	var asked atomic.Int64
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		time.Sleep(20 * time.Millisecond)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer slow.Close()
	o, err := NewOIDC(OIDCConfig{Issuer: slow.URL, ClientID: "x", Secret: "y", Redirect: "http://127.0.0.1/sign-in/callback"})
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := OpenSessions(t.TempDir(), time.Hour, quiet)
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{Mode: ModeOIDC, OIDC: o, Sessions: sessions, Policy: &Policy{}, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(flow{State: "s", Nonce: "n", Verifier: "v"})
	var all sync.WaitGroup
	for range 3 * perAddress.Burst {
		all.Go(func() {
			r := httptest.NewRequest("GET", "/sign-in/callback?state=s&code=c", nil)
			r.AddCookie(&http.Cookie{Name: FlowCookie, Value: base64.RawURLEncoding.EncodeToString(text)})
			var wait *Wait
			_, _, _, err := g.EndOIDC(r, "10.0.0.1")
			if err == nil || errors.Is(err, ErrWrong) || errors.Is(err, ErrBusy) || errors.As(err, &wait) {
				t.Errorf("the provider is down: %v", err)
			}
		})
	}
	all.Wait()
	// Whoever comes is not what asks it: it is asked once, and not again for a second.
	if n := asked.Load(); n > 2 {
		t.Errorf("a provider that is down was asked %d times", n)
	}
}

// Who knows a password does not fill the state folder with sessions, and is told that
// nothing failed.
func TestSessionsOfOneUserHaveAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, dir := passwordGate(t, time.Hour)
		for range perUser.Burst {
			if _, err := g.begin(session{Name: "anna", Way: ModePassword}); err != nil {
				t.Fatal(err)
			}
		}
		var wait *Wait
		if _, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1"); !errors.As(err, &wait) {
			t.Fatal(err)
		}
		if wait.Failed || wait.For <= 0 || wait.For > perUser.Every || strings.Contains(wait.Error(), "failed") {
			t.Errorf("%+v: %v", wait, wait)
		}
		if files, err := os.ReadDir(filepath.Join(dir, "sessions")); err != nil || len(files) != perUser.Burst {
			t.Errorf("%d sessions, %v", len(files), err)
		}
		time.Sleep(perUser.Every)
		if _, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1"); err != nil {
			t.Error(err)
		}
	})
}
