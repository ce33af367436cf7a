//go:build unix

package main

import (
	"math"
	"syscall"
)

// descriptors is how many the process may have; Go has raised that as far as it
// may.
func descriptors() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxInt32
	}
	return int(min(uint64(limit.Cur), math.MaxInt32))
}
