package e2e_test

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	goyaml "github.com/goccy/go-yaml"
)

// composeFile is what the checks below read of docker-compose.yml.
type composeFile struct {
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
	Secrets  map[string]struct {
		File string `yaml:"file"`
	} `yaml:"secrets"`
}

type composeService struct {
	Image           string            `yaml:"image"`
	Build           any               `yaml:"build"`
	Entrypoint      []string          `yaml:"entrypoint"`
	Command         []string          `yaml:"command"`
	Profiles        []string          `yaml:"profiles"`
	Environment     map[string]string `yaml:"environment"`
	Ports           []string          `yaml:"ports"`
	Volumes         []string          `yaml:"volumes"`
	Tmpfs           []string          `yaml:"tmpfs"`
	Secrets         []string          `yaml:"secrets"`
	Privileged      bool              `yaml:"privileged"`
	NetworkMode     string            `yaml:"network_mode"`
	ReadOnly        bool              `yaml:"read_only"`
	CapDrop         []string          `yaml:"cap_drop"`
	CapAdd          []string          `yaml:"cap_add"`
	SecurityOpt     []string          `yaml:"security_opt"`
	StopGracePeriod string            `yaml:"stop_grace_period"`
	Restart         string            `yaml:"restart"`
	Healthcheck     map[string]any    `yaml:"healthcheck"`
	DependsOn       map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
}

// pinned is an image with a version: postgres:18, not postgres or postgres:latest.
var pinned = regexp.MustCompile(`:[0-9]`)

// composeProblems lists what a person who runs the file should not have to
// find out: open ports, lost data, a start before the database is there.
func composeProblems(text string) []string {
	var file composeFile
	if err := goyaml.UnmarshalWithOptions([]byte(text), &file, goyaml.Strict()); err != nil {
		return []string{err.Error()}
	}
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, name := range []string{"db", "roles", "rowcast", "demo"} {
		if _, ok := file.Services[name]; !ok {
			say("no service %s", name)
		}
	}
	for name, s := range file.Services {
		problems = append(problems, serviceProblems(name, s)...)
		problems = append(problems, secretProblems(name, s)...)
		switch {
		case name == "rowcast" || name == "demo":
			problems = append(problems, serverProblems(name, s)...)
		case name == "roles" && (s.Restart != "" || !walled(s)):
			say("roles: does more than its work, once")
		}
		if name != "roles" && s.Restart != "unless-stopped" {
			say("%s: does not come back after a reboot", name)
		}
	}
	db := file.Services["db"]
	if !slices.Contains(db.Volumes, "pgdata:/var/lib/postgresql") {
		say("db: data must be on the volume pgdata at /var/lib/postgresql, where PostgreSQL 18's image keeps it")
	}
	for _, name := range []string{"pgdata", "secrets"} {
		if _, ok := file.Volumes[name]; !ok {
			say("the volume %s is not declared", name)
		}
	}
	if len(db.Ports) > 0 || len(db.Profiles) > 0 || db.Healthcheck["test"] == nil {
		say("db: must always run, with a health check, and publish nothing")
	}
	if file.Services["roles"].DependsOn["db"].Condition != "service_healthy" {
		say("roles: does not wait for a healthy database")
	}
	problems = append(problems, dashboardProblems(file.Services["rowcast"])...)
	if len(file.Services["rowcast"].Profiles) > 0 || !slices.Equal(file.Services["demo"].Profiles, []string{"demo"}) {
		say("rowcast runs always, demo in its profile only")
	}
	return problems
}

// serviceProblems looks at any service.
func serviceProblems(name string, s composeService) []string {
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if s.Build == nil && !pinned.MatchString(s.Image) {
		say("%s: image %q has no version", name, s.Image)
	}
	if s.Privileged || s.NetworkMode != "" || len(s.CapAdd) > 0 {
		say("%s: has more rights than it needs", name)
	}
	for _, port := range s.Ports {
		if !strings.HasPrefix(port, "127.0.0.1:") {
			say("%s: port %q is open to the network", name, port)
		}
	}
	for _, v := range s.Volumes {
		if strings.Contains(v, "docker.sock") {
			say("%s: is given the engine itself", name)
		}
	}
	return problems
}

