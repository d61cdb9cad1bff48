package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// machine says what the figures were taken on; what the system does not tell is left out.
func machine() string {
	facts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if model := field("/proc/cpuinfo", "model name"); model != "" {
		facts = append(facts, model)
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		facts = append(facts, runtime.GOOS+" "+strings.TrimSpace(string(b)))
	}
	facts = append(facts, runtime.Version())
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		facts = append(facts, "load before "+strings.Join(strings.Fields(string(b))[:3], " "))
	}
	return strings.Join(append(facts, time.Now().UTC().Format(time.DateOnly)), ", ")
}

// field gives the first value of a key in a file of the form "key : value".
func field(file, key string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if k, v, ok := strings.Cut(in.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// thousands writes a number in groups of three digits.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
