// Package e2e_test drives the real program from outside, as its users do.
package e2e_test

import (
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
