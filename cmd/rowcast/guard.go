package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// guardAddress refuses to show a database to a network without a sign-in.
func (f *serveFlags) guardAddress() error {
	if f.loopback() || f.signIn() || f.ServeEveryone {
		return nil
	}
	what := "listen on " + f.Listen
	if isLoopback(f.Listen) {
		what = "serve others through a proxy"
	}
	return fmt.Errorf(`%s: nobody has to sign in, so anyone on the network could read the database;
have people sign in with --auth, listen on 127.0.0.1 and name no other host, or say --let-anyone-on-the-network-read`, what)
}

// loopback tells whether only people at this machine reach the server. One that
// is known by another name has a proxy in front, which anybody may reach.
func (f *serveFlags) loopback() bool {
	if !isLoopback(f.Listen) {
		return false
	}
	names := slices.Clone(f.Hosts)
	if u, err := url.Parse(f.PublicURL); f.PublicURL != "" && err == nil {
		names = append(names, u.Hostname())
	}
	return !slices.ContainsFunc(names, func(name string) bool { return !isLoopback(net.JoinHostPort(name, "0")) })
}

// isLoopback tells an address, host and port, that only this machine reaches.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// mayAuthor tells whether all readers may see queries and what is wrong with
// them: those at this machine, where nobody signs in.
func (f *serveFlags) mayAuthor() bool { return f.loopback() && !f.signIn() }

// hosts are the names that the server answers to. A server on loopback knows
// its own: a foreign page that rebinds its name to 127.0.0.1 gets nothing. A
// proxy's name is among the origins.
func (f *serveFlags) hosts() []string {
	if !isLoopback(f.Listen) {
		return f.Hosts
	}
	return append([]string{"localhost", "127.0.0.1", "::1"}, f.Hosts...)
}

// powers asks what the role could do beyond reading, by itself or as a role that
// it may become: a panel's query may set the role.
const powers = `SELECT pg_catalog.bool_or(r.rolsuper), pg_catalog.bool_or(r.rolbypassrls),
	EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	        WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rowcast')
	          AND pg_catalog.pg_has_role(c.relowner, 'MEMBER'))
FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(r.oid, 'MEMBER')`

// guardRole warns of a role that could do more than read; beyond loopback it
// refuses it, because the role is the wall around what a panel can do.
func (f *serveFlags) guardRole(ctx context.Context, s *streams, db *database) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := db.connect(ctx, "start")
	if err != nil {
		return fmt.Errorf("reach database %s: %w", db.where(), short(err))
	}
	defer func() { _ = conn.Close(ctx) }()
	var super, bypass, owner bool
	if err := conn.QueryRow(ctx, powers).Scan(&super, &bypass, &owner); err != nil {
		return fmt.Errorf("look up role: %w", err)
	}
	what := ""
	switch {
	case super:
		what = "is a superuser"
	case bypass:
		what = "bypasses row-level security"
	case owner:
		what = "owns tables"
	}
	if what == "" {
		return nil
	}
	if f.loopback() || f.AnyRole {
		s.log.Warn("the role can do more than read; a role of its own is safer", "role", db.config.User, "because", what)
		return nil
	}
	return fmt.Errorf("role %q %s, which is too much beyond loopback; make a role that only reads:\n\n%s\nor say --allow-powerful-role",
		db.config.User, what, readerSQL(db.config.Database, schemasOf(ctx, conn)))
}

// schemasOf lists the schemas that hold tables, quoted; public where that cannot
// be known.
func schemasOf(ctx context.Context, conn *pgx.Conn) string {
	var names string
	err := conn.QueryRow(ctx, `SELECT coalesce(pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname), ', ' ORDER BY n.nspname), 'public')
		FROM pg_catalog.pg_namespace n
		WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'rowcast') AND n.nspname !~ '^pg_'
		  AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))`).Scan(&names)
	if err != nil {
		return "public"
	}
	return names
}

// readerSQL makes a role that reads and nothing else.
func readerSQL(database, schemas string) string {
	return fmt.Sprintf(`  CREATE ROLE rowcast_reader LOGIN PASSWORD '…';
  GRANT CONNECT ON DATABASE %[1]s TO rowcast_reader;
  GRANT USAGE ON SCHEMA %[2]s, rowcast TO rowcast_reader;
  GRANT SELECT ON ALL TABLES IN SCHEMA %[2]s TO rowcast_reader;
  ALTER DEFAULT PRIVILEGES IN SCHEMA %[2]s GRANT SELECT ON TABLES TO rowcast_reader;
`, pgx.Identifier{database}.Sanitize(), schemas)
}
