//go:build flaws

// Package flaw lets a test build of the program have one of its known
// possible bugs on purpose, so that the tests that must catch it can be seen
// to catch it. Without the build tag `flaws` nothing of it is in the binary.
package flaw

import "os"

// On tells whether the environment names this flaw in ROWCAST_FLAW.
func On(name string) bool { return os.Getenv("ROWCAST_FLAW") == name }
