package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificate is a certificate and its key in files, which may be renewed while
// the server runs. New connections get the newest pair that fits; a pair that
// does not fit is said once, and the one before stays.
type certificate struct {
	certFile, keyFile string
	every             time.Duration // between looks at the files
	log               *slog.Logger

	current atomic.Pointer[tls.Certificate]

	// Owned by Run.
	cert, key []byte // as they were last read
}

// openCertificate reads the pair, which must fit.
func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	if certFile == "" && keyFile == "" {
		return nil, nil
	}
	if certFile == "" || keyFile == "" {
		return nil, errors.New("serve TLS: --tls-cert and --tls-key go together")
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, every: 5 * time.Second, log: log}
	if _, err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// read takes the pair into use if it is another than before.
func (c *certificate) read() (renewed bool, err error) {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return false, fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return false, fmt.Errorf("read certificate's key: %w", err)
	}
	if bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("read certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.cert, c.key = cert, key
	c.current.Store(&pair)
	return true, nil
}

// Run looks at the files until ctx ends. They are read, not watched: a secret
// that is mounted changes by a link somewhere above.
func (c *certificate) Run(ctx context.Context) error {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		renewed, err := c.read()
		switch {
		case err != nil && err.Error() != said:
			said = err.Error() // half a renewal is seen like this too, and is over at the next look
			c.log.Warn("the certificate stays as it was", "error", err)
		case renewed:
			said = ""
			c.log.Info("the certificate was renewed", "until", c.current.Load().Leaf.NotAfter)
		}
	}
}

// config is for a server. Older versions than 1.2 are refused.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
