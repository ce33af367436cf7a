package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses whose word about a request counts: who sent it, and
// from where.
type Proxies []netip.Prefix

// ParseProxies reads addresses and networks, such as 10.0.0.7 and 10.0.0.0/8.
func ParseProxies(list []string) (Proxies, error) {
	var all Proxies
	for _, text := range list {
		if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("read proxy address %q: it must be an address or a network, such as 10.0.0.7 or 10.0.0.0/8", text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// Relays reports whether an address, as [Proxies.Client] returns it, tells nothing of
// who is behind it: it is this machine's own, or that of a trusted proxy.
func (p Proxies) Relays(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && (a.IsLoopback() || p.trusts(a))
}

func (p Proxies) trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// Sent reports whether r came from a trusted proxy.
func (p Proxies) Sent(r *http.Request) bool {
	a := peer(r)
	return a.IsValid() && p.trusts(a)
}

func peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, _ := netip.ParseAddr(host)
	return a.Unmap()
}

// Client is the address that r came from: that of the connection, or what a
// trusted proxy says of it. Of a chain the last address that is no trusted proxy
// counts; what stands before it anybody may have written.
func (p Proxies) Client(r *http.Request) string {
	a := peer(r)
	if !a.IsValid() {
		return ""
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(chain) - 1; i >= 0 && p.trusts(a); i-- {
		before, err := netip.ParseAddr(strings.TrimSpace(chain[i]))
		if err != nil {
			break
		}
		a = before.Unmap()
	}
	return a.String()
}

// Scheme is that of the URL that r was sent to, "http" or "https": https where TLS
// ends here, else what a trusted proxy says of it; "" where that is not known. A
// connection without TLS that no proxy is named for tells nothing: one that is not
// named may stand before it.
func (p Proxies) Scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	said := r.Header.Values("X-Forwarded-Proto")
	if !p.Sent(r) || len(said) != 1 {
		return ""
	}
	switch scheme := strings.ToLower(strings.TrimSpace(said[0])); scheme {
	case "http", "https":
		return scheme
	}
	return "" // a list, of a chain of proxies, among others
}

// relays are headers that proxies add and no browser sends, nor anything else that
// asks a server of the same machine.
var relays = []string{
	"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server",
	"X-Real-Ip", "X-Original-Forwarded-For", "X-Envoy-External-Address", "Cf-Connecting-Ip", "True-Client-Ip",
}

// Relayed tells what gives away that a request came through a proxy, whoever runs it;
// "" where nothing does, which proves nothing: one may add no header at all. HTTP/1.0
// is among it, which nginx speaks unless it is told otherwise, and no browser does.
func Relayed(r *http.Request) (by string) {
	for _, name := range relays {
		if _, there := r.Header[name]; there {
			return name
		}
	}
	if !r.ProtoAtLeast(1, 1) {
		return r.Proto
	}
	return ""
}

// Headers name the headers in which a proxy says who signed in with it.
type Headers struct {
	User   string // "X-Forwarded-User"
	Groups string // a comma list; "": none
}

// viewer reads them from a request of a trusted proxy. A header that is there
// twice is nobody's: who knows which of them the proxy wrote.
func (h Headers) viewer(r *http.Request, from Proxies) (Viewer, error) {
	if !from.Sent(r) {
		return Viewer{}, ErrNobody
	}
	names := r.Header.Values(h.User)
	if len(names) != 1 || CheckName(names[0]) != nil {
		return Viewer{}, ErrNobody
	}
	v := Viewer{Name: names[0]}
	if h.Groups == "" {
		return v, nil
	}
	lists := r.Header.Values(h.Groups)
	if len(lists) > 1 {
		return Viewer{}, ErrNobody
	}
	for _, list := range lists {
		for g := range strings.SplitSeq(list, ",") {
			if g = strings.TrimSpace(g); CheckName(g) == nil {
				v.Groups = append(v.Groups, g)
			}
		}
	}
	return v, nil
}
