package web

import (
	"net/http"
	"sync"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
)

// Limits bound what one user, one address, and all together may have. A zero
// field is the default that it names.
//
// An address is that of the client, as far as trusted proxies tell it, and of
// IPv6 a whole /64. One that is a proxy's, because nobody named the proxy, is
// shared by all who come through it, so what an address may have is much; this
// machine and trusted proxies themselves may open as many sockets as there may be.
type Limits struct {
	Sockets        int // open sockets and event streams in all; 20,000
	UserSockets    int // of one user, or of one share link; 500
	AddressSockets int // of one address; 5,000

	// Pages are different ones that are live: other values of a variable, other
	// filters of a table, are another page. One that is watched already may be
	// joined by anybody.
	Pages        int           // in all; 2,000
	UserPages    int           // of one user, or of one share link; 100
	AddressPages int           // of one address; 500
	Linger       time.Duration // how long the feed keeps a page that nobody watches; 10 s
}

func (l *Limits) setDefaults() {
	for _, n := range []struct {
		at *int
		or int
	}{
		{&l.Sockets, 20_000}, {&l.UserSockets, 500}, {&l.AddressSockets, 5_000},
		{&l.Pages, 2_000}, {&l.UserPages, 100}, {&l.AddressPages, 500},
	} {
		if *n.at <= 0 {
			*n.at = n.or
		}
	}
	if l.Linger <= 0 {
		l.Linger = 10 * time.Second
	}
}

// share is what one who is counted may have.
type share struct {
	who     string // as [visitor.whose] says it, or "address 10.0.0.7"; "" is everybody together
	sockets int
	pages   int
	they    string // "you have", for what they are told who have too much
}

// handshakesEvery is the pace at which one address may connect, once it did so
// twice as often as it may have sockets: all come back when the server restarts.
const handshakesEvery = 20 * time.Millisecond

// shares are those that a visitor has a part in, everybody's last.
func (s *Server) shares(v *visitor) []share {
	var all []share
	l := &s.config.Limits
	if whose := v.whose(); whose != "" {
		all = append(all, share{whose, l.UserSockets, l.UserPages, "you have"})
	}
	if v.from != "" {
		one := share{access.AddressKey(v.from), l.AddressSockets, l.AddressPages, "your address has"}
		if v.relayed {
			one.sockets = l.Sockets
		}
		all = append(all, one)
	}
	return append(all, share{"", l.Sockets, l.Pages, ""})
}

// tooMany refuses one whose share is used up.
func (n share) tooMany(what string) *problem {
	message := n.they + " too many " + what + " open"
	if n.they == "" {
		message = "too many " + what + " are open"
	}
	return &problem{status: http.StatusTooManyRequests, code: codeTooMany, message: message}
}

// mayConnect says whether a visitor's address connects at a pace that it may.
func (s *Server) mayConnect(v *visitor) error {
	if v.from == "" || v.relayed {
		return nil
	}
	pace := access.Allowance{Burst: 2 * s.config.Limits.AddressSockets, Every: handshakesEvery}
	if wait := s.paces.Wait("connect "+access.AddressKey(v.from), pace, time.Now()); wait > 0 {
		return tooFast("your address connects too often", wait)
	}
	return nil
}

// asking is what somebody asks for, by what it costs.
type asking string

const (
	asksNew  asking = "new "  // a page that is not live, or the list of all
	asksLive asking = "live " // one that is, by any way: rendering it is all
	asksMore asking = "more " // what is on no page: the database is asked each time
)

// pace is how fast those who have a share may ask: for what is not live, no faster
// than they may open such pages; for what is live, as if all the screens that they
// may have were loaded anew, and then one page each within twenty seconds.
func (l *Limits) pace(a asking, n share) access.Allowance {
	switch a {
	case asksNew:
		return access.Allowance{Burst: n.pages, Every: l.Linger / time.Duration(n.pages)}
	case asksLive:
		many := max(n.sockets, 50)
		return access.Allowance{Burst: 2 * many, Every: 20 * time.Second / time.Duration(many)}
	default:
		return access.Allowance{Burst: n.pages, Every: 2 * l.Linger / time.Duration(n.pages)}
	}
}

