package proc

import "syscall"

// endWithParent makes the kernel end a process when the benchmark dies without having ended it.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
