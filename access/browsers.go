package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Browsers know those from which a name signed in lately, by a cookie that such a
// browser keeps and nobody else can make. It signs nobody in: it only has failures
// counted apart, so that strangers who guess at a name do not keep its owner out
// (OWASP describes it as device cookies). Nothing is kept but one secret.
type Browsers struct{ keys *file[[]signer] }

// BrowserCookie is the cookie of a browser from which somebody signed in.
const BrowserCookie = "__Host-rowcast-browser"

// lately is how long a browser is known after a sign-in.
const lately = 90 * 24 * time.Hour

// OpenBrowsers uses the secret browser.key in dir, and draws it where it is missing.
func OpenBrowsers(dir string, log *slog.Logger) (*Browsers, error) {
	path := filepath.Join(dir, "browser.key")
	if err := makeKey(path); err != nil {
		return nil, fmt.Errorf("open browsers: %w", err)
	}
	keys, err := openFile(path, log, parseKeys)
	if err != nil {
		return nil, fmt.Errorf("open browsers: %w", err)
	}
	return &Browsers{keys}, nil
}

// meet returns what a browser is to keep from which name signs in.
func (b *Browsers) meet(name string) *http.Cookie {
	var one [16]byte
	_, _ = rand.Read(one[:]) // it never fails
	until := time.Now().Add(lately)
	id := base64.RawURLEncoding.EncodeToString(one[:]) + "." + strconv.FormatInt(until.Unix(), 10)
	c := cookie(id + "." + b.keys.get()[0].vouch(id, name))
	c.Name, c.Expires = BrowserCookie, until
	return c
}

// knows returns what tells the browser of r from others, if name signed in from it
// lately; else "".
func (b *Browsers) knows(r *http.Request, name string) string {
	kept := r.CookiesNamed(BrowserCookie)
	if len(kept) != 1 {
		return ""
	}
	at := strings.LastIndexByte(kept[0].Value, '.')
	if at < 0 {
		return ""
	}
	id, proof := kept[0].Value[:at], kept[0].Value[at+1:]
	_, until, _ := strings.Cut(id, ".")
	seconds, err := strconv.ParseInt(until, 10, 64)
	if err != nil || !time.Now().Before(time.Unix(seconds, 0)) {
		return ""
	}
	for _, k := range b.keys.get() {
		if hmac.Equal([]byte(proof), []byte(k.vouch(id, name))) {
			return id
		}
	}
	return ""
}

// vouch signs that name signed in from a browser. Anna and anna may be two users, so
// that what either keeps says nothing of the other.
func (s signer) vouch(id, name string) string {
	m := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(m, "rowcast browser 1\n%s\n%s\n", id, name)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
