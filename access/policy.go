package access

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"path"

	"github.com/goccy/go-yaml"
)

// Policy is what is not said in a dashboard's own file: who may see which table,
// and who may more than look. It is a YAML file, read again when it changes.
type Policy struct{ file *file[policy] }

type policy struct {
	Admins  Rule      `yaml:"admins"`  // see everything
	Authors Rule      `yaml:"authors"` // see the queries of what they may see
	Sharers Rule      `yaml:"sharers"` // make links to what they may see
	Tables  []allowed `yaml:"tables"`
	RunAs   *RunAs    `yaml:"run_as"` // nil: table pages are read as the one role
}

// RunAs says as whom table pages are read, as a dashboard's file says it of its
// queries.
type RunAs struct {
	Role     string            `yaml:"role"`
	Settings map[string]string `yaml:"settings"`
}

// allowed lets whom the rule names see the tables that match.
type allowed struct {
	Match    []string `yaml:"match"` // patterns of schema.table, as path.Match reads them
	Everyone bool     `yaml:"everyone"`
	Users    []string `yaml:"users"`
	Groups   []string `yaml:"groups"`
}

// OpenPolicy reads a file that must be there; "" is a policy without a rule. A
// version whose run_as check refuses is one with a mistake.
func OpenPolicy(name string, log *slog.Logger, check func(RunAs) error) (*Policy, error) {
	if name == "" {
		return &Policy{}, nil
	}
	f, err := openFile(name, log, func(b []byte) (policy, error) {
		p, err := parsePolicy(b)
		if err == nil && p.RunAs != nil {
			err = check(*p.RunAs)
		}
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("open access rules: %w", err)
	}
	return &Policy{f}, nil
}

func parsePolicy(b []byte) (policy, error) {
	var p policy
	if len(bytes.TrimSpace(b)) == 0 {
		return p, nil
	}
	if err := yaml.UnmarshalWithOptions(b, &p, yaml.Strict()); err != nil {
		return policy{}, fmt.Errorf("%s", yaml.FormatError(err, false, true))
	}
	for i, t := range p.Tables {
		if len(t.Match) == 0 {
			return policy{}, fmt.Errorf("entry %d of tables has no match: it names tables, such as public.orders or public.*", i+1)
		}
		for _, pattern := range t.Match {
			if _, err := path.Match(pattern, ""); err != nil {
				return policy{}, fmt.Errorf("entry %d of tables: %q is no pattern", i+1, pattern)
			}
		}
	}
	return p, nil
}

// tell has the rules that count told, those of now and each version that is taken
// later. It is called before anything is asked.
func (p *Policy) tell(a *audit) {
	if p.file == nil {
		return
	}
	p.file.taken = func(v version[policy]) {
		a.write(EventRules, "", "", "", "file", p.file.path, "sha256", hex.EncodeToString(v.sum[:]))
	}
	p.file.taken(*p.file.last.Load())
}

func (p *Policy) get() policy {
	if p.file == nil {
		return policy{}
	}
	return p.file.get()
}

// table is who may see a table, by all entries that match its name.
func (p policy) table(schema, name string) Rule {
	var r Rule
	for _, t := range p.Tables {
		for _, pattern := range t.Match {
			if ok, _ := path.Match(pattern, schema+"."+name); ok {
				r.Everyone = r.Everyone || t.Everyone
				r.Users = append(r.Users, t.Users...)
				r.Groups = append(r.Groups, t.Groups...)
				break
			}
		}
	}
	return r
}
