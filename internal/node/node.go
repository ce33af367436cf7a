// Package node runs the browser's code outside of a browser, so that a test can
// hold what Go computes against what a browser will.
package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
)

// ErrNotFound says that this machine has no node.
var ErrNotFound = errors.New("node is not installed")

// Run gives input, as JSON, to a task of static/test/against.js and decodes its
// answer into output.
func Run(task string, input, output any) error {
	path, err := exec.LookPath("node")
	if err != nil {
		return ErrNotFound
	}
	in, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("encode input: %w", err)
	}
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.Command(path, filepath.Join(filepath.Dir(here), "../../static/test/against.js"), task)
	cmd.Stdin = bytes.NewReader(in)
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("run %s: %w: %.2000s", task, err, faults.String())
	}
	if err := json.Unmarshal(out, output); err != nil {
		return fmt.Errorf("decode the answer of %s: %w", task, err)
	}
	return nil
}