// secretProblems looks for passwords that stand in the file, or that it takes for
// granted.
func secretProblems(name string, s composeService) []string {
	var problems []string
	for key, value := range s.Environment {
		if strings.Contains(key, "PASSWORD") && !strings.HasSuffix(key, "_FILE") {
			problems = append(problems, name+": "+key+" is not a file")
		}
		if u, err := url.Parse(value); strings.HasPrefix(value, "postgres://") && (err != nil || u.User == nil || u.User.String() != u.User.Username()) {
			problems = append(problems, name+": "+key+" is to name a role, and no password")
		}
		if strings.Contains(value, ":-") && key != "ROWCAST_PUBLIC_URL" {
			problems = append(problems, name+": "+key+" has a default")
		}
	}
	return problems
}

// serverProblems looks at a service that runs rowcast beside a database of the
// same file.
func serverProblems(name string, s composeService) []string {
	problems := rightsProblems(name, s)
	if s.DependsOn["roles"].Condition != "service_completed_successfully" {
		problems = append(problems, name+": does not wait for its role")
	}
	if _, powerful := s.Environment["ROWCAST_ALLOW_POWERFUL_ROLE"]; name == "rowcast" && (powerful || !strings.HasPrefix(s.Environment["DATABASE_URL"], "postgres://rowcast_reader@")) {
		problems = append(problems, name+": may do more than read")
	}
	if names := strings.Split(s.Environment["ROWCAST_HOST"], ","); !slices.Contains(names, "127.0.0.1") || !slices.Contains(names, name) {
		problems = append(problems, name+": answers to any name, and so to a page that rebinds its own")
	}
	if !strings.Contains(s.Environment["DATABASE_URL"], "@db:5432/") || s.Environment["ROWCAST_LISTEN"] != "0.0.0.0:8080" {
		problems = append(problems, name+": does not know where its database and its own address are")
	}
	return problems
}

// dashboardProblems looks at where a server's dashboards come from: the folder beside
// the file, which it only reads.
func dashboardProblems(s composeService) []string {
	var problems []string
	if i := slices.Index(s.Command, "--dashboards"); i < 0 || !slices.Equal(s.Command[i+1:][:min(1, len(s.Command)-i-1)], []string{"/dashboards"}) {
		problems = append(problems, "rowcast: does not read /dashboards")
	}
	if !slices.Contains(s.Volumes, "./dashboards:/dashboards:ro") {
		problems = append(problems, "rowcast: the folder ./dashboards is not mounted, or may be written to")
	}
	return problems
}

// rightsProblems looks at what a service that runs rowcast may do.
func rightsProblems(name string, s composeService) []string {
	var problems []string
	if !walled(s) {
		problems = append(problems, name+": has more rights than it needs")
	}
	if d, err := time.ParseDuration(s.StopGracePeriod); err != nil || d <= 10*time.Second {
		problems = append(problems, name+": is killed before its ten seconds of farewell are over")
	}
	if len(s.Command) == 0 || len(s.Ports) != 1 {
		problems = append(problems, name+": needs a command and one port")
	}
	return problems
}

// walled tells a service that writes to no disk and has no rights of root.
func walled(s composeService) bool {
	return s.ReadOnly && slices.Equal(s.CapDrop, []string{"ALL"}) && slices.Contains(s.SecurityOpt, "no-new-privileges:true")
}

