package web_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
)

// provider is a running provider of OpenID Connect, whose tokens a test may
// exchange for others.
type provider struct {
	*mockoidc.MockOIDC
	forge atomic.Pointer[func(jwt.MapClaims) string]
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	m, err := mockoidc.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{MockOIDC: m}
	if err := m.AddMiddleware(p.tamper); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(nil)
	if err := m.Start(srv.Listener, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Shutdown() })
	return p
}

// tamper hands out the token that forge makes from the claims of the real one.
func (p *provider) tamper(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forge := p.forge.Load()
		if forge == nil || !strings.HasSuffix(r.URL.Path, "/token") {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		var body map[string]any
		if json.Unmarshal(rec.Body.Bytes(), &body) != nil || body["id_token"] == nil {
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
			return
		}
		claims := jwt.MapClaims{}
		_, _, _ = jwt.NewParser().ParseUnverified(body["id_token"].(string), claims)
		body["id_token"] = (*forge)(claims)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	})
}

func (p *provider) sign(claims jwt.MapClaims) string {
	token, err := p.Keypair.SignJWT(claims)
	if err != nil {
		panic(err)
	}
	return token
}

func newProviderDoor(t *testing.T) (*door, *provider) {
	t.Helper()
	p := newProvider(t)
	o, err := access.NewOIDC(access.OIDCConfig{
		Issuer: p.Issuer(), ClientID: p.ClientID, Secret: p.ClientSecret, Groups: "groups", Scopes: []string{"groups"},
		Redirect: "http://127.0.0.1/sign-in/callback",
	})
	if err != nil {
		t.Fatal(err)
	}
	return newWay(t, func(c *access.Config) { c.Mode, c.Users, c.OIDC = access.ModeOIDC, nil, o }), p
}

// depart begins a sign-in, and returns the cookie that the browser keeps and
// where the provider sends it back to.
func (d *door) depart(p *provider, subject string, groups ...string) (kept, back string) {
	d.Helper()
	return d.departBy("/sign-in/provider?next="+url.QueryEscape("/d/shop?a=b"), p, subject, groups...)
}

