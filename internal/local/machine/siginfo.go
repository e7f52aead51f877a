//go:build linux

package machine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidOf reads si_pid: the first word of the union after si_signo, si_errno and
// si_code, which is aligned to 8 bytes on 64-bit Linux (asm-generic/siginfo.h).
func pidOf(info *unix.Siginfo) int {
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), 16)))
}
