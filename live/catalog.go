package live

import (
	"context"
	_ "embed"
	"fmt"
	"hash/fnv"
	"sort"
	"strconv"
	"strings"
	"time"
)

//go:embed catalog.sql
var catalogQuery string

// catalog is what is known of the relations that the pages read: their bells,
// and a fingerprint that tells when any of it changed.
type catalog struct {
	asked  map[uint32]bool // for which relations
	tables map[uint32]*table
	read   time.Time     // when it was begun to be read
	due    time.Time     // when it must be read again
	wanted bool          // a page reads a relation that is not in it
	took   time.Duration // to read it
}

// table is one relation of the catalog.
type table struct {
	name     string // quoted, with its schema
	kind     byte   // pg_class.relkind
	lockable bool   // the role may LOCK it
	bell     int64  // 0: none that is whole
	print    uint64 // of its definition, and of its whole tree's
}

func newCatalog() *catalog { return &catalog{tables: map[uint32]*table{}} }

// differs tells whether a relation that both know is not defined as before.
func (c *catalog) differs(before *catalog, oid uint32) bool {
	a, b := c.tables[oid], before.tables[oid]
	return a != nil && b != nil && a.print != b.print
}

// gone tells whether a relation was asked for and is not there.
func (c *catalog) gone(oid uint32) bool { return c.asked[oid] && c.tables[oid] == nil }

// names lists the tables among the relations.
func (c *catalog) names(relations map[uint32]bool) []string {
	var list []string
	for oid := range relations {
		if t := c.tables[oid]; t != nil && strings.IndexByte("rpmf", t.kind) >= 0 {
			list = append(list, t.name)
		}
	}
	sort.Strings(list)
	return list
}

// locks lists the tables among the relations that can be locked beforehand.
func (c *catalog) locks(relations map[uint32]bool) []lock {
	var list []lock
	for oid := range relations {
		if t := c.tables[oid]; t != nil && t.lockable {
			list = append(list, lock{oid, t.name})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// wire works out which bells a page needs and which of its tables have none.
func (c *catalog) wire(p *page) {
	p.bells, p.untolling, p.resolved = nil, nil, true
	seen := map[int64]bool{}
	for oid := range p.relations {
		t := c.tables[oid]
		switch {
		case t == nil:
			p.resolved = false // the catalog has not been read since
		case strings.IndexByte("rpmfS", t.kind) < 0 && oid >= firstUserOID:
			// Views, indexes and the like change with their tables.
		case t.bell != 0:
			if !seen[t.bell] {
				seen[t.bell] = true
				p.bells = append(p.bells, t.bell)
			}
		case oid >= firstUserOID || t.kind == 'r' || t.kind == 'v':
			p.untolling = append(p.untolling, t.name)
		}
	}
	sort.Strings(p.untolling)
	sort.Slice(p.bells, func(i, j int) bool { return p.bells[i] < p.bells[j] })
}

// node is a relation while trees of partitions and children are put together.
type node struct {
	table
	parents []uint32
	own     int64 // the bell of its own trigger, if that is enabled
	root    uint32
}

// readCatalog looks at the relations, and at the whole partition and
// inheritance trees that they belong to.
func (s *session) readCatalog(ctx context.Context, relations map[uint32]bool) (*catalog, error) {
	if err := s.ensure(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StatementTimeout+time.Second)
	defer cancel()
	oids := make([]string, 0, len(relations))
	for oid := range relations {
		oids = append(oids, strconv.FormatUint(uint64(oid), 10))
	}
	sort.Strings(oids)
	res := s.conn.PgConn().ExecParams(ctx, catalogQuery,
		[][]byte{[]byte("{" + strings.Join(oids, ",") + "}")}, nil, nil, nil).Read()
	if res.Err != nil {
		if broken(res.Err) {
			s.close()
		}
		return nil, fmt.Errorf("read catalog: %w", res.Err)
	}
	nodes := map[uint32]*node{}
	for _, row := range res.Rows {
		print := fnv.New64a()
		for _, v := range row {
			_, _ = print.Write(v)
			_, _ = print.Write([]byte{0})
		}
		oid, n, err := parseNode(row)
		if err != nil {
			return nil, err
		}
		n.print = print.Sum64()
		nodes[oid] = n
	}
	c := newCatalog()
	c.asked = relations
	tollTrees(nodes)
	for oid := range relations {
		if n := nodes[oid]; n != nil {
			c.tables[oid] = &n.table
		}
	}
	return c, nil
}

func parseNode(row [][]byte) (uint32, *node, error) {
	oid, err := strconv.ParseUint(string(row[0]), 10, 32)
	if err != nil {
		return 0, nil, fmt.Errorf("parse catalog: %w", err)
	}
	n := &node{table: table{name: string(row[1]), kind: row[2][0], lockable: string(row[3]) == "t"}}
	if row[4] != nil {
		if n.own, err = strconv.ParseInt(string(row[4]), 10, 64); err != nil {
			n.own = 0 // a trigger that somebody made by hand: not a bell
		}
	}
	for _, f := range strings.Split(strings.Trim(string(row[5]), "{}"), ",") {
		if parent, err := strconv.ParseUint(f, 10, 32); err == nil {
			n.parents = append(n.parents, uint32(parent))
		}
	}
	return uint32(oid), n, nil
}

// tollTrees gives each table the bell of its tree, if every member of the
// tree has a trigger with that bell: a write that names a leaf fires only the
// leaf's trigger, one that names the root only the root's.
func tollTrees(nodes map[uint32]*node) {
	var find func(oid uint32) uint32
	find = func(oid uint32) uint32 {
		n := nodes[oid]
		if n.root == 0 || n.root == oid {
			n.root = oid
			return oid
		}
		n.root = find(n.root)
		return n.root
	}
	for oid, n := range nodes {
		for _, parent := range n.parents {
			if nodes[parent] != nil {
				a, b := find(oid), find(parent)
				nodes[a].root = b
			}
		}
	}
	bells, prints := map[uint32]int64{}, map[uint32]uint64{}
	torn := map[uint32]bool{}
	for oid, n := range nodes {
		root := find(oid)
		prints[root] ^= n.print
		if strings.IndexByte("rpf", n.kind) < 0 {
			continue
		}
		if n.own == 0 || n.kind == 'f' || bells[root] != 0 && bells[root] != n.own {
			torn[root] = true
		}
		bells[root] = n.own
	}
	for oid, n := range nodes {
		n.print = prints[find(oid)]
		if root := find(oid); !torn[root] && strings.IndexByte("rp", n.kind) >= 0 {
			n.bell = bells[root]
		}
	}
}
