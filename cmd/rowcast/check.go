package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rowcast/rowcast/dashboard"
)

type checkCommand struct {
	databaseFlags
	Dir string `arg:"" default:"dashboards" name:"path" help:"Folder of dashboard files, or one of them."`
}

// Run says what is wrong with each file; it fails if anything is.
func (c *checkCommand) Run(ctx context.Context, s *streams) error {
	config, files, err := c.files()
	if err != nil {
		return err
	}
	config.Log = s.log
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
	case files == 0:
		_, err = fmt.Fprintf(s.out, "there are no dashboards in %s: their files end in .yaml\n", c.Dir)
		return err
	case config.Source != nil:
		_, err = fmt.Fprintf(s.out, "%s is good\n", c.Dir)
		return err
	}
	_, err = fmt.Fprintf(s.out, "the dashboards in %s are good\n", c.Dir)
	return err
}

// files says what to check, and how many files that are.
func (c *checkCommand) files() (config dashboard.Config, n int, err error) {
	info, err := os.Stat(c.Dir)
	if err != nil || info.IsDir() {
		for _, ending := range []string{"*.yaml", "*.yml"} {
			found, _ := filepath.Glob(filepath.Join(c.Dir, ending)) // the pattern is right
			n += len(found)
		}
		return dashboard.Config{Dir: c.Dir}, n, nil // a folder that cannot be read is told by Check
	}
	if ending := filepath.Ext(c.Dir); ending != ".yaml" && ending != ".yml" {
		return config, 0, fmt.Errorf("check %s: a dashboard's file ends in .yaml", c.Dir)
	}
	return dashboard.Config{Source: oneFile{os.DirFS(filepath.Dir(c.Dir)), info}}, 1, nil
}

// oneFile is a folder of which only one file is seen.
type oneFile struct {
	fs.FS
	info fs.FileInfo
}

// ReadDir lists the file.
func (f oneFile) ReadDir(string) ([]fs.DirEntry, error) {
	return []fs.DirEntry{fs.FileInfoToDirEntry(f.info)}, nil
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
