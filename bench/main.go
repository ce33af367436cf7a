// Command bench measures what rowcast costs and how fast it is, on this
// machine, with the real program, a PostgreSQL of its own that keeps its data
// safe as any other, and a real browser.
//
//	go run ./bench            all that follows, and more, in one table
//	go run ./bench bell       what the doorbell costs the writers of a table
//	go run ./bench latency    from a commit to the changed text in a browser
//	go run ./bench values     what many values of one variable cost, open at once
//
// The figures are printed as they come out; docs/performance.md says how to
// read them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/rowcast/rowcast/internal/postgres"
)

type commands struct {
	Bell    bellCommand    `cmd:"" help:"What the doorbell costs the writers of a table, beside no trigger and NOTIFY on every write."`
	Latency latencyCommand `cmd:"" help:"From a commit to the changed text in a browser."`
	Values  valuesCommand  `cmd:"" help:"What 1, 100 and 1,000 values of one variable cost that are open at once."`
	All     allCommand     `cmd:"" default:"withargs" help:"Everything that is promised, in one table: viewers, writers, readings, browsers."`
	Raw     rawCommand     `cmd:"" hidden:"" help:"The server that viewers are compared with."`
}

// site says where things run; all commands have it.
type site struct {
	Dir     string `placeholder:"DIR" help:"Where the data directory is made, on a real disk; by default /var/tmp, or the system's folder for temporary files."`
	Rowcast string `placeholder:"PATH" help:"The program to measure; built from this module when not given."`
	Pprof   string `placeholder:"ADDRESS" help:"Loopback address where the program tells Go's profiles meanwhile, as serve --pprof does."`
}

func main() {
	postgres.MaybeSupervise()
	// Where nobody reads on, as behind head, its servers are still ended.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cli commands
	parsed := kong.Parse(&cli, kong.Name("bench"),
		kong.Description("What rowcast costs and how fast it is, measured on this machine."),
		kong.Vars{"rows": rowNames()},
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err := parsed.Run(); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
