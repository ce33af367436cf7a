package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// dockerImage is what Docker runs; its major version fixes the format of the data.
const dockerImage = "postgres:18"

// docker runs the server in a container, reachable on 127.0.0.1 with a password.
type docker struct {
	client   string
	progress io.Writer
}

// findDocker wants an engine that answers; a client alone is not enough.
func findDocker(ctx context.Context, progress io.Writer) (*docker, error) {
	client, err := exec.LookPath("docker")
	if err != nil {
		return nil, errors.New("docker is not installed")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := exec.CommandContext(ctx, client, "info").Run(); err != nil {
		return nil, errors.New("no engine answers to docker info")
	}
	return &docker{client, progress}, nil
}

// prepare fetches the image, and removes a container that a crash of the engine
// or of the machine may have left.
func (d *docker) prepare(ctx context.Context, s *Server) error {
	if exec.CommandContext(ctx, d.client, "image", "inspect", dockerImage).Run() != nil {
		fmt.Fprintf(d.progress, "Fetching the Docker image %s (once) …\n", dockerImage)
		if out, err := exec.CommandContext(ctx, d.client, "pull", "--quiet", dockerImage).CombinedOutput(); err != nil {
			return fmt.Errorf("docker pull %s: %w: %s", dockerImage, err, bytes.TrimSpace(out))
		}
	}
	_ = exec.CommandContext(ctx, d.client, "rm", "--force", d.container(s)).Run() // usually there is none
	return nil
}

func (d *docker) spec(s *Server) spec {
	command := []string{
		d.client, "run", "--rm", "--name", d.container(s), "--shm-size", "256m",
		"--publish", fmt.Sprintf("127.0.0.1:%d:5432", s.port),
		"--env", "POSTGRES_PASSWORD", // its value comes from the client's environment, not from the command line
		"--env", "POSTGRES_INITDB_ARGS=--locale=C.UTF-8",
	}
	// An unnamed volume would not outlive a restart of the server.
	command = append(command, "--volume", d.container(s)+":/var/lib/postgresql", dockerImage, "postgres")
	return spec{
		Command: append(command, flags(s.cfg.settings())...),
		Env:     append(os.Environ(), "POSTGRES_PASSWORD="+s.password),
		Dir:     s.home.dir,
		Log:     s.home.log(),
		Kill:    []string{d.client, "kill", d.container(s), "--signal"},
		Remove:  s.home.removedAlone(),
	}
}

// container is a name that is the same for the same directory.
func (d *docker) container(s *Server) string {
	sum := sha256.Sum256([]byte(s.home.dir))
	return "rowcast-" + hex.EncodeToString(sum[:6])
}

// discard removes the data of a temporary server.
func (d *docker) discard(s *Server) error {
	out, err := exec.Command(d.client, "volume", "rm", "--force", d.container(s)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("docker volume rm: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (d *docker) address(s *Server) address {
	return address{host: "127.0.0.1", port: s.port, password: s.password}
}

func (d *docker) psql(s *Server, url string) string {
	if _, err := exec.LookPath("psql"); err == nil {
		return "psql '" + url + "'"
	}
	database := strings.ReplaceAll(s.cfg.Database, "'", `'\''`)
	return "docker exec -i " + d.container(s) + " psql -U " + Superuser + " '" + database + "'"
}
