package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// findPgbench is pgbench beside the server's programs, or in the PATH.
func (g *ground) findPgbench() (string, error) {
	beside := filepath.Join(g.bin, "pgbench")
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	path, err := exec.LookPath("pgbench")
	if err != nil {
		return "", fmt.Errorf("find pgbench, which comes with PostgreSQL's server or contrib package: %w", err)
	}
	return path, nil
}

// pgbench runs a script of sql/ against a table, with so many clients for so
// long, and returns transactions a second without the time to connect.
func (g *ground) pgbench(ctx context.Context, program, script, table string, clients int, seconds int) (float64, error) {
	text, err := files.ReadFile("sql/" + script)
	if err != nil {
		return 0, fmt.Errorf("read script: %w", err)
	}
	// It reads its script from standard input where the file is "-".
	cmd := exec.CommandContext(ctx, program, "--no-vacuum", "--file=-", "--define=table="+table,
		"--client="+strconv.Itoa(clients), "--jobs="+strconv.Itoa(min(clients, runtime.NumCPU())),
		"--time="+strconv.Itoa(seconds), g.server.URL())
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, &complaints
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("run pgbench: %w\n%s", err, complaints.String())
	}
	return throughput(out.Bytes())
}

var (
	tps    = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)
	failed = regexp.MustCompile(`(?m)^number of failed transactions: ([0-9]+)`)
)

// throughput reads pgbench's report; a failed transaction spoils the run.
func throughput(report []byte) (float64, error) {
	if m := failed.FindSubmatch(report); m != nil && string(m[1]) != "0" {
		return 0, fmt.Errorf("pgbench: %s transactions failed", m[1])
	}
	m := tps.FindSubmatch(report)
	if m == nil {
		return 0, fmt.Errorf("pgbench: no throughput in its report:\n%s", report)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
