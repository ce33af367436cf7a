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
	URL string `default:"http://127.0.0.1:8080/healthz" env:"ROWCAST_HEALTH_URL" help:"What to ask."`
}

// Run fails unless the server answers 200.
func (c *healthCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
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