func TestComposeFile(t *testing.T) {
	text := readFile(t, "../docker-compose.yml")
	for _, problem := range composeProblems(text) {
		t.Error(problem)
	}
	if t.Failed() {
		return
	}
	// What is mounted is there, and what is in it is right.
	rowcast(t, "", "check", "../dashboards")
	// The checks themselves: each of these must be noticed.
	for _, c := range []struct{ name, old, new string }{
		{"no version", "image: postgres:18", "image: postgres"},
		{"newest version", "image: postgres:18", "image: postgres:latest"},
		{"open port", `"127.0.0.1:${ROWCAST_PORT`, `"${ROWCAST_PORT`},
		{"published database", "    healthcheck:", "    ports: [\"127.0.0.1:5432:5432\"]\n    healthcheck:"},
		{"old place of the data", "pgdata:/var/lib/postgresql\n", "pgdata:/var/lib/postgresql/data\n"},
		{"no volume", "\nvolumes:\n  pgdata:", "\n"},
		{"no waiting", "condition: service_healthy", "condition: service_started"},
		{"no waiting for the role", "condition: service_completed_successfully", "condition: service_started"},
		{"a password", "      PGPASSFILE:", "      POSTGRES_PASSWORD: rowcast\n      PGPASSFILE:"},
		{"a password by default", "PGPASSFILE: /secrets/pgpass", "PGPASSFILE: ${SECRET:-/secrets/pgpass}"},
		{"a password in the URL", "//rowcast_reader@", "//rowcast_reader:secret@"},
		{"another role", "//rowcast_reader@", "//postgres@"},
		{"a powerful role", "      ROWCAST_LISTEN:", "      ROWCAST_ALLOW_POWERFUL_ROLE: \"true\"\n      ROWCAST_LISTEN:"},
		{"no dashboards", "      - ./dashboards:/dashboards:ro\n", ""},
		{"dashboards that may be written to", "./dashboards:/dashboards:ro", "./dashboards:/dashboards"},
		{"dashboards that nobody reads", `"--dashboards", "/dashboards", `, ""},
		{"dashboards of another place", `"--dashboards", "/dashboards"`, `"--dashboards", "/boards"`},
		{"any name", "      ROWCAST_HOST: localhost,127.0.0.1,rowcast\n", ""},
		{"writable", "read_only: true", "read_only: false"},
		{"privileged", "read_only: true", "read_only: true\n    privileged: true"},
		{"the host's network", "read_only: true", "read_only: true\n    network_mode: host"},
		{"short farewell", "stop_grace_period: 15s", "stop_grace_period: 5s"},
		{"always a demo", "    profiles: [demo]\n", ""},
		{"unknown word", "restart:", "retsart:"},
		{"not YAML", "services:", "services: ["},
	} {
		changed := strings.Replace(text, c.old, c.new, 1)
		if changed == text {
			t.Errorf("%s: the file holds no %q", c.name, c.old)
		} else if len(composeProblems(changed)) == 0 {
			t.Errorf("%s: not noticed", c.name)
		}
	}
}

// The file for a database that is there already holds one service, whose secrets
// are files and whose role only reads.
func TestComposeFileBesideADatabase(t *testing.T) {
	text := readFile(t, "../docs/deploy/docker-compose.yml")
	for _, problem := range besideProblems(text) {
		t.Error(problem)
	}
	for _, c := range []struct{ name, old, new string }{
		{"open port", `"127.0.0.1:${ROWCAST_PORT`, `"${ROWCAST_PORT`},
		{"writable", "read_only: true", "read_only: false"},
		{"no dashboards", "      - ./dashboards:/dashboards:ro\n", ""},
		{"a password in the environment", "ROWCAST_PASSWORD_FILE: /run/secrets/reader", "PGPASSWORD: secret"},
		{"any role", "ROWCAST_HOST: localhost,127.0.0.1", "ROWCAST_ALLOW_POWERFUL_ROLE: \"true\""},
		{"nobody signs in", `"--auth", "password", `, ""},
		{"anybody reads", "ROWCAST_HOST: localhost,127.0.0.1", "ROWCAST_LET_ANYONE_ON_THE_NETWORK_READ: \"true\""},
		{"anybody on the way", "ROWCAST_HOST: localhost,127.0.0.1", "ROWCAST_TRUST_THE_WAY_TO_THE_DATABASE: \"true\""},
		{"a database of its own guess", "${DATABASE_URL:?", "${DATABASE_URL:-"},
		{"another secret", "  reader:\n", "  writer:\n"},
		{"a second service", "volumes:\n  state:", "  db:\n    image: postgres:18\n    restart: unless-stopped\n\nvolumes:\n  state:"},
	} {
		changed := strings.Replace(text, c.old, c.new, 1)
		if changed == text {
			t.Errorf("%s: the file holds no %q", c.name, c.old)
		} else if len(besideProblems(changed)) == 0 {
			t.Errorf("%s: not noticed", c.name)
		}
	}
}

