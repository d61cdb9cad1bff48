//go:build !linux

package proc

import "syscall"

// endWithParent has no meaning here.
func endWithParent() *syscall.SysProcAttr { return nil }
