package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		links, err := OpenLinks(dir, "", quiet)
		if err != nil {
			t.Fatal(err)
		}
		made, token, err := links.Make("/d/shop?status=paid", "hall", "anna", ModePassword, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		found, err := links.look(token)
		if err != nil || found.Page != "/d/shop?status=paid" || found.By != "anna" || !found.Used.IsZero() {
			t.Fatalf("%+v %v", found, err)
		}
		// No byte of it may be another one.
		for i := range len(token) {
			for _, c := range "A0_.x" {
				if other := token[:i] + string(c) + token[i+1:]; other != token {
					if _, err := links.look(other); !errors.Is(err, ErrNoLink) {
						t.Fatalf("%s holds too: %v", other, err)
					}
				}
			}
		}
		for _, bad := range []string{"", ".", "..", "../../users", token + "=", token + "A", " " + token, token[1:], strings.ToLower(token), token + "." + token} {
			if _, err := links.look(bad); !errors.Is(err, ErrNoLink) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		// Neither may what it says, by whoever can write the folder and not the key.
		path := filepath.Join(dir, "links", made.ID+".json")
		text, _ := os.ReadFile(path)
		for _, change := range [][2]string{{"status=paid", "status=late"}, {"?status=paid", ""}, {`"until":"2000`, `"until":"2999`}, {`"by":"anna"`, `"by":"root"`}, {`"by":"anna",`, ""}, {`"way":"password"`, `"way":"oidc"`}} {
			write(t, filepath.Dir(path), filepath.Base(path), strings.Replace(string(text), change[0], change[1], 1))
			if _, err := links.look(token); !errors.Is(err, ErrNoLink) {
				t.Errorf("after %v it holds: %v", change, err)
			}
		}
		write(t, filepath.Dir(path), filepath.Base(path), string(text))
		if strings.Contains(string(text), strings.Split(token, ".")[2]) {
			t.Error("the folder holds what opens")
		}
		if info, _ := os.Stat(filepath.Join(dir, "link.key")); info == nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the key: %v", info)
		}
		// When it was last used, to the minute.
		if err := links.use(found); err != nil {
			t.Fatal(err)
		}
		all, err := links.List()
		if err != nil || len(all) != 1 || all[0].Used.IsZero() {
			t.Errorf("%+v %v", all, err)
		}
		// Another secret before the old one: old links hold until that is gone.
		old, _ := os.ReadFile(filepath.Join(dir, "link.key"))
		write(t, dir, "link.key", strings.Repeat("ab", 32)+"\n"+string(old))
		time.Sleep(lookEvery)
		_, newer, err := links.Make("/d/shop", "", "", "", time.Hour)
		if err != nil || strings.Split(newer, ".")[1] == strings.Split(token, ".")[1] {
			t.Errorf("%s is signed by the old secret: %v", newer, err)
		}
		if _, err := links.look(token); err != nil {
			t.Error(err)
		}
		write(t, dir, "link.key", strings.Repeat("ab", 32)+"\n")
		time.Sleep(lookEvery)
		if _, err := links.look(token); !errors.Is(err, ErrNoLink) {
			t.Errorf("the old secret is gone: %v", err)
		}
		if _, err := links.look(newer); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if _, err := links.look(newer); !errors.Is(err, ErrNoLink) {
			t.Errorf("at its end: %v", err)
		}
		_, last, _ := links.Make("/d/shop", "", "", "", time.Hour)
		if err := errors.Join(links.Revoke(strings.Split(last, ".")[0]), links.Revoke(made.ID)); err != nil {
			t.Error(err)
		}
		if _, err := links.look(last); !errors.Is(err, ErrNoLink) {
			t.Errorf("revoked: %v", err)
		}
		for _, bad := range []string{"", "..", "../users", "x/y", made.ID} {
			if links.Revoke(bad) == nil {
				t.Errorf("%q was revoked", bad)
			}
		}
		for _, bad := range []struct {
			page string
			life time.Duration
		}{{"/t/public.orders", time.Hour}, {"d/shop", time.Hour}, {"https://x/d/shop", time.Hour}, {"/d/shop\n", time.Hour}, {"/d/shop", 0}, {"/d/shop", -1}, {"/d/shop", 2 * LongestLife}} {
			if _, _, err := links.Make(bad.page, "", "", "", bad.life); err == nil {
				t.Errorf("%+v was made", bad)
			}
		}
	})
}

func TestThereIsNoSecretByDefault(t *testing.T) {
	var all sync.WaitGroup
	dir := t.TempDir()
	for range 8 { // servers that start at once agree on one
		all.Go(func() {
			if _, err := OpenLinks(dir, "", quiet); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	one, _ := os.ReadFile(filepath.Join(dir, "link.key"))
	other := t.TempDir()
	if _, err := OpenLinks(other, "", quiet); err != nil {
		t.Fatal(err)
	}
	two, _ := os.ReadFile(filepath.Join(other, "link.key"))
	if len(one) != 65 || string(one) == string(two) {
		t.Errorf("%d bytes, the same twice: %v", len(one), string(one) == string(two))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "link.key*")); len(left) != 1 {
		t.Errorf("files %v", left)
	}
	if _, err := OpenLinks(dir, filepath.Join(dir, "nowhere"), quiet); err == nil {
		t.Error("a named key that is missing was made up")
	}
	for _, bad := range []string{"", "canary", strings.Repeat("a", 62), strings.Repeat("z", 64), "# only a comment"} {
		if _, err := parseKeys([]byte(bad)); err == nil || bad != "" && strings.Contains(fmt.Sprint(err), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
