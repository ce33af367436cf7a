//go:build !flaws

// Package flaw lets a test build of the program have one of its known
// possible bugs on purpose, so that the tests that must catch it can be seen
// to catch it. Without the build tag `flaws` nothing of it is in the binary.
package flaw

// On tells whether the named flaw is switched on; in a normal build never.
func On(string) bool { return false }
