package migrations

import (
	"fmt"
	"path"
	"strings"
)

// pattern is a table name as a person writes it: name, schema.name, public.*, "Mixed"."Case".
type pattern struct {
	text   string
	schema *part // nil: wherever the search_path finds it
	name   part
}

// part is one identifier. Unquoted text is folded to lower case, as PostgreSQL does, and * in it stands
// for any run of characters; quoted text is taken as it is.
type part struct {
	text   string
	quoted bool
}

func parsePattern(text string) (pattern, error) {
	var parts []part
	rest := strings.TrimSpace(text)
	for {
		p, tail, err := parsePart(rest)
		if err != nil {
			return pattern{}, fmt.Errorf("parse table name %q: %w", text, err)
		}
		parts = append(parts, p)
		if tail == "" {
			break
		}
		if tail[0] != '.' {
			return pattern{}, fmt.Errorf("parse table name %q: expected . before %q", text, tail)
		}
		rest = tail[1:]
	}
	switch len(parts) {
	case 1:
		return pattern{text: text, name: parts[0]}, nil
	case 2:
		return pattern{text: text, schema: &parts[0], name: parts[1]}, nil
	default:
		return pattern{}, fmt.Errorf("parse table name %q: want table or schema.table", text)
	}
}

func parsePart(s string) (p part, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, `."`)
		if end < 0 {
			end = len(s)
		}
		if end == 0 {
			return part{}, "", fmt.Errorf("a name is empty")
		}
		return part{text: strings.ToLower(s[:end])}, s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		if b.Len() == 0 {
			return part{}, "", fmt.Errorf("a name is empty")
		}
		return part{text: b.String(), quoted: true}, s[i+1:], nil
	}
	return part{}, "", fmt.Errorf("a quote is not closed")
}

func (p part) glob() bool { return !p.quoted && strings.Contains(p.text, "*") }

func (p part) match(name string) bool {
	if !p.glob() {
		return p.text == name
	}
	// path.Match gives ? [ \ a meaning and stops at slashes; names may hold all of these.
	escape := strings.NewReplacer(`\`, `\\`, `?`, `\?`, `[`, `\[`, `/`, "\x00")
	ok, err := path.Match(escape.Replace(p.text), strings.ReplaceAll(name, "/", "\x00"))
	return err == nil && ok
}

// many says that the pattern may mean several tables, so that what cannot be watched is passed over.
func (p pattern) many() bool { return p.name.glob() || p.schema != nil && p.schema.glob() }

func (p pattern) match(r *relation) bool {
	if p.schema == nil {
		return r.visible && p.name.match(r.Name)
	}
	return p.schema.match(r.Schema) && p.name.match(r.Name)
}
