// Command rowcast turns a PostgreSQL database into live web pages.
//
// Flags, environment, signals and wiring stand here, and nowhere else: this is
// the only package that knows every part.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
	_ "time/tzdata" // the image has no zoneinfo

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/rowcast/rowcast/internal/postgres"
)

// commands is what the program can be told to do.
type commands struct {
	Demo      demoCommand      `cmd:"" help:"A PostgreSQL of its own, a sample shop that keeps selling, dashboards on it."`
	Serve     serveCommand     `cmd:"" help:"Serve the database of DATABASE_URL as live pages."`
	Watch     watchCommand     `cmd:"" help:"Put the doorbell on tables: 'public.orders', 'public.*'."`
	Unwatch   unwatchCommand   `cmd:"" help:"Take the doorbell off tables."`
	Status    statusCommand    `cmd:"" help:"List the tables with a doorbell, and what is missing."`
	Check     checkCommand     `cmd:"" help:"Validate dashboards, and their SQL where a database is given."`
	User      userCommand      `cmd:"" help:"Add, remove and list those who sign in with a password."`
	Share     shareCommand     `cmd:"" help:"Make, list and revoke links that show one dashboard to whoever has them."`
	Doctor    doctorCommand    `cmd:"" help:"What this database and role allow, what is missing, and the SQL that mends it."`
	Uninstall uninstallCommand `cmd:"" help:"Remove every trigger and the schema rowcast."`
	Health    healthCommand    `cmd:"" hidden:"" help:"Ask a running server whether it is alive; for container health checks."`
	Version   versionCommand   `cmd:"" help:"Print the version."`

	ShowVersion versionFlag `name:"version" short:"V" env:"-" help:"Print the version."`
}

// streams is where a command reads its surroundings and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	log      *slog.Logger
	spool    *spool // behind the log
}

func main() {
	postgres.MaybeSupervise()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		stop()
		if !errors.Is(err, errSaid) {
			last := &spool{to: os.Stderr, most: spoolBytes}
			fmt.Fprintln(last, "rowcast:", err)
			last.flush(lastWords)
		}
		os.Exit(1)
	}
}

// lastWords is how long a log whose reader does not read holds up the end.
const lastWords = time.Second / 2

// errSaid is returned by a command that has already said what is wrong.
var errSaid = errors.New("already reported")

// run parses the arguments and runs the command until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var cli commands
	var code *int
	parser, err := kong.New(&cli,
		kong.Name("rowcast"),
		kong.Description("Live web pages from any PostgreSQL database."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(c int) { code = &c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.DefaultEnvars("ROWCAST"),
	)
	if err != nil {
		return fmt.Errorf("build command line: %w", err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if code != nil {
		if *code != 0 {
			return errSaid
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w; see rowcast --help", err)
	}
	s := &streams{in: os.Stdin, out: stdout, err: stderr}
	s.log, s.spool = newLogger(stderr)
	defer s.spool.flush(lastWords)
	cautionArguments(parsed, s.log)
	return parsed.Run(s)
}

// newLogger writes text to a terminal and JSON elsewhere, through a spool.
func newLogger(w io.Writer) (*slog.Logger, *spool) {
	form := func(to io.Writer) slog.Handler {
		return slog.NewJSONHandler(to, &slog.HandlerOptions{ReplaceAttr: withUnit})
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		form = func(to io.Writer) slog.Handler { return slog.NewTextHandler(to, nil) }
	}
	direct := slog.New(form(w)) // says what the spool cannot take
	s := &spool{to: w, most: spoolBytes, say: func(lines, bytes int) {
		direct.Warn("lines of this log were dropped: nobody read it", "lines", lines, "bytes", bytes)
	}}
	return slog.New(form(s)), s
}

// withUnit writes durations as "1.5s": as JSON they would be bare nanoseconds.
func withUnit(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// versionFlag is what people type first.
type versionFlag bool

// BeforeReset prints the version before anything else is looked at.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	err := printVersion(app.Stdout)
	app.Exit(0)
	return err
}

type versionCommand struct{}

// Run prints the version that the build knows.
func (versionCommand) Run(s *streams) error { return printVersion(s.out) }

func printVersion(w io.Writer) error {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	_, err := fmt.Fprintln(w, "rowcast", version)
	return err
}
