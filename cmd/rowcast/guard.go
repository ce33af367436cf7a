package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
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
have people sign in with --auth, listen on 127.0.0.1 and name no other host and no proxy, or say --let-anyone-on-the-network-read`, what)
}

// loopback tells whether only people at this machine reach the server. One that
// trusts a proxy, or is known by another name, has one in front, which anybody may
// reach; and a proxy may ask by the server's own name.
func (f *serveFlags) loopback() bool {
	if !isLoopback(f.Listen) || len(f.TrustedProxies) > 0 {
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

// direct tells whether the server trusts whoever reaches it, because only people at
// this machine do.
func (f *serveFlags) direct() bool { return f.loopback() && !f.signIn() && !f.ServeEveryone }

// hosts are the names that the server answers to. A server on loopback knows
// its own: a foreign page that rebinds its name to 127.0.0.1 gets nothing. A
// proxy's name is among the origins.
func (f *serveFlags) hosts() []string {
	if !isLoopback(f.Listen) {
		return f.Hosts
	}
	return append([]string{"localhost", "127.0.0.1", "::1"}, f.Hosts...)
}

// power is something that a role may do beyond reading.
type power struct {
	via  string // the role that it may become, and that may do it; "" where it may by itself
	what string // the rest of a sentence about whoever may; "" where nobody may
}

// powersSQL asks for the greatest power of the session, or of the roles that it may
// become: a panel's query may set the role. One that was set at the connection's
// start, by its options or for the role, is no wall, since a query may set it back;
// so whoever logged in, $1, counts as well.
const powersSQL = `WITH session AS (
	SELECT oid, rolname FROM pg_catalog.pg_roles WHERE rolname IN (current_user, session_user, $1))
SELECT CASE WHEN r.rolname IN (SELECT rolname FROM session) THEN '' ELSE r.rolname::pg_catalog.text END, p.what
FROM pg_catalog.pg_roles r CROSS JOIN LATERAL (VALUES
	(1, r.rolsuper, 'is a superuser'),
	(2, r.rolbypassrls, 'bypasses row-level security'),
	(3, r.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_signal_backend',
		'pg_signal_autovacuum_worker', 'pg_create_subscription'), 'reaches beyond the database'),
	(4, r.rolname = 'pg_write_all_data', 'writes every table'),
	(5, r.rolname = 'pg_maintain', 'locks and rewrites every table'),
	(6, r.rolname = 'pg_read_all_data', 'reads every table, the one with the hashes of all passwords too'),
	(7, r.rolcreaterole, 'makes and grants roles'),
	(8, r.rolreplication, 'reads what is written to every table, by replication'),
	(9, EXISTS (SELECT FROM pg_catalog.pg_database WHERE datdba = r.oid), 'owns a database'),
	(10, EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspowner = r.oid AND nspname <> 'rowcast' AND nspname !~ '^pg_(toast_)?temp_'), 'owns a schema'),
	(11, EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	            WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rowcast') AND c.relowner = r.oid), 'owns tables')
) AS p(rank, has, what)
WHERE p.has AND EXISTS (SELECT FROM session s WHERE pg_catalog.pg_has_role(s.oid, r.oid, 'MEMBER'))
ORDER BY p.rank, r.rolname NOT IN (SELECT rolname FROM session), r.rolname LIMIT 1`

// greatestPower is that of the session's role, and of whoever logged in; zero where
// they only read.
func greatestPower(ctx context.Context, conn *pgx.Conn) (p power, err error) {
	err = conn.QueryRow(ctx, powersSQL, conn.Config().User).Scan(&p.via, &p.what)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return p, err
}

func (p power) String() string {
	if p.via == "" {
		return p.what
	}
	return "may become " + p.via + ", which " + p.what
}

// mend is the SQL by which the role no longer has the power, or that makes another.
func (p power) mend(ctx context.Context, db *database, conn *pgx.Conn) string {
	if p.via == "" {
		name := "rowcast_reader"
		if db.config.User == name {
			name = "rowcast_viewer"
		}
		var there bool
		_ = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)`, name).Scan(&there) // else CREATE says so
		return readerSQL(name, there, db.config.Database, schemasOf(ctx, conn))
	}
	less := ""
	if p.via == "pg_read_all_data" { // without which it would read nothing
		less = "\n" + readerSQL(pgx.Identifier{db.config.User}.Sanitize(), true, db.config.Database, schemasOf(ctx, conn))
	}
	ways, err := listed(ctx, conn, waysSQL, db.config.User, p.via)
	if err != nil || len(ways) == 0 { // the role was dropped in this moment, or the like
		return fmt.Sprintf("REVOKE %s FROM %s;", pgx.Identifier{p.via}.Sanitize(), pgx.Identifier{db.config.User}.Sanitize()) + less
	}
	return strings.Join(ways, "\n") + less
}

// waysSQL ends the memberships of who logged in, $1, or of the session's role, by
// which it may become another, $2; it takes nothing from the roles between them.
const waysSQL = `SELECT DISTINCT pg_catalog.format('REVOKE %I FROM %I;', r.rolname, s.rolname)
FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles s ON s.oid = m.member
WHERE s.rolname IN (current_user, session_user, $1) AND pg_catalog.pg_has_role(m.roleid, $2::pg_catalog.name, 'MEMBER')
ORDER BY 1`

// guardRole warns of a role that could do more than read; beyond loopback it
// refuses it, because the role is the wall around what a panel can do.
func (f *serveFlags) guardRole(ctx context.Context, s *streams, db *database) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := db.connect(ctx, "start")
	if err != nil {
		return db.unreachable(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	more, err := greatestPower(ctx, conn)
	if err != nil {
		return fmt.Errorf("look up role: %w", err)
	}
	if more == (power{}) {
		return nil
	}
	if f.loopback() || f.AnyRole {
		s.log.Warn("the role can do more than read; a role of its own is safer", "role", db.config.User, "because", "it "+more.String())
		return nil
	}
	return fmt.Errorf("role %q %s, which is too much beyond loopback:\n\n%s\nor say --allow-powerful-role",
		db.config.User, more, indented(more.mend(ctx, db, conn), "  "))
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

// readerSQL makes a role that reads and nothing else, or gives the one that is there
// what it needs. It holds no password: one that is printed for all to paste is none.
func readerSQL(role string, there bool, database, schemas string) string {
	create, then := "CREATE ROLE "+role+" LOGIN;\n", "-- then give it a password, in psql with \\password "+role+", and read as this role\n"
	if there {
		create, then = "", "-- and read as this role, which is there already\n"
	}
	return create + fmt.Sprintf(`GRANT CONNECT ON DATABASE %[1]s TO %[3]s;
GRANT USAGE ON SCHEMA %[2]s TO %[3]s;
GRANT SELECT ON ALL TABLES IN SCHEMA %[2]s TO %[3]s;
ALTER DEFAULT PRIVILEGES IN SCHEMA %[2]s GRANT SELECT ON TABLES TO %[3]s;
`, pgx.Identifier{database}.Sanitize(), schemas, role) + then
}
