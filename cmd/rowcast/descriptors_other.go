//go:build !unix

package main

import "math"

// descriptors is how many the process may have: there is no limit to speak of.
func descriptors() int { return math.MaxInt32 }
