package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// OIDC signs people in with an OpenID Connect provider, by the authorization code
// flow with state, nonce and PKCE. Who somebody is, is the token's subject: a name
// or an address of mail may be given to somebody else.
type OIDC struct {
	config   OIDCConfig
	client   *http.Client
	provider atomic.Pointer[oidc.Provider] // nil until it has told its addresses
	asking   singleflight.Group            // whoever comes meanwhile waits for the same answer

	mu     sync.Mutex
	failed error     // what asking came to last
	again  time.Time // not asked before
}

// OIDCConfig names the provider and what it knows this server as.
type OIDCConfig struct {
	Issuer   string // https, or http on this machine
	ClientID string
	Secret   string   // of the client
	Redirect string   // URL of this server's callback, as the provider knows it
	Groups   string   // claim that lists groups; "": none
	Scopes   []string // besides openid and profile
}

// NewOIDC checks the configuration. The provider is asked when somebody signs in
// first, so that this server starts without it.
func NewOIDC(c OIDCConfig) (*OIDC, error) {
	for name, text := range map[string]string{"issuer": c.Issuer, "redirect": c.Redirect} {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
			return nil, fmt.Errorf("read %s %q: it must be a URL that begins with https", name, text)
		}
	}
	if c.ClientID == "" || c.Secret == "" {
		return nil, errors.New("a provider needs a client's name and its secret")
	}
	return &OIDC{config: c, client: &http.Client{Timeout: 10 * time.Second}}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// discover asks the provider for its addresses, until it has told them.
func (o *OIDC) discover(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	p := o.provider.Load()
	if p == nil {
		asked, err, _ := o.asking.Do("", func() (any, error) { return o.ask(context.WithoutCancel(ctx)) })
		if err != nil {
			return nil, nil, fmt.Errorf("ask the provider: %w", err)
		}
		p = asked.(*oidc.Provider)
	}
	return p, &oauth2.Config{
		ClientID: o.config.ClientID, ClientSecret: o.config.Secret, RedirectURL: o.config.Redirect,
		Endpoint: p.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID, "profile"}, o.config.Scopes...),
	}, nil
}

// askPause is how long a provider rests that did not answer: whoever is not signed in
// may have it asked.
const askPause = time.Second

// ask asks the provider, or says how it answered a moment ago.
func (o *OIDC) ask(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	failed, again := o.failed, o.again
	o.mu.Unlock()
	if failed != nil && time.Now().Before(again) {
		return nil, failed
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, o.client), o.config.Issuer)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed, o.again = err, time.Now().Add(askPause)
	if err == nil {
		o.provider.Store(p)
	}
	return p, err
}

// flow is a sign-in on its way. The browser that began it keeps it, so that
// nobody can be made to end somebody else's.
type flow struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Next     string `json:"x"`
}

// FlowCookie is the cookie of a sign-in on its way.
const FlowCookie = "__Host-rowcast-flow"

// flowLasts is how long the provider's page may take.
const flowLasts = 10 * time.Minute

func secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// begin returns where the browser is to go, and what it is to keep. Silently, the
// provider asks nothing: who is signed in there comes back at once.
func (o *OIDC) begin(ctx context.Context, next string, silent bool) (string, *http.Cookie, error) {
	_, config, err := o.discover(ctx)
	if err != nil {
		return "", nil, err
	}
	f := flow{State: secret(), Nonce: secret(), Verifier: oauth2.GenerateVerifier(), Next: next}
	text, err := json.Marshal(f)
	if err != nil {
		return "", nil, fmt.Errorf("begin sign-in: %w", err)
	}
	kept := cookie(base64.RawURLEncoding.EncodeToString(text))
	kept.Name, kept.MaxAge = FlowCookie, int(flowLasts/time.Second)
	asked := []oauth2.AuthCodeOption{oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	if silent {
		asked = append(asked, oauth2.SetAuthURLParam("prompt", "none"))
	}
	return config.AuthCodeURL(f.State, asked...), kept, nil
}

// wantsToAsk are the errors of a provider that would have to ask, and was told not
// to (OpenID Connect Core 1.0, 3.1.2.6).
var wantsToAsk = []string{"login_required", "interaction_required", "consent_required", "account_selection_required"}

// refusesUs tells a refusal of this server, whose name or secret may be wrong, from
// that of a code (RFC 6749, 5.2): nobody who signs in can help it.
func refusesUs(e *oauth2.RetrieveError) bool {
	return e.ErrorCode == "invalid_client" || e.ErrorCode == "unauthorized_client" || e.Response.StatusCode >= 500
}

// end takes the provider's answer. What it returns is who came, and where they
// wanted to go.
func (o *OIDC) end(r *http.Request) (who session, next string, err error) {
	var f flow
	kept := r.CookiesNamed(FlowCookie)
	if len(kept) != 1 {
		return who, "", ErrWrong
	}
	text, err := base64.RawURLEncoding.DecodeString(kept[0].Value)
	if err != nil || json.Unmarshal(text, &f) != nil || f.State == "" || f.Nonce == "" || f.Verifier == "" {
		return who, "", ErrWrong
	}
	asked := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(asked.Get("state")), []byte(f.State)) != 1 {
		return who, f.Next, ErrWrong
	}
	if slices.Contains(wantsToAsk, asked.Get("error")) {
		return who, f.Next, ErrNobody
	}
	if asked.Get("error") != "" || asked.Get("code") == "" {
		return who, f.Next, ErrWrong
	}
	provider, config, err := o.discover(r.Context())
	if err != nil {
		return who, f.Next, err
	}
	ctx := oidc.ClientContext(r.Context(), o.client)
	tokens, err := config.Exchange(ctx, asked.Get("code"), oauth2.VerifierOption(f.Verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		if refusesUs(refused) {
			return who, f.Next, fmt.Errorf("ask the provider for tokens: it answers %d %q", refused.Response.StatusCode, Clip(refused.ErrorCode))
		}
		return who, f.Next, ErrWrong
	}
	if err != nil {
		return who, f.Next, fmt.Errorf("ask the provider for tokens: %w", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: o.config.ClientID}).Verify(ctx, raw)
	if err != nil || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(f.Nonce)) != 1 || token.Subject == "" {
		return who, f.Next, ErrWrong
	}
	if err := checkSubject(token.Subject); err != nil {
		return who, f.Next, err
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return who, f.Next, ErrWrong
	}
	who = session{Name: token.Subject, Way: ModeOIDC, Groups: o.groups(claims)}
	for _, name := range []string{"name", "preferred_username"} {
		if s, _ := claims[name].(string); s != "" && who.Label == "" {
			who.Label = Clip(strings.ToValidUTF8(s, ""))
		}
	}
	return who, f.Next, nil
}

