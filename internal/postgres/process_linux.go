package postgres

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the server stop fast should the supervisor be killed too.
func dieWithParent(cmd *exec.Cmd, as *account) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential(), Pdeathsig: syscall.SIGINT}
}
