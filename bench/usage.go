package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// used is how many seconds of CPU rowcast has used, and its sessions in
// PostgreSQL.
type used struct {
	server, panels float64
	known          bool // the system tells
}

// usage asks the system, where it has a /proc as Linux does.
func usage(ctx context.Context, server int, conn *pgx.Conn) (u used, err error) {
	rows, err := conn.Query(ctx, `SELECT pid FROM pg_catalog.pg_stat_activity WHERE application_name LIKE 'rowcast%'`)
	if err != nil {
		return u, fmt.Errorf("ask for sessions: %w", err)
	}
	sessions, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return u, fmt.Errorf("ask for sessions: %w", err)
	}
	u.server, u.known = processor(server)
	for _, pid := range sessions {
		seconds, known := processor(pid)
		u.panels += seconds
		u.known = u.known && known
	}
	return u, nil
}

// processor is a process's time on the CPU so far, in seconds.
func processor(pid int) (seconds float64, known bool) { return ticked(pid, 11) }

// reaped is the CPU of a process's children that have ended, in seconds.
func reaped(pid int) (float64, error) {
	seconds, known := ticked(pid, 13)
	if !known {
		return 0, errors.New("the system does not tell what a process's children used")
	}
	return seconds, nil
}

// ticked sums up two fields of a process's figures: its own user and system time
// are the 11th after the name and the next, its children's follow.
func ticked(pid, field int) (seconds float64, known bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The second field is the program's name in brackets, with anything in it.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < field+2 {
		return 0, false
	}
	for _, field := range fields[field : field+2] {
		ticks, err := strconv.ParseFloat(string(field), 64)
		if err != nil {
			return 0, false
		}
		seconds += ticks / 100 // USER_HZ, the same on every Linux
	}
	return seconds, true
}
