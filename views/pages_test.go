package views_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Set to a folder, it receives every sample page as a file, to be looked at in a browser.
const previewDir = "ROWCAST_PREVIEW"

func TestPagesKeepToTheContentSecurityPolicy(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		"an inline style":      regexp.MustCompile(`(?i)<[^>]*\sstyle=|<style`),
		"an inline handler":    regexp.MustCompile(`(?i)<[^>]*\son[a-z]+=`),
		"an inline script":     regexp.MustCompile(`(?i)<script[^>]*>[^<]`),
		"a script URL":         regexp.MustCompile(`(?i)javascript:`),
		"templ's failed value": regexp.MustCompile(`about:invalid`),
	}
	for name, page := range samples() {
		var b bytes.Buffer
		if err := page.Render(context.Background(), &b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for what, re := range forbidden {
			if m := re.Find(b.Bytes()); m != nil {
				t.Errorf("%s has %s: %s", name, what, m)
			}
		}
		if n := strings.Count(b.String(), "<h1"); n != 1 {
			t.Errorf("%s has %d first headings", name, n)
		}
		if dir := os.Getenv(previewDir); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, name+".html"), b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