func (d *door) departBy(way string, p *provider, subject string, groups ...string) (kept, back string) {
	d.Helper()
	resp, _ := d.ask("GET", way)
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != 303 || len(resp.Cookies()) != 1 {
		d.Fatalf("%d to %s: %v", resp.StatusCode, to, err)
	}
	asked := to.Query()
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(asked.Get(name)) < 43 {
			d.Errorf("%s is %q", name, asked.Get(name))
		}
	}
	if asked.Get("code_challenge_method") != "S256" || asked.Get("response_type") != "code" {
		d.Errorf("%v", asked)
	}
	set := resp.Header.Get("Set-Cookie")
	for _, part := range []string{access.FlowCookie, "Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} {
		if !strings.Contains(set, part) {
			d.Errorf("the cookie lacks %s: %s", part, set)
		}
	}
	p.QueueUser(&mockoidc.MockUser{Subject: subject, Email: "root", PreferredUsername: "root", Groups: groups})
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(to.String())
	if err != nil {
		d.Fatal(err)
	}
	answer.Body.Close()
	client.CloseIdleConnections()
	location, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || location.Query().Get("code") == "" {
		d.Fatalf("the provider says %d, %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	return resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value, location.RequestURI()
}

func session(resp *http.Response) (header []string) {
	for _, c := range resp.Cookies() {
		if c.Name == access.CookieName {
			header = []string{"Cookie", c.Name + "=" + c.Value}
		}
	}
	return header
}

func TestAProviderLetsIn(t *testing.T) {
	d, p := newProviderDoor(t)
	d.rule("shop", dashboard.Access{Users: []string{"subject-1"}, Groups: []string{"sales"}})
	if _, body := d.ask("GET", "/sign-in?next=/d/shop"); !strings.Contains(body, `href="/sign-in/provider?next=%2Fd%2Fshop"`) || strings.Contains(body, `type="password"`) {
		t.Errorf("the door is %s", body)
	}
	for subject, groups := range map[string][]string{"subject-1": nil, "subject-2": {"sales", "tea"}} {
		kept, back := d.depart(p, subject, groups...)
		resp, _ := d.ask("GET", back, "Cookie", kept)
		header := session(resp)
		if resp.StatusCode != 303 || resp.Header.Get("Location") != "/d/shop?a=b" || header == nil {
			t.Fatalf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
		}
		page, body := d.ask("GET", "/d/shop", header...)
		if page.StatusCode != 200 || !strings.Contains(body, ">root<") {
			t.Errorf("%s: %d", subject, page.StatusCode)
		}
		// The name that the provider shows is nobody's right: root is an admin here.
		if admin, _ := d.ask("GET", "/metrics", header...); admin.StatusCode != 404 {
			t.Errorf("a name made %s an admin", subject)
		}
		if again, _ := d.ask("GET", back, "Cookie", kept); session(again) != nil {
			t.Error("the same answer signed in twice")
		}
		if out := d.submit("/sign-out", nil, header...); out.StatusCode != 303 {
			t.Errorf("%d", out.StatusCode)
		}
	}
	kept, back := d.depart(p, "subject-3")
	resp, _ := d.ask("GET", back, "Cookie", kept)
	if page, _ := d.ask("GET", "/d/shop", session(resp)...); page.StatusCode != 404 {
		t.Errorf("somebody else: %d", page.StatusCode)
	}
	if resp := d.submit("/sign-in", url.Values{"name": {"anna"}, "password": {password}}); session(resp) != nil {
		t.Error("a password signs in too")
	}
	log := d.audit.String()
	if !strings.Contains(log, `"event":"sign_in","user":"subject-1"`) {
		t.Error(log)
	}
	_, query, _ := strings.Cut(back, "?")
	if strings.Contains(log+d.logs.String(), strings.Split(query, "&")[0]) {
		t.Error("a log holds the code")
	}
}

// A session ends soon, and who is still signed in with the provider goes on without
// being asked, with the groups of now; who signed out is asked.
func TestAProviderIsAskedAgainSilently(t *testing.T) {
	d, p := newProviderDoor(t)
	kept, back := d.depart(p, "subject-1", "sales")
	resp, _ := d.ask("GET", back, "Cookie", kept)
	anna := session(resp)
	if shop, _ := d.ask("GET", "/d/shop", anna...); shop.StatusCode != 200 {
		t.Fatal(shop.StatusCode)
	}
	d.expire(anna)
	resp, _ = d.ask("GET", "/d/shop?a=b", anna...)
	resp, _ = d.ask("GET", resp.Header.Get("Location"), anna...)
	silent := resp.Header.Get("Location")
	if silent != "/sign-in/provider?next=%2Fd%2Fshop%3Fa%3Db&silent" {
		t.Fatalf("the way leads to %q", silent)
	}
	if resp, _ := d.ask("GET", silent); !strings.Contains(resp.Header.Get("Location"), "prompt=none") {
		t.Errorf("the provider may ask: %s", resp.Header.Get("Location"))
	}
	kept, back = d.departBy(silent, p, "subject-1") // in no group any more
	resp, _ = d.ask("GET", back, "Cookie", kept)
	if shop, _ := d.ask("GET", "/d/shop", session(resp)...); resp.Header.Get("Location") != "/d/shop?a=b" || shop.StatusCode != 404 {
		t.Errorf("back at %s a group that was left still lets in: %d", resp.Header.Get("Location"), shop.StatusCode)
	}
	// The provider would have to ask: so the form does, and it is nobody's failure.
	kept, back = d.departBy(silent, p, "subject-1")
	at, _ := url.Parse(back)
	for range 50 {
		resp, body := d.ask("GET", "/sign-in/callback?error=login_required&state="+at.Query().Get("state"), "Cookie", kept)
		if resp.StatusCode != 401 || session(resp) != nil || !strings.Contains(body, "Your session ended.") {
			t.Fatalf("%d %.300s", resp.StatusCode, body)
		}
	}
	if strings.Contains(d.audit.String(), "sign_in_failed") {
		t.Error(d.audit.String())
	}
	if resp, _ := d.ask("GET", "/sign-in?again&next=%2Fd%2Fshop"); resp.StatusCode != 200 {
		t.Errorf("who signed out is signed in again: %d", resp.StatusCode)
	}
}

// What the provider did not say, to this browser, now, signs nobody in.
func TestAnAnswerOfAnotherKindLetsNobodyIn(t *testing.T) {
	d, p := newProviderDoor(t)
	other := newProvider(t)
	change := func(text string, with func(map[string]string)) string {
		name, value, _ := strings.Cut(text, "=")
		b, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		var f map[string]string
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		with(f)
		b, _ = json.Marshal(f)
		return name + "=" + base64.RawURLEncoding.EncodeToString(b)
	}
	claim := func(name string, value any) func(jwt.MapClaims) string {
		return func(c jwt.MapClaims) string {
			c[name] = value
			return p.sign(c)
		}
	}
	anothers, _ := d.depart(p, "anna")
	for what, c := range map[string]struct {
		kept  func(string) string
		back  func(string) string
		forge func(jwt.MapClaims) string
	}{
		"no cookie":        {kept: func(string) string { return "x=y" }},
		"two cookies":      {kept: func(s string) string { return s + "; " + anothers }},
		"another's cookie": {kept: func(string) string { return anothers }},
		"another state":    {back: func(s string) string { return strings.Replace(s, "state=", "state=x", 1) }},
		"no state":         {back: func(s string) string { return strings.Replace(s, "state=", "other=", 1) }, kept: func(s string) string { return change(s, func(f map[string]string) { f["s"] = "" }) }},
		"no code":          {back: func(s string) string { return strings.Replace(s, "code=", "other=", 1) }},
		"a made-up code":   {back: func(s string) string { return strings.Replace(s, "code=", "code=x", 1) }},
		"an error":         {back: func(s string) string { return s + "&error=access_denied" }},
		"another verifier": {kept: func(s string) string {
			return change(s, func(f map[string]string) { f["v"] = strings.Repeat("x", 43) })
		}},
		"another nonce":       {kept: func(s string) string { return change(s, func(f map[string]string) { f["n"] = "x" }) }},
		"a token of no nonce": {forge: func(c jwt.MapClaims) string { delete(c, "nonce"); return p.sign(c) }},
		"for another client":  {forge: claim("aud", "other")},
		"of another issuer":   {forge: claim("iss", other.Issuer())},
		"an old token":        {forge: claim("exp", time.Now().Add(-time.Hour).Unix())},
		"of nobody":           {forge: claim("sub", "")},
		"signed by another": {forge: func(c jwt.MapClaims) string {
			t, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(p.ClientSecret))
			return t
		}},
		"signed by none": {forge: func(c jwt.MapClaims) string {
			t, _ := jwt.NewWithClaims(jwt.SigningMethodNone, c).SignedString(jwt.UnsafeAllowNoneSignatureType)
			return t
		}},
		"no token": {forge: func(jwt.MapClaims) string { return "" }},
	} {
		p.forge.Store(nil)
		kept, back := d.depart(p, "root")
		if c.kept != nil {
			kept = c.kept(kept)
		}
		if c.back != nil {
			back = c.back(back)
		}
		if c.forge != nil {
			p.forge.Store(&c.forge)
		}
		resp, body := d.ask("GET", back, "Cookie", kept)
		if resp.StatusCode != 401 || session(resp) != nil || !strings.Contains(body, "Begin it again") {
			t.Errorf("%s: %d %.300s", what, resp.StatusCode, body)
		}
	}
	p.forge.Store(nil)
	for _, bad := range []access.OIDCConfig{
		{Issuer: "http://provider.example", ClientID: "x", Secret: "y", Redirect: "https://dash.example/sign-in/callback"},
		{Issuer: "https://provider.example", ClientID: "x", Secret: "y", Redirect: "http://dash.example/sign-in/callback"},
		{Issuer: "https://provider.example", ClientID: "x", Redirect: "https://dash.example/sign-in/callback"},
		{Issuer: "provider", ClientID: "x", Secret: "y", Redirect: "https://dash.example/sign-in/callback"},
	} {
		if _, err := access.NewOIDC(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// A provider's name for somebody may have colons. One that cannot be a user's here is
// refused with a reason, and counts as nobody's failure.
func TestWhatAProviderMayCallPeople(t *testing.T) {
	d, p := newProviderDoor(t)
	const federated = "f:8ed8a9b3-3a5e-4d3a-9f6e-2d9a0f6c0b11:anna"
	d.rule("shop", dashboard.Access{Users: []string{federated}})
	for i := range 30 { // more than may fail
		subject := []string{"a, b", "os:root", "a b", "link abc", "#a", "a\tb"}[i%6]
		kept, back := d.depart(p, subject)
		resp, body := d.ask("GET", back, "Cookie", kept)
		if resp.StatusCode != 403 || session(resp) != nil || !strings.Contains(body, "a name that cannot be used here") {
			t.Fatalf("%q, number %d: %d %.300s", subject, i, resp.StatusCode, body)
		}
	}
	if strings.Contains(d.audit.String(), "sign_in_failed") || !strings.Contains(d.logs.String(), "a name has no spaces, commas or colons") {
		t.Errorf("%s\n%s", d.audit, d.logs)
	}
	kept, back := d.depart(p, federated)
	resp, _ := d.ask("GET", back, "Cookie", kept)
	if shop, _ := d.ask("GET", "/d/shop", session(resp)...); shop.StatusCode != 200 {
		t.Errorf("a name with colons: %d, %d", resp.StatusCode, shop.StatusCode)
	}
}

func TestAProviderThatDoesNotAnswerIsSaid(t *testing.T) {
	d, p := newProviderDoor(t)
	if err := p.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if resp, body := d.ask("GET", "/sign-in/provider"); resp.StatusCode != 503 || !strings.Contains(body, "does not answer") {
		t.Errorf("%d", resp.StatusCode)
	}
}

// The routes that only this way in has are walked too, and those that all have.
func TestEveryRouteAsksWhoItIsWithAProvider(t *testing.T) {
	d, _ := newProviderDoor(t)
	open := map[string]int{
		"GET /healthz": 200, "GET /readyz": 200, "GET /static/{file...}": 404, "GET /sign-in": 200, "POST /sign-in": 401,
		"GET /sign-in/provider": 303, "GET /sign-in/callback": 401,
	}
	walked := 0
	for _, pattern := range d.Patterns() {
		method, path := target(pattern)
		want, isOpen := open[pattern]
		for who, header := range map[string][]string{"nobody": nil, "a made-up session": {"Cookie", access.CookieName + "=x"}} {
			resp, body := d.ask(method, path, header...)
			away := resp.StatusCode == 401 || resp.StatusCode == 303 && strings.HasPrefix(resp.Header.Get("Location"), "/sign-in")
			if isOpen && resp.StatusCode != want || !isOpen && !away {
				t.Errorf("%s as %s: %d %s", pattern, who, resp.StatusCode, resp.Header.Get("Location"))
			}
			if tells(body, path) {
				t.Errorf("%s tells %s: %s", pattern, who, body)
			}
		}
		if isOpen {
			walked++
		}
	}
	if walked != len(open) {
		t.Errorf("only %d of the %d open routes are there", walked, len(open))
	}
}

// A provider that refuses this server says nothing of who signs in: whoever runs it
// finds why in the log, and nobody is limited for it.
func TestAProviderThatRefusesTheServerIsSaid(t *testing.T) {
	d, p := newProviderDoor(t)
	for range 25 {
		kept, back := d.depart(p, "anna")
		p.ClientSecret = "another"
		resp, body := d.ask("GET", back, "Cookie", kept)
		if resp.StatusCode != 503 || !strings.Contains(body, "does not answer") || session(resp) != nil {
			t.Fatalf("%d %.300s", resp.StatusCode, body)
		}
	}
	if log := d.logs.String(); !strings.Contains(log, "a sign-in could not be ended") || !strings.Contains(log, "invalid_client") || strings.Contains(log, "code=") {
		t.Errorf("log: %s", log)
	}
	if strings.Contains(d.audit.String(), "sign_in_failed") {
		t.Error(d.audit.String())
	}
}
