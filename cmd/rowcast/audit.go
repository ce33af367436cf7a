package main

import (
	"bytes"
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

// openAudit opens the file; without one it is log itself, which is also told what the
// file does not take. done closes it.
func (f auditFlags) openAudit(log *slog.Logger) (to *slog.Logger, done func(), err error) {
	if f.AuditLog == "" {
		return log, func() {}, nil
	}
	file := &auditFile{path: f.AuditLog, log: log}
	if err := file.open(); err != nil {
		return nil, func() {}, fmt.Errorf("open audit log: %w", err)
	}
	return slog.New(slog.NewJSONHandler(file, nil)), func() { _ = file.file.Close() }, nil
}

// auditFile adds lines to the file that has its name at that moment: once it was
// renamed, as logrotate does, the next line begins another. Nobody has to say so, and
// a server that nobody told does not go on in a file that is being packed. It is for
// one slog handler, which writes a line at a time.
type auditFile struct {
	path   string
	log    *slog.Logger // is told what the file does not take
	file   *os.File
	opened os.FileInfo
	failed bool // to open another: said once
}

func (a *auditFile) open() error {
	file, err := os.OpenFile(a.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	opened, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	if a.file != nil {
		_ = a.file.Close()
	}
	a.file, a.opened = file, opened
	return nil
}

// follow opens the file anew where the name is another one's, or nobody's. Where that
// fails the old one is written on: it holds what came before.
func (a *auditFile) follow() {
	now, err := os.Stat(a.path)
	if err == nil && os.SameFile(now, a.opened) {
		return
	}
	if err = a.open(); err != nil && !a.failed {
		a.log.Error("the audit log cannot be opened anew; its lines go to the file that had its name", "file", a.path, "error", err)
	}
	a.failed = err != nil
}

// Write adds a line, which goes to the other log where the file does not take it.
func (a *auditFile) Write(line []byte) (int, error) {
	a.follow()
	n, err := a.file.Write(line)
	if err != nil {
		a.log.Error("the audit log cannot be written", "file", a.path, "error", err, "line", string(bytes.TrimSpace(line)))
	}
	return n, err
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
