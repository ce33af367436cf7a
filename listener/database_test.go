package listener_test

import (
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// database is an empty database of the test's own.
func database(t *testing.T) string { return pgtest.New(t).URL }
