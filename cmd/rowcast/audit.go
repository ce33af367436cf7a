package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"strconv"

	"github.com/rowcast/rowcast/access"
)

// auditFlags say where the audit log goes, of the server and of commands that
// change who is let in.
type auditFlags struct {
	AuditLog string `name:"audit-log" placeholder:"FILE" help:"File to which the audit log is added, as JSON; by default it goes where the other log goes."`
}

// openAudit opens the file; without one it is log itself. done closes it.
func (f auditFlags) openAudit(log *slog.Logger) (to *slog.Logger, done func(), err error) {
	if f.AuditLog == "" {
		return log, func() {}, nil
	}
	file, err := os.OpenFile(f.AuditLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, func() {}, fmt.Errorf("open audit log: %w", err)
	}
	return slog.New(slog.NewJSONHandler(file, nil)), func() { _ = file.Close() }, nil
}

// audited does something and has it told. The log is opened first: what cannot be
// told is not done.
func (f auditFlags) audited(s *streams, do func(tell func(e access.Event, page string, more ...any)) error) error {
	to, done, err := f.openAudit(s.log)
	if err != nil {
		return err
	}
	defer done()
	return do(func(e access.Event, page string, more ...any) { access.Record(to, e, operator(), page, more...) })
}

// operator names who runs the program, as no user of it can be called.
func operator() string {
	name := os.Getenv("SUDO_USER")
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	if name == "" {
		name = strconv.Itoa(os.Getuid())
	}
	return access.Operator(name)
}
