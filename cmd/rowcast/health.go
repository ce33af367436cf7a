package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthCommand is the container's health check: the image has no shell.
type healthCommand struct {
	URL     string `env:"ROWCAST_HEALTH_URL" help:"What to ask; by default /healthz where the other options say that the server is."`
	Listen  string `default:"127.0.0.1:8080" help:"Address that the server listens on."`
	TLSCert string `help:"Its certificate; that it has one is what matters."`
}

// target is what to ask.
func (c *healthCommand) target() (string, error) {
	if c.URL != "" {
		return c.URL, nil
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", fmt.Errorf("read %q: %w", c.Listen, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/healthz", nil
}

// Run fails unless the server answers 200.
func (c *healthCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	target, err := c.target()
	if err != nil {
		return fmt.Errorf("ask health: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fmt.Errorf("ask health: %w", err)
	}
	client := &http.Client{}
	if isLoopback(net.JoinHostPort(req.URL.Hostname(), req.URL.Port())) {
		// This machine's own certificate is for the name that people use.
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask health: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask health: %s", resp.Status)
	}
	return nil
}
