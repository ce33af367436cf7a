package postgres_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/rowcast/rowcast/internal/postgres"
)

// parentEnv turns a copy of this test binary into a program that starts a
// server there and then waits to be killed.
const parentEnv = "ROWCAST_TEST_PARENT"

func TestMain(m *testing.M) {
	postgres.MaybeSupervise()
	if dir, there := os.LookupEnv(parentEnv); there {
		parent(dir)
	}
	goleak.VerifyTestMain(m)
}

func parent(dir string) {
	s, err := postgres.Start(context.Background(), config(dir))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(s.PID(), s.Dir(), s.URL())
	select {}
}

func config(dir string) postgres.Config {
	return postgres.Config{Dir: dir, Throwaway: true, InitCache: true, Offline: true}
}