// ErrSubject says that the provider knows somebody by what can name nobody here. That
// is not their failure.
var ErrSubject = errors.New("the provider's subject can be no user's name here")

// checkSubject returns an error unless a provider's subject can name a user. It may have
// colons, as Keycloak's of another directory do (f:uuid:name), for it stands in no users
// file; but not begin as those do who run the program. Commas stand between names where
// a page's settings list them.
func checkSubject(s string) error {
	err := CheckName(strings.ReplaceAll(s, ":", "_"))
	if strings.HasPrefix(s, operators) {
		err = fmt.Errorf("%q is for who runs the program", operators)
	}
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrSubject, Clip(s), err)
	}
	return nil
}

// groups are those of the claim that may be names of groups.
func (o *OIDC) groups(claims map[string]any) (all []string) {
	list, _ := claims[o.config.Groups].([]any)
	for _, g := range list {
		if name, ok := g.(string); ok && CheckName(name) == nil {
			all = append(all, name)
		}
	}
	return all
}

// remembered is how long a browser keeps a session's cookie that the provider let
// in, although the session ends sooner: who has one that is over may be asked for
// silently, and who signed out has none.
const remembered = 30 * 24 * time.Hour

// BeginOIDC begins a sign-in with the provider, and returns where the browser is
// to go and the cookie that it is to keep. Silently, nobody is asked anything: it
// ends with [ErrNobody] where the provider would have to.
func (g *Gate) BeginOIDC(ctx context.Context, next string, silent bool) (string, *http.Cookie, error) {
	if g.config.Mode != ModeOIDC {
		return "", nil, ErrWrong
	}
	return g.config.OIDC.begin(ctx, next, silent)
}

// EndOIDC ends it with the provider's answer, and returns the session's cookie,
// the one that takes the other from the browser, and where to go. Its error is
// [ErrWrong] where the answer proves nothing, [ErrNobody] where the provider would
// have to ask first, [ErrSubject], [ErrBusy] or a [*Wait]; any other is a fault.
func (g *Gate) EndOIDC(r *http.Request, from string) (kept, gone *http.Cookie, next string, err error) {
	gone = cookie("")
	gone.Name, gone.MaxAge = FlowCookie, -1
	if g.config.Mode != ModeOIDC {
		return nil, gone, "", ErrWrong
	}
	counts := []counted{{key: AddressKey(from), most: perAddress}}
	if used, err := g.trials.begin(r.Context(), counts); err != nil {
		if used != nil {
			g.audit.write(EventSignInLimited, "", from, "")
		}
		return nil, gone, "", err
	}
	wrong := false
	defer func() { g.trials.end(counts, wrong) }()
	who, next, err := g.config.OIDC.end(r)
	if wrong = errors.Is(err, ErrWrong); wrong { // the provider's failure is not theirs
		g.audit.write(EventSignInFails, "", from, "")
	}
	if err != nil {
		return nil, gone, next, err
	}
	kept, err = g.begin(who)
	if err == nil {
		g.tellMaker(Viewer{Name: who.Name, Groups: who.Groups})
		kept.Expires = time.Now().Add(remembered)
		g.audit.write(EventSignIn, who.Name, from, "", "label", who.Label)
	}
	return kept, gone, next, err
}
