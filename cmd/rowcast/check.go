package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rowcast/rowcast/dashboard"
)

type checkCommand struct {
	databaseFlags
	Dir string `arg:"" default:"dashboards" help:"Folder of dashboard files."`
}

// Run says what is wrong with each file; it fails if anything is.
func (c *checkCommand) Run(ctx context.Context, s *streams) error {
	config := dashboard.Config{Dir: c.Dir, Log: s.log}
	if c.DatabaseURL != "" {
		db, err := c.open()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		pool, err := db.pool(ctx, "check", 2)
		if err != nil {
			return err
		}
		defer pool.Close()
		config.DB = pool
	}
	problems, err := dashboard.Check(ctx, config)
	wrong := 0
	for _, p := range problems {
		if !p.Note {
			wrong++
		}
		if err := explain(s.out, p); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return err
	case wrong > 0:
		return errSaid
	}
	_, err = fmt.Fprintf(s.out, "the dashboards in %s are good\n", c.Dir)
	return err
}

// explain prints a mistake with the lines around it.
func explain(w io.Writer, p dashboard.Problem) error {
	text := p.String() + "\n"
	if p.Excerpt != "" {
		text += strings.TrimRight(p.Excerpt, "\n") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