// mayAsk says whether a visitor may have the page of an address looked up.
func (s *Server) mayAsk(v *visitor, address string) error {
	if s.held.live(address) {
		return s.mayPace(v, asksLive, "pages")
	}
	return s.mayPace(v, asksNew, "pages")
}

func (s *Server) mayPace(v *visitor, a asking, what string) error {
	now := time.Now()
	for _, n := range s.shares(v) {
		if n.who == "" {
			continue
		}
		if wait := s.paces.Wait(string(a)+n.who, s.config.Limits.pace(a, n), now); wait > 0 {
			return tooFast(n.they+" asked for too many "+what+" just now", wait)
		}
	}
	return nil
}

// tooFast refuses one who may come again after wait.
func tooFast(message string, wait time.Duration) *problem {
	return &problem{status: http.StatusTooManyRequests, code: codeTooMany, message: message, after: wait}
}

// more lets a handler answer that asks the database each time, as often as its
// visitor may.
func (s *Server) more(h pageHandler) pageHandler {
	return func(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
		if err := s.mayPace(visitorOf(r.Context()), asksMore, "rows"); err != nil {
			s.fail(w, r, err)
			return
		}
		h(w, r, page)
	}
}

// exports count who has one running, by their names in [share].
type exports struct {
	mu      sync.Mutex // guards running
	running map[string]bool
}

// begin lets one who has none running begin an export, and returns what ends it. So
// nobody takes all the places that there are for them.
func (e *exports) begin(who string) (end func(), ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[who] {
		return nil, false
	}
	if e.running == nil {
		e.running = map[string]bool{}
	}
	e.running[who] = true
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.running, who)
	}, true
}

// alone lets a visitor have one export at a time: by name, or where nobody signs in
// by address, unless that is a proxy's.
func (s *Server) alone(h pageHandler) pageHandler {
	return func(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
		v := visitorOf(r.Context())
		who := v.whose()
		if who == "" && v.from != "" && !v.relayed {
			who = access.AddressKey(v.from)
		}
		if who != "" {
			end, ok := s.exports.begin(who)
			if !ok {
				s.fail(w, r, tooFast("an export of yours is running; another may follow it", 0))
				return
			}
			defer end()
		}
		h(w, r, page)
	}
}

// open has a page run for a visitor, who counts in shares, until release is called,
// which may be more than once. Its error is a *problem. Nothing of the page's
// definition is kept: each of its viewers would keep one.
func (s *Server) open(v *visitor, shares []share, page *dashboard.Page) (release func(), err error) {
	id, address := page.ID(), page.Address
	if full := s.held.take(page, shares, time.Now()); full != nil {
		s.tellFull(v, page, full)
		return nil, full.tooMany("different pages")
	}
	end := s.config.Feed.Open(page)
	return sync.OnceFunc(func() {
		end()
		s.held.put(id, address, shares, time.Now())
	}), nil
}

// tells whether something is to be logged of somebody: once a minute, so that
// nobody fills the log.
func (s *Server) tells(who string) bool {
	once := access.Allowance{Burst: 1, Every: time.Minute}
	return s.paces.Wait("told "+who, once, time.Now()) == 0
}

// tellFull logs a refusal.
func (s *Server) tellFull(v *visitor, page *dashboard.Page, full *share) {
	if !s.tells(full.who) {
		return
	}
	who := full.who
	if who == "" {
		who = "all together"
	}
	path := page.Path()
	s.log.Warn("too many different pages are open", "by", who, "most", full.pages, "from", v.from, "page", path)
}

// crowd counts open sockets and event streams by who has them.
type crowd map[string]int

// full returns whose share is used up; nil: nobody's.
func (c crowd) full(shares []share) *share {
	for i, n := range shares {
		if c[n.who] >= n.sockets {
			return &shares[i]
		}
	}
	return nil
}

// add counts one more.
func (c crowd) add(shares []share) {
	for _, n := range shares {
		c[n.who]++
	}
}

func (c crowd) remove(shares []share) {
	for _, n := range shares {
		if c[n.who]--; c[n.who] == 0 {
			delete(c, n.who)
		}
	}
}
