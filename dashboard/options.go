package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rowcast/rowcast/internal/extended"
)

const (
	mostOptions     = 1000 // of one variable, as readers are shown them
	optionsPatience = 2 * time.Second
)

// settle drops what a strict variable's options do not hold, such as a city of
// the country that was chosen before. Where the database cannot be asked,
// values stay as they are.
func (b *Book) settle(ctx context.Context, def *definition, variables []Variable) {
	if b.cfg.DB == nil {
		return
	}
	for _, i := range def.order {
		v := &variables[i]
		chosen := slices.DeleteFunc(slices.Clone(v.Values), func(s string) bool { return s == "" || slices.Contains(v.Defaults, s) })
		at := slices.IndexFunc(def.choices, func(p Panel) bool { return p.ID == v.OptionsPanel })
		if !v.Strict || at < 0 || len(chosen) == 0 {
			continue
		}
		args, _, _ := arguments(variables)
		there, err := b.among(ctx, &def.choices[at], def.timeZone, pick(args, def.choices[at].names), chosen)
		if err != nil {
			b.cfg.Log.Warn("the options of a variable cannot be read", "dashboard", def.slug, "variable", v.Name, "error", Loggable(err))
			continue
		}
		v.Values = slices.DeleteFunc(v.Values, func(s string) bool { return slices.Contains(chosen, s) && !slices.Contains(there, s) })
		if len(v.Values) == 0 {
			v.Values = slices.Clone(v.Defaults)
		}
	}
}

// among tells which of the values are options now.
func (b *Book) among(ctx context.Context, p *Panel, zone string, args []*string, values []string) (there []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, optionsPatience)
	defer cancel()
	tx, err := b.cfg.DB.Begin(ctx, extended.ReadOnly)
	if err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	conn := tx.Conn().PgConn()
	const shape = `SELECT pg_catalog.set_config('TimeZone', $1, true), pg_catalog.set_config('DateStyle', 'ISO', true)`
	if err := conn.ExecParams(ctx, shape, [][]byte{[]byte(zone)}, nil, nil, nil).Read().Err; err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	// Only format gives every type's own text, as pages show it.
	sql := "SELECT DISTINCT pg_catalog.format('%s', q.chosen) FROM (\n" + p.SQL + "\n) q(chosen) " +
		"WHERE pg_catalog.format('%s', q.chosen) OPERATOR(pg_catalog.=) ANY ($" + strconv.Itoa(len(args)+1) + "::pg_catalog.text[])"
	list := arrayText(values)
	var texts [][]byte
	for _, a := range append(args, &list) {
		if a == nil {
			texts = append(texts, nil)
		} else {
			texts = append(texts, []byte(*a))
		}
	}
	rows := conn.ExecParams(ctx, sql, texts, nil, nil, nil).Read()
	if rows.Err != nil {
		return nil, fmt.Errorf("read options: %w", rows.Err)
	}
	for _, row := range rows.Rows {
		there = append(there, string(row[0]))
	}
	return there, nil
}
