package proc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// BIRD is a BIRD 2 that runs, asked over its control socket.
type BIRD struct {
	*Process
	socket string
}

// Missing says that a program to compare with is not there.
type Missing struct{ Program, Package string }

// Error says which Debian package has it.
func (m *Missing) Error() string {
	return fmt.Sprintf("not installed (Debian package %s)", m.Package)
}

// Find looks for a program on the path, and in /usr/sbin, which is not on everybody's. The error is a *Missing.
func Find(program, debian string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath(filepath.Join("/usr/sbin", program)); err == nil {
		return path, nil
	}
	return "", &Missing{program, debian}
}

// StartBIRD runs BIRD with a configuration, which must have no kernel protocol, in a folder with a short name: the path of a control socket
// has at most 107 octets.
func StartBIRD(ctx context.Context, dir, name, config string) (*BIRD, error) {
	program, err := Find("bird", "bird2")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, name+".conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	b := &BIRD{socket: filepath.Join(dir, name+".ctl")}
	if b.Process, err = Start(ctx, program, "-f", "-c", file, "-s", b.socket); err != nil {
		return nil, err
	}
	for {
		if _, err := b.Ask("show status"); err == nil {
			return b, nil
		}
		if err := b.pause(ctx, pollEvery, "to answer"); err != nil {
			b.Stop()
			return nil, err
		}
	}
}

// Ask gives a command and returns the answer's lines without their codes.
func (b *BIRD) Ask(command string) ([]string, error) {
	conn, err := net.DialTimeout("unix", b.socket, time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	in := bufio.NewScanner(conn)
	if _, err := answer(in); err != nil { // its greeting
		return nil, err
	}
	if _, err := fmt.Fprintln(conn, command); err != nil {
		return nil, err
	}
	return answer(in)
}

// answer reads lines until the last one of an answer: one with a code, and a space behind it. A code of 8000 and above is a refusal.
func answer(in *bufio.Scanner) (out []string, err error) {
	for in.Scan() {
		text := in.Text()
		code, coded := 0, false
		if len(text) >= 5 && text[0] != ' ' {
			n, err := strconv.Atoi(text[:4])
			code, coded = n, err == nil
		}
		if !coded {
			out = append(out, text)
			continue
		}
		out = append(out, text[5:])
		if code >= 8000 {
			return nil, fmt.Errorf("BIRD refuses: %s", text)
		}
		if text[4] == ' ' {
			return out, nil
		}
	}
	return nil, errors.Join(errors.New("BIRD's answer broke off"), in.Err())
}

// Routes counts the routes that a protocol of BIRD imported and exported, over its channels.
func (b *BIRD) Routes(protocol string) (imported, exported int, err error) {
	lines, err := b.Ask("show protocols all " + protocol)
	if err != nil {
		return 0, 0, err
	}
	imported, exported = routesOf(lines)
	return imported, exported, nil
}

func routesOf(lines []string) (imported, exported int) {
	for _, l := range lines {
		rest, ok := strings.CutPrefix(strings.TrimSpace(l), "Routes:")
		if !ok {
			continue
		}
		for part := range strings.SplitSeq(rest, ",") {
			f := strings.Fields(part)
			if len(f) != 2 {
				continue
			}
			n, err := strconv.Atoi(f[0])
			switch {
			case err != nil:
			case f[1] == "imported":
				imported += n
			case f[1] == "exported":
				exported += n
			}
		}
	}
	return imported, exported
}

// Until waits until the counts of a protocol are as wanted, and gives the time at which that was seen.
func (b *BIRD) Until(ctx context.Context, protocol string, ok func(imported, exported int) bool) (time.Time, error) {
	for {
		imported, exported, err := b.Routes(protocol)
		if err == nil && ok(imported, exported) {
			return time.Now(), nil
		}
		if err := b.pause(ctx, pollEvery, fmt.Sprintf("with %d routes imported and %d exported in %s", imported, exported, protocol)); err != nil {
			return time.Time{}, err
		}
	}
}
