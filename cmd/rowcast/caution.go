package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"
)

// reminded is how often a server that shows the database to everybody says so.
const reminded = time.Hour

// remind says that nobody has to sign in; what it returns repeats that until ctx ends.
func (f *serveFlags) remind(log *slog.Logger) func(context.Context) error {
	say := func() {
		log.Warn("nobody has to sign in: anyone who reaches this address reads the database", "listen", f.Listen, "instead", "--auth")
	}
	say()
	return func(ctx context.Context) error {
		tick := time.NewTicker(reminded)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				say()
			}
		}
	}
}

// openToAll tells whether the server serves everybody where others than this machine's
// users may come.
func (f *serveFlags) openToAll() bool { return !f.loopback() && !f.signIn() }

// unproven is the first host of the database, beyond this machine, that could be
// anybody: the way there is not encrypted, or may be without, or the certificate's name
// is not looked at. "": there is none.
func (d *database) unproven() string {
	proves := func(host string, c *tls.Config) bool {
		return strings.HasPrefix(host, "/") || isLoopback(net.JoinHostPort(host, "0")) || c != nil && !c.InsecureSkipVerify
	}
	if !proves(d.config.Host, d.config.TLSConfig) {
		return d.config.Host
	}
	for _, other := range d.config.Fallbacks {
		if !proves(other.Host, other.TLSConfig) {
			return other.Host
		}
	}
	return ""
}

// proveIt is what has the database prove who it is.
const proveIt = "write sslmode=verify-full into the URL, and sslrootcert=FILE where the certificate is your own authority's"

// cautionWays warns of a database that need not prove who it is, once for each host,
// unless the operator says that nobody is on the way.
func (f *serveFlags) cautionWays(log *slog.Logger, ways ...*database) {
	said := ""
	for _, db := range ways {
		if host := db.unproven(); host != said && host != "" && !f.TrustWay {
			log.Warn("the database need not prove who it is: whoever is on the way may read along, or answer in its place",
				"database", db.where(), "host", host, "instead", proveIt)
			said = host
		}
	}
}

// lookWay looks at whether the database has to prove who it is.
func lookWay(_ context.Context, db *database, _ *pgx.Conn) (finding, error) {
	host := db.unproven()
	if host == "" {
		return finding{good: true, what: "the database proves who it is, or is on this machine"}, nil
	}
	return finding{good: true, note: true, do: proveIt,
		what: fmt.Sprintf("the database at %s need not prove who it is: whoever is on the way may read along, or answer in its place", host)}, nil
}

// unseen is what takes the same as a database's flag out of sight; "" for other flags.
func unseen(flag string) string {
	switch flag {
	case "database-url":
		return "DATABASE_URL in the environment, or --password-file"
	case "admin-database-url":
		return "ROWCAST_ADMIN_DATABASE_URL in the environment, or --admin-password-file"
	}
	return ""
}

// password finds one in key=value pairs.
var password = regexp.MustCompile(`(?i)(^|\s)password\s*=`)

// cautionArguments warns of passwords in the arguments, which everybody on the machine
// can list.
func cautionArguments(parsed *kong.Context, log *slog.Logger) {
	for _, p := range parsed.Path {
		if p.Flag == nil || p.Resolved || unseen(p.Flag.Name) == "" {
			continue
		}
		text, _ := parsed.FlagValue(p.Flag).(string)
		u, err := url.Parse(text)
		found := password.MatchString(text)
		if err == nil && u.Scheme != "" {
			_, found = u.User.Password()
			found = found || u.Query().Has("password")
		}
		if found {
			log.Warn("a password in the arguments can be read by everybody on this machine", "flag", "--"+p.Flag.Name, "instead", unseen(p.Flag.Name))
		}
	}
}
