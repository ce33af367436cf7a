// Package views renders rowcast's pages as HTML: templ components over view models whose fields are ready to be shown,
// so that a component only branches and loops. It knows nothing of the rest of rowcast; whoever serves pages fills the models.
//
// Values of cells go through [Describe] and [Column.Cell], which format PostgreSQL's text output by type exactly as the
// browser's static/js/format.js does (both are held to testdata/format.json), so a first paint and a later change look alike.
package views

import "time"

//go:generate go tool -modfile=../tools/go.mod templ generate

// Chrome is what every page has around its content.
type Chrome struct {
	Title    string      // of the document, without the product's name: "Shop"
	Base     string      // path that a proxy puts before every URL, without a slash at the end: "" or "/rowcast"
	Database string      // name of the database, the first crumb; "" while it is not known
	Place    []Crumb     // where the reader is, after the database; the last one is this page
	Jump     []JumpGroup // what the palette (Ctrl-K) offers; empty: no palette
	User     string      // who is signed in; "" where nobody is
	Share    string      // URL where a link to this page is made; "" where the reader may not
	SignOut  string      // URL that ends the session on POST; "" where there is none
	Kiosk    bool        // a wall: no chrome, larger type
	Embed    bool        // in a frame of another page: no chrome but a small live mark
	Assets   Assets
}

// Assets are the URLs of the browser's files, complete with base path and content hash.
type Assets struct {
	Styles  []string // in order
	Script  string   // the entry module, js/main.js
	Modules []string // every module that Script imports, to be preloaded
	Font    string   // the text face, preloaded: fonts/inter.woff2
	Charts  []string // the modules that pages with charts load, to be preloaded there
	Icons   string   // the sprite, icons/sprite.svg
	Mark    string   // the favicon, icons/mark.svg
	Version string   // names this set of files; the socket tells when there is a newer one
}

// Crumb is one step of the way to a page. Quiet is written dimly before Text ("public." before "orders").
type Crumb struct{ Text, Quiet, Href string }

// JumpGroup is a heading of the palette with its targets.
type JumpGroup struct {
	Title   string
	Targets []JumpTarget
	Within  bool // they are parts of pages, which their notes name: shown once something is typed, and found by both
}

// JumpTarget is one place in the palette; Note stands at its end ("~2.1 M rows"), Icon is the name of one.
type JumpTarget struct{ Text, Note, Href, Icon string }

// Live is what ties a page to its socket. A first paint says "Snapshot" and its time; only the browser, once it has heard the
// server's proof, says "Live".
type Live struct {
	Page       string  // canonical address: "/d/shop?status=paid"
	Definition string  // the mark of what is drawn here besides rows, which the browser names as it watches; "" where there is none
	Cursor     string  // of the state that the page was rendered from; "" where there is none
	Socket     string  // URL path of the socket with base path, "/live"; "" where the page has none
	SignIn     string  // URL where a reader whose session ended goes; "" where there is no sign-in
	At         string  // when the state was read, RFC 3339; "" where there is none
	Clock      string  // the same for readers: "14:32:08"
	Zone       string  // the time zone of the page's clocks: "Europe/Berlin"
	Banner     *Banner // shown before the browser's code runs: stale at first paint
}

// Banner is one line under the bar that says what is wrong: since when, why, what happens next. Kind is "warn" or "bad".
type Banner struct{ Kind, Head, Text string }

// Index is the front page: dashboards and tables of the database.
type Index struct {
	Chrome
	Title      string // name of the database
	Sub        string // "PostgreSQL 16.4, 12 tables"
	Dashboards []Board
	Grant      string // statement that lets the role read tables, shown where there are none
	Folder     string // where dashboards come from: "./dashboards"; shown beside the heading and, when there are none, in the hint
	Counts     string // "9 live, 2 by the clock"
	Schemas    []Schema
	Problems   []Problem // dashboards that could not be loaded
	Guest      bool      // the reader sees a part of it, and makes nothing
	Away       bool      // the database does not say which tables there are
	Status     string    // where the server's own figures are; "" where they are not for the reader
	Demo       *Demo
}

// Board is a dashboard on the index. Problem is true if its file has a mistake and its last good version is served.
type Board struct {
	Title, Description, Href string
	Problem                  bool
	Peek                     *Peek // nil: nothing was seen of it yet
}

// Schema is a heading among the tables of the index.
type Schema struct {
	Name   string
	Tables []TableLine
}

// TableLine is one table, view or foreign table on the index.
type TableLine struct {
	Name, Href string
	State      string // "live", "timed" or "off"; the shape of its lamp
	Word       string // "live", "every 5 s", "not watched"
	Kind       string // "", "view", "materialized view", "foreign table", "partitioned"
	Columns    string // names, comma-separated; "" where not known
	Rows       string // "1,284", "~2.1 M", "" where not known; see [Count]
}

// Dashboard is a dashboard's page.
type Dashboard struct {
	Chrome
	Live
	Title, Description string
	Variables          []Variable
	Locked             bool // the values cannot be changed here: they are said, and not offered
	Panels             []Panel
	Problem            *Problem // the file has a mistake now; what is shown is its last good version
	Demo               *Demo
}

