//go:build unix && !linux

package postgres

import (
	"os/exec"
	"syscall"
)

func dieWithParent(cmd *exec.Cmd, as *account) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential()}
}
