package pgtest

import "syscall"

// memoryDir is a file system in memory where that has room for test databases
// (containers often give it 64 MB), else the usual place.
func memoryDir() string {
	const shm, enough = "/dev/shm", 2 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(shm, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < enough {
		return ""
	}
	return shm
}