func besideProblems(text string) []string {
	var file composeFile
	if err := goyaml.UnmarshalWithOptions([]byte(text), &file, goyaml.Strict()); err != nil {
		return []string{err.Error()}
	}
	s, ok := file.Services["rowcast"]
	if !ok || len(file.Services) != 1 {
		return []string{"there is not one service, rowcast"}
	}
	problems := slices.Concat(serviceProblems("rowcast", s), rightsProblems("rowcast", s), secretProblems("rowcast", s), dashboardProblems(s))
	say := func(what string) { problems = append(problems, what) }
	if s.Restart != "unless-stopped" {
		say("it does not come back after a reboot")
	}
	if !strings.HasPrefix(s.Environment["DATABASE_URL"], "${DATABASE_URL:?") {
		say("the database is not asked for")
	}
	if file.Secrets["reader"].File == "" || !slices.Equal(s.Secrets, []string{"reader"}) || s.Environment["ROWCAST_PASSWORD_FILE"] != "/run/secrets/reader" {
		say("the password is not a file")
	}
	for _, name := range []string{"ROWCAST_ALLOW_POWERFUL_ROLE", "ROWCAST_LET_ANYONE_ON_THE_NETWORK_READ", "ROWCAST_TRUST_THE_WAY_TO_THE_DATABASE"} {
		if _, ok := s.Environment[name]; ok {
			say(name + " has no place in it")
		}
	}
	if !strings.Contains(strings.Join(s.Command, " "), "--auth password --state /state") || !slices.Contains(s.Volumes, "state:/state") {
		say("nobody signs in")
	}
	return problems
}

// The image is one static program, run by nobody.
func TestDockerfile(t *testing.T) {
	text := readFile(t, "../Dockerfile")
	if strings.Contains(text, "# syntax") {
		t.Error("a syntax line makes every build fetch a frontend")
	}
	bases := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1)
	if len(bases) != 2 || !pinned.MatchString(bases[0][1]) || bases[1][1] != "scratch" {
		t.Fatalf("stages from %q, want a pinned Go and scratch", bases)
	}
	goMod := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readFile(t, "../go.mod"))
	if goMod == nil || bases[0][1] != "golang:"+goMod[1] {
		t.Errorf("built with %s, but go.mod asks for %q", bases[0][1], goMod)
	}
	_, last, _ := strings.Cut(text, "FROM scratch")
	for _, want := range []string{"USER 65532:65532", `HEALTHCHECK`, `"/rowcast", "health"`, `ENTRYPOINT ["/rowcast"]`} {
		if !strings.Contains(last, want) {
			t.Errorf("the last stage lacks %s", want)
		}
	}
	sbom := regexp.MustCompile(`(?m)^RUN .*cyclonedx-gomod bin .*-output (\S+) (\S+)$`).FindStringSubmatch(text)
	if sbom == nil || !strings.Contains(text, "-o "+sbom[2]+" ") || !strings.Contains(last, "COPY --from=build "+sbom[2]+" "+sbom[1]+" /\n") {
		t.Error("the image does not say what its program is made of")
	}
	if !strings.Contains(readFile(t, "../.dockerignore"), "\n!tools/sbom\n") {
		t.Error("the build has no tool to find that out")
	}
	if !strings.Contains(text, "CGO_ENABLED=0") {
		t.Error("the program is not static: scratch has no libc")
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
