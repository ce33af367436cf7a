package static_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/static"
)

// What is served has been shortened by a program, which may be wrong: it passes the tests that the sources pass.
func TestServedModulesDoAsTheirSources(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
			t.Fatal("needs node")
		}
		t.Skip("needs node")
	}
	root := t.TempDir()
	for from, to := range map[string]string{"test": "static/test", "css": "static/css", "../views/testdata": "views/testdata", "../delta/testdata": "delta/testdata"} {
		if err := os.CopyFS(filepath.Join(root, to), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := filepath.Glob("js/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(sources, "vendor/uplot/uPlot.esm.js") {
		path, file := static.Path(filepath.ToSlash(name)), filepath.Join(root, "static", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, body(t, get(t, path)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "package.json"), []byte(`{"type": "module"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Glob(filepath.Join(root, "static/test/*.test.js"))
	if err != nil || len(tests) == 0 {
		t.Fatal("no tests: ", err)
	}
	run := exec.Command(node, append([]string{"--test"}, tests...)...)
	run.Dir = root
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%.6000s", err, failures(string(out)))
	}
}

// failures are the lines of a test's report from the first failure on.
func failures(report string) string {
	if i := strings.Index(report, "not ok"); i >= 0 {
		return report[i:]
	}
	return report
}