// TablePage is the page of one table.
type TablePage struct {
	Chrome
	Live
	Schema, Name string
	Rows         Panel  // type "table"; its columns carry SortHref
	Data         string // what the page's own code needs to know of the table, as JSON
	First        int    // number of the first row that is shown; 0 is 1
	Total        string // how many rows match: "~2.1 M", "" where not known
	Columns      string // how many of how many columns are shown: "10 of 13"
	Filters      int    // columns that are filtered
	Search       string // what is searched for
	CSV, JSON    string // URLs of the rows that are shown; "" where there is none
	AllCSV       string // URL of all rows that match
	AllJSON      string
	Watch        string // command that gives the table a bell, shown where it has none: "rowcast watch public.orders"
	Demo         *Demo
}

// Panel is one query's place on a page.
type Panel struct {
	ID, Title   string
	Note        string        // dim, beside the title: "newest 50", "every 60 s"
	At          time.Time     // of its own snapshot; zero: the page's
	Every       time.Duration // its own pace; zero: the page's
	AsOf        string        // time of day of the panel's own snapshot, where it has one (slow or timed): "14:29:52"; see [Clock]
	Late        bool          // the page is there, and this panel is not yet: it is read apart, after others
	Type        string        // "table", "stat", "line", "area", "bar", "donut", "gauge", "progress" or "text"
	Width       int           // of 12 columns; 0: 12
	Height      int           // grid rows it spans; 0: 1
	Limit       int           // rows at most, for the line under a cut result
	Raw         bool          // a table's own page: heads are column names as they are, timestamps absolute
	State       string        // "", "loading", "error", "timeout", "denied"; see [Panel.SetError]
	Message     *Message
	Columns     []Column // nil: no result yet
	Rows        []Row
	Truncated   bool
	Stat        *Stat              // for type "stat"; see [Panel.DrawStat]
	StatOptions *StatOptions       // of a stat
	Companions  map[string]*Result // of a stat: the panels that its options name, by id
	Chart       *Chart             // for all types but "table", "stat" and "text"
	Figure      *Figure            // a line, area or bar, drawn; see [Panel.Draw]
	Parts       *Parts             // the same of a donut, gauge or progress
	Text        string             // of a text: HTML that is safe, see [Markdown]
	Unit        string             // of a stat
	Formats     map[string]Format  // by column name, for the browser
	CSV         string             // URL of the rows; "" where there is none
	Query       string             // as it is written; "" where the reader may not see it
	Guest       bool               // the reader is none of those who may see what is wrong with its query
	File        string             // that it stands in: "shop.yaml"; "" for none
	message     string             // of its error, as it came
	Source      *Source            // where the panel's query has a mistake, see [Panel.Explain]
}

// Message says what is the matter with a panel.
type Message struct {
	Head, Text string
	Command    string // a statement or command that mends it, in a block of its own; "" where there is none
}

// Source shows a place in a file: lines around it, the one word marked.
type Source struct {
	Name  string // of the lines, for those who do not see them
	Where string // "shop.yaml, line 31, column 16"
	Lines []SourceLine
}

// SourceLine is a numbered line. Mark is underlined; both Mark and After are empty on the other lines.
type SourceLine struct {
	Number              int
	Before, Mark, After string
}

// Row is one row of a table panel, its cells as [Column.Cell] makes them.
type Row struct {
	Key   string
	Cells []Cell
}

// Demo lets a reader of the sample shop change a row by hand.
type Demo struct {
	Action  string // URL that inserts an order on POST
	Label   string // "Insert an order"
	Command string // a psql one-liner that does the same
}

// Problem is a mistake in a dashboard's file.
type Problem struct {
	Title   string // of the dashboard or its file's name
	Where   string // "shop.yaml:31:16"
	What    string
	Hint    string
	Excerpt string // the lines around it, as they are to be shown
}

// SignIn is the form at the door.
type SignIn struct {
	Chrome
	Action   string // URL of the form
	Next     string // where to go afterwards
	Provider string // URL that leads to the provider of sign-ins; "" where names and passwords are asked for
	Name     string // as it was typed
	Text     string // why this page is shown; "" where nothing needs saying
	Trouble  string // what was wrong with the last try
}

// Links is the page of share links.
type Links struct {
	Chrome
	Make, Revoke string // URLs of the forms
	Page, Note   string // as they were typed
	Lives        []Option
	Made         string // the URL that was made just now; "" for none
	Trouble      string // what was wrong with the last try
	List         []LinkLine
}

// LinkLine is one share link. Over is true for one that shows nothing any more.
type LinkLine struct {
	ID, Page, Href, Note, By string
	Until, Used              string // times of day with their date, "never", or why it is over
	Over                     bool
}

// Notice is a whole page that says why there is nothing to see: not found, not allowed, starting, unavailable.
type Notice struct {
	Chrome
	Code    string // a big number: "404"; "" for none
	Icon    string // in its place: "unplug", "lock", "timer"
	Head    string // "There is no page at /d/shpo"
	Text    string
	Detail  string // what the database said, as code; "" for none
	Command string // what mends it, in a block of its own; "" for none
	Hint    string // under the command
	Link    *Crumb // a way on; nil: all pages
	Alone   bool   // there is no way on
	Without bool   // the way on is the same page without one value that is gone
	Status  int    // of the answer
	Retry   int    // seconds between the browser's looks whether the answer is another one by now; 0: never
}
