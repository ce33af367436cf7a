// Package e2e_test runs the real program as a process of its own, against a
// real PostgreSQL, and looks at it only as its users can: over HTTP, over the
// socket, in a browser.
package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

func TestMain(m *testing.M) {
	if asked := os.Getenv("ROWCAST_FLEET"); asked != "" {
		if err := fleet(asked); err != nil {
			fmt.Fprintln(os.Stderr, "fleet:", err)
			os.Exit(1)
		}
		return
	}
	pgtest.Main(m)
}

// crew runs tests below another, so many at a time. They take no place of
// -parallel beside the one that their parent has: most of them wait for most of
// their time. None may be parallel itself.
type crew struct {
	*testing.T
	places chan struct{}
	all    sync.WaitGroup
}

func newCrew(t *testing.T, atOnce int) *crew {
	return &crew{T: t, places: make(chan struct{}, atOnce)}
}

// run lets a test run as soon as there is a place for it; wait comes after the
// last one.
func (c *crew) run(name string, test func(*testing.T)) {
	c.all.Go(func() {
		c.places <- struct{}{}
		defer func() { <-c.places }()
		c.T.Run(name, test)
	})
}

func (c *crew) wait() { c.all.Wait() }

// builds are the programs that this test binary has built, one per tag set.
var builds = struct {
	mu   sync.Mutex
	dir  string
	life io.Closer // our end of the sweeper's pipe
	done map[string]func() (string, error)
}{done: map[string]func() (string, error){}}

// binary returns the path of the real program, built once per tag set, with the
// race detector where the tests run with it.
func binary(tb testing.TB, tags ...string) string {
	tb.Helper()
	name := strings.Join(append([]string{"rowcast"}, tags...), "-")
	builds.mu.Lock()
	build := builds.done[name]
	if build == nil {
		build = sync.OnceValues(func() (string, error) { return compile(name, tags) })
		builds.done[name] = build
	}
	builds.mu.Unlock()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func compile(name string, tags []string) (string, error) {
	dir, err := buildDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	args := []string{"build", "-o", path, "-tags", strings.Join(tags, ",")}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/rowcast/rowcast/cmd/rowcast")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}

// buildDir makes the directory of the built programs. A shell that reads from
// our pipe removes it when this process is gone, however it ends.
func buildDir() (string, error) {
	builds.mu.Lock()
	defer builds.mu.Unlock()
	if builds.dir != "" {
		return builds.dir, nil
	}
	dir, err := os.MkdirTemp("", "rowcast-e2e-")
	if err != nil {
		return "", err
	}
	builds.dir = dir
	if runtime.GOOS == "windows" {
		return dir, nil
	}
	sweeper := exec.Command("sh", "-c", `trap "" INT TERM HUP; read -r _; rm -rf -- "$1"`, "sweeper", dir)
	if builds.life, err = sweeper.StdinPipe(); err != nil {
		return "", err
	}
	if err := sweeper.Start(); err != nil {
		return "", fmt.Errorf("start the sweeper: %w", err)
	}
	return dir, nil
}

// process is the running program.
type process struct {
	URL string // with a slash at its end
	cmd *exec.Cmd

	serving chan string   // the address, once it serves
	ended   chan struct{} // closed when the process is gone
	err     error         // valid then

	mu   sync.Mutex
	log  []string      // the last lines of its log
	more chan struct{} // closed when there is another one; nil: nobody waits for it
}

// start runs the program with these arguments and waits until it serves. When
// the test ends the process is told to stop, and must do so well.
func start(tb testing.TB, path string, env []string, args ...string) *process {
	tb.Helper()
	p := begin(tb, path, env, args...)
	tb.Cleanup(func() { p.finish(tb) })
	p.serves(tb)
	return p
}

// begin runs the program, which has to be ended.
func begin(tb testing.TB, path string, env []string, args ...string) *process {
	tb.Helper()
	p := &process{serving: make(chan string, 1), cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = append(environment(), env...)
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start the program: %v", err)
	}
	go func() {
		p.read(pipe)
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p
}

// serves waits until the program tells its address.
func (p *process) serves(tb testing.TB) {
	tb.Helper()
	select {
	case p.URL = <-p.serving:
	case <-p.ended:
		tb.Fatalf("the program ended: %v\n%s", p.err, p.tail())
	case <-time.After(time.Minute):
		tb.Fatalf("the program does not serve\n%s", p.tail())
	}
}

// environment is ours without what would configure the program.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PG") && !strings.HasPrefix(e, "ROWCAST_") && !strings.HasPrefix(e, "DATABASE_URL=") {
			env = append(env, e)
		}
	}
	return env
}

// read keeps the end of the log and finds the address in it.
func (p *process) read(r io.Reader) {
	const kept = 200
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct{ Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "serving" {
			p.serving <- entry.URL
		}
		p.mu.Lock()
		p.log = append(p.log, lines.Text())
		p.log = p.log[max(0, len(p.log)-kept):]
		if p.more != nil {
			close(p.more)
			p.more = nil
		}
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r) // a line beyond the scanner's limit must not block the program
}

// kill ends the program as a machine that loses its power does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	p.err = nil // as it was meant
}

// says waits until the program's log has these words: they may be on their way yet when
// what they are about is seen.
func (p *process) says(words string, within time.Duration) bool {
	late := time.After(within)
	for {
		p.mu.Lock()
		if strings.Contains(strings.Join(p.log, "\n"), words) {
			p.mu.Unlock()
			return true
		}
		if p.more == nil {
			p.more = make(chan struct{})
		}
		more := p.more
		p.mu.Unlock()
		select {
		case <-more:
		case <-late:
			return false
		}
	}
}

// tail is the end of the program's log.
func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

// finish stops the program as a service manager does.
func (p *process) finish(tb testing.TB) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		if p.err != nil {
			tb.Errorf("the program ended badly: %v\n%s", p.err, p.tail())
		}
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
		tb.Errorf("the program did not end within 15 s of SIGTERM\n%s", p.tail())
	}
	if tb.Failed() {
		tb.Logf("the end of the program's log:\n%s", p.tail())
	}
}

// dashboards writes files into a folder that --dashboards can name.
func dashboards(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
