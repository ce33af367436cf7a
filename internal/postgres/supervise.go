package postgres

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// superviseEnv tells a copy of this program that it is the supervisor.
const superviseEnv = "ROWCAST_SUPERVISE_POSTGRES"

var (
	errNotSupervised = errors.New("start PostgreSQL: this program must call postgres.MaybeSupervise (in tests: pgtest.Main) before anything else")
	errUnexpected    = errors.New("PostgreSQL ended by itself")
)

// spec is what a supervisor runs and how it ends it; it travels as JSON.
type spec struct {
	Command []string
	Env     []string
	Dir     string
	Log     string
	As      *account
	// Kill is a command that sends a signal (its name is appended) where the
	// child's own process is not the server.
	Kill []string
	// Remove is a directory to remove when the parent died.
	Remove string
}

// run is one life of the server, seen from the parent.
type run struct {
	pid     int
	logFrom int64
	in      io.WriteCloser
	done    chan struct{}
	err     error // set before done is closed
}

// startRun starts a copy of this program as the supervisor of s. The lock is
// inherited: it is free again when the supervisor and its server are gone.
func startRun(s spec, lock *os.File) (*run, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find our own program: %w", err)
	}
	cmd := exec.Command(self)
	if flag.Lookup("test.run") != nil {
		cmd.Args = append(cmd.Args, "-test.run=^$") // a test binary without the hook must not run its tests again
	}
	cmd.Env = append(os.Environ(), superviseEnv+"=1", "GORACE=atexit_sleep_ms=0") // the race detector would sleep for a second
	cmd.Dir = os.TempDir()
	detach(cmd, lock)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	r := &run{in: in, done: make(chan struct{})}
	if st, err := os.Stat(s.Log); err == nil {
		r.logFrom = st.Size()
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	lines := bufio.NewScanner(out)
	err = json.NewEncoder(in).Encode(s)
	if err == nil && lines.Scan() {
		if pid, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
			r.pid, _ = strconv.Atoi(pid)
			go r.watch(cmd, lines)
			return r, nil
		}
		if text, ok := strings.CutPrefix(lines.Text(), "error "); ok {
			err = errors.New(text)
		}
	}
	in.Close()
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err == nil {
		err = errNotSupervised
	}
	return nil, fmt.Errorf("start the server: %w", err)
}

// watch waits for the end; it is the only goroutine that a running server needs.
func (r *run) watch(cmd *exec.Cmd, lines *bufio.Scanner) {
	r.err = fmt.Errorf("%w: its supervisor is gone", errUnexpected)
	for lines.Scan() {
		switch text := lines.Text(); {
		case text == "stopped":
			r.err = nil
		case strings.HasPrefix(text, "ended "):
			r.err = fmt.Errorf("%w: %s", errUnexpected, text[len("ended "):])
		}
	}
	_ = cmd.Wait() // what matters was said in the lines
	r.in.Close()
	close(r.done)
}

// stop asks for a shutdown; an error means that the supervisor is gone already.
func (r *run) stop(mode Mode) { _, _ = io.WriteString(r.in, string(mode)+"\n") }

// MaybeSupervise must be called first in main, or in TestMain, of every program
// that calls [Start]. It returns at once, except in the copy of the program
// that Start launched to supervise the server: there it never returns.
func MaybeSupervise() {
	if os.Getenv(superviseEnv) == "" {
		return
	}
	signal.Ignore(syscall.SIGPIPE) // the parent may be gone when we speak
	// The server gets a signal when the thread that started it ends.
	runtime.LockOSThread()
	os.Exit(supervise(os.Stdin, os.Stdout))
}

// supervise runs one server and stops it when told, when a signal says so, and
// when the parent is gone: then in closes.
func supervise(in io.Reader, out io.Writer) int {
	orders := bufio.NewReader(in)
	line, err := orders.ReadBytes('\n')
	var s spec
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		return 2 // the parent died at once, or this was no parent of ours
	}
	child, err := s.start()
	if err != nil {
		fmt.Fprintf(out, "error %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
		return 1
	}
	fmt.Fprintf(out, "pid %d\n", child.Process.Pid)
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	modes := make(chan Mode)
	go readOrders(orders, modes)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)

	var harder <-chan time.Time
	asked, orphan := Mode(""), false
	for {
		select {
		case m, open := <-modes:
			if !open {
				m, modes, orphan = Fast, nil, true
			}
			asked = m
		case <-signals:
			asked = Fast
		case <-harder:
			asked = escalate(asked)
		case err := <-ended:
			if asked != "" {
				fmt.Fprintln(out, "stopped")
			} else {
				fmt.Fprintf(out, "ended %v\n", err)
			}
			if orphan && s.Remove != "" {
				_ = os.RemoveAll(s.Remove) // nobody is left to tell
			}
			return 0
		}
		s.signal(child, asked)
		if harder = nil; asked != Smart {
			harder = time.After(10 * time.Second)
		}
	}
}

// kill is the last resort after Fast and Immediate.
const kill Mode = "kill"

func escalate(m Mode) Mode {
	if m == Fast {
		return Immediate
	}
	return kill
}

func readOrders(orders *bufio.Reader, modes chan<- Mode) {
	defer close(modes)
	for {
		line, err := orders.ReadString('\n')
		if err != nil {
			return
		}
		modes <- Mode(strings.TrimSpace(line))
	}
}

func (s spec) start() (*exec.Cmd, error) {
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	child := exec.Command(s.Command[0], s.Command[1:]...)
	child.Env, child.Dir = s.Env, s.Dir
	child.Stdout, child.Stderr = log, log
	dieWithParent(child, s.As)
	if err := child.Start(); err != nil {
		return nil, fmt.Errorf("run %s: %w", s.Command[0], err)
	}
	return child, nil
}

// signal tells the server to shut down in PostgreSQL's own language.
func (s spec) signal(child *exec.Cmd, mode Mode) {
	sig, name := syscall.SIGINT, "INT"
	switch mode {
	case Smart:
		sig, name = syscall.SIGTERM, "TERM"
	case Immediate:
		sig, name = syscall.SIGQUIT, "QUIT"
	case kill:
		sig, name = syscall.SIGKILL, "KILL"
	}
	if len(s.Kill) > 0 {
		_ = exec.Command(s.Kill[0], append(s.Kill[1:], name)...).Run() // gone already, or the next, harder try follows
		return
	}
	_ = child.Process.Signal(sig)
}
